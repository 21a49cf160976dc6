"""A study's file: what is refused before any run, and what it stands for."""

from pathlib import Path

import pytest

from mtkit.errors import ConfigError
from mtkit.jobs.studying.definition import ORDER, STUDIES, names, plan, read, text_of
from mtkit.jobs.studying.measuring import MEASURES
from mtkit.schema.study import Measures, Recall, Scores
from mtkit.text.synthetic import recall

MINI = Path(__file__).parent / "mini.toml"
WRONG = [
    ("seeds = [7]", "seeds = [7.5]", "seeds[0]: found 7.5, expected a valid integer"),
    ("seeds = [7]", "seeds = [7, 7]", "seeds: found 7 twice, expected each once"),
    ("minutes = 0.1", "minuts = 0.1", "minuts: found an unknown key, did you mean 'minutes'?, expected one of title,"),
    ('base = "demo"\n', "", "base: found nothing, expected it to be set"),
    ("steps = [1, 5, 100]", "stepps = [1]", "measure.gradients.stepps: found an unknown key, did you mean 'steps'?"),
    ("steps = [1, 5, 100]", 'steps = [1, "5"]', 'measure.gradients.steps[1]: found "5", expected a valid integer'),
    ("distances = [2, 5]", "distances = [0]", "text.distances[0]: found 0, expected greater than or equal to 1"),
    ('kind = "dots"', 'kind = "bars"', "figures[2].kind: found \"bars\", expected 'dots' or 'lines'"),
    (
        'value = "largest_gradient"',
        'value = "bleu_by_length"',
        "figures.value (dots): found 'bleu_by_length', expected",
    ),
    (
        'y = "BLEU"',
        'y = "BLEU"\nalso = ["bleu"]',
        "figures.also: found 'bleu', expected what is measured: bleu_by_length,",
    ),
    ('of = ["with"]\nat_least = 6', "of = []\nat_least = 6", "verdict.of: found [], which 2 variants have, expected"),
    ('of = ["with"]\nat_least = 6', 'of = ["wiht"]\nat_least = 6', "verdict.of: found ['wiht'], which 0 variants"),
    (
        "at_least = 6",
        "at_least = 6\nat_most = 7",
        "verdict[0]: found both or none of at_least and at_most, expected one",
    ),
    ('value = "updates"', 'value = "recall_by_distance@3"', "verdict.value: found 'recall_by_distance@3', expected"),
    ("lengths = [3]", "lengths = [3, 2]", "measure.test: lengths: found [3, 2], expected numbers that rise"),
    ('name = "with",', 'name = "without",', "levels: found 'without' twice, expected each once"),
    ('base = "demo"', 'base = "dmeo"', "config 'dmeo' is neither a file nor a recipe, did you mean 'demo'?"),
    (
        'name=additive"',
        'name=aditive"',
        "the runs of with: built-in recipe demo with what was set: model.attention.name: unknown attention 'aditive'",
    ),
    ("model.embed_dim=16", "model.embed_dmi=16", "unknown key model.embed_dmi, did you mean 'embed_dim'?"),
    (
        '"model.encoder.bidirectional=false"',
        '"model.encoder.name=transformer"',
        "measure.gradients: found model.encoder.name = 'transformer', expected 'recurrent', which has states",
    ),
    ("distances = [2, 5]", "distances = [2, 5]\nfar = 6", "text: far: found 6, expected at most 5, the greatest"),
    ("[text]", "[text", "is not valid TOML"),
]


@pytest.mark.parametrize(("right", "wrong", "message"), WRONG)
def test_a_wrong_file_is_refused(tmp_path: Path, right: str, wrong: str, message: str) -> None:
    text = MINI.read_text(encoding="utf-8")
    assert right in text
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        plan(str(path))
    assert message in str(error.value)
    assert all(line.strip().startswith(str(path)) for line in str(error.value).splitlines())


def test_without_text_to_recall_nothing_is_recalled(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    text = MINI.read_text(encoding="utf-8")
    path.write_text(text.partition("[text]")[0] + "[[axes]]" + text.partition("[[axes]]")[2], encoding="utf-8")
    with pytest.raises(ConfigError, match=r"measure.recall needs text to be recalled: add a table \[text\]"):
        plan(str(path))


def test_text_that_is_not_made(tmp_path: Path) -> None:
    text = MINI.read_text(encoding="utf-8").replace("[measure.recall]\n", "").replace("recall_by", "bleu_by")
    text = text.replace("bleu_by_distance", "bleu_by_length").replace(
        'name=none"', 'name=none", "data.train={text}/far"'
    )
    path = tmp_path / "wrong.toml"
    path.write_text(text.partition("[text]")[0] + "[[axes]]" + text.partition("[[axes]]")[2], encoding="utf-8")
    with pytest.raises(ConfigError, match=r"set: found \{text\}, which stands for text that is made, expected a table"):
        plan(str(path))


def test_names_that_are_none() -> None:
    with pytest.raises(ConfigError, match="study 'memry' is neither a file nor one of mtkit's, did you mean 'memory'?"):
        read("memry")


@pytest.mark.parametrize("name", ["index", "!"])
def test_names_that_no_page_can_have(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.toml").write_text(MINI.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(ConfigError, match="expected one with letters, and not 'index': rename it"):
        plan(str(tmp_path / f"{name}.toml"))


def test_a_name_with_spaces(tmp_path: Path) -> None:
    (tmp_path / "my <own> study.toml").write_text(MINI.read_text(encoding="utf-8"), encoding="utf-8")
    planned = plan(str(tmp_path / "my <own> study.toml"))
    assert planned.name == "my-own-study"
    assert planned.runs[0].name.startswith("my-own-study-without-7-")


def test_what_a_study_stands_for() -> None:
    planned = plan(str(MINI), ["train.lr=0.5"])
    assert [(run.variant, run.seed) for run in planned.runs] == [(("without",), 7), (("with",), 7)]
    assert len({run.name for run in planned.runs}) == 2
    first = planned.runs[0].config
    assert (first.model.attention.name, first.train.lr, first.seed, first.train.max_updates) == ("none", 0.5, 7, 6)
    assert planned.runs[0].base == "demo"
    assert planned.runs[0].settings[0].startswith("data.train=text/recall-")
    assert planned.runs[0].settings[-3:] == ("model.attention.name=none", "train.lr=0.5", "seed=7")
    other = plan(str(MINI), ["train.lr=0.25"])
    assert planned.digest != other.digest
    assert {run.name for run in planned.runs}.isdisjoint(run.name for run in other.runs)
    assert planned.digest == plan(str(MINI), ["train.lr=0.5"]).digest


def test_a_config_of_one_s_own_keeps_its_paths(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        '[data]\nsource_lang = "en"\ntarget_lang = "de"\ntrain = "t/train"\ntest = ["mtkit:ui.en-de/test"]\n'
    )
    text = MINI.read_text(encoding="utf-8").replace('base = "demo"', 'base = "own.toml"')
    text = text.partition("[text]")[0] + "[[axes]]" + text.partition("[[axes]]")[2]
    (tmp_path / "mine.toml").write_text(
        text.replace("[measure.recall]\n", "").replace("recall_by_distance", "bleu_by_length")
    )
    data = plan(str(tmp_path / "mine.toml")).runs[0].config.data
    assert [text.path for text in data.train] == [str(tmp_path.resolve() / "t/train")]
    assert [text.path for text in data.test] == ["mtkit:ui.en-de/test"]


def test_all_studies_are_whole() -> None:
    assert tuple(names()) == ORDER
    assert set(Measures.model_fields) == set(MEASURES)
    for name in names():
        planned = plan(name)
        study = planned.study
        assert study.minutes <= 20, name
        assert len(study.seeds) == 3, name
        assert all("train.precision=fp32" in run.settings for run in planned.runs), name
        text = (STUDIES / f"{name}.toml").read_text(encoding="utf-8")
        assert text.startswith("# "), name
        texts = {run.config.data.train[0].path.split("/")[0] for run in planned.runs}
        assert not texts - {"mtkit:ui.en-de", "text"}, name


def test_text_to_recall() -> None:
    wanted = {2: 40, 7: 20}
    pairs = recall(wanted, items=2, kinds=3, fillers=4, seed=5)
    assert pairs == recall(wanted, items=2, kinds=3, fillers=4, seed=5)
    assert pairs != recall(wanted, items=2, kinds=3, fillers=4, seed=6)
    kept = {word for _, target in pairs for word in target.split()}
    others = {word for source, _ in pairs for word in source.split()[2:]}
    assert (len(kept), len(others)) == (3, 4)
    assert not kept & others
    assert all(source.split()[:2] == target.split() for source, target in pairs)
    alike = recall(wanted, items=2, kinds=3, fillers=4, seed=5, alike=True)
    assert {word for source, _ in alike for word in source.split()} == kept
    assert [len(source.split()) - 2 for source, _ in pairs] == [2] * 40 + [7] * 20
    made = text_of(Recall(distances=[7, 1, 7], train=30, dev=4, test=5))
    assert {part: len(some) for part, some in made.items()} == {"train": 120 + 30, "dev": 8, "test": 10}
    (far,) = {len(source.split()) - 1 for source, _ in text_of(Recall(distances=[1, 7], far=2))["far"]}
    assert far == 7
    assert len({some[0] for some in made.values()}) == 3


def test_buckets_of_lengths() -> None:
    assert Scores(lengths=[4, 10]).buckets() == ["1-4", "5-10", "11+"]
    assert Scores().buckets() == []
