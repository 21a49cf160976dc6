"""One model that translates from one language into two: its tag decides, from the config to the table of scores."""

import json
import random
from pathlib import Path

import pytest

from mtkit.store.prepared import Prepared
from mtkit.text.reserved import TAGS
from mtkit.text.tokenizer import Tokenizer
from tests.system.toy import failed, mtkit, ran

pytestmark = pytest.mark.system  # a model is trained

WORDS = {"one": ("eins", "un"), "two": ("zwei", "deux"), "red": ("rot", "rouge"), "dog": ("Hund", "chien")}
CONFIG = """
name = "both"
[data]
source_lang = "en"
target_lang = "de"
train = [
    {path = "train", tag = "2de"},
    {path = "train", tag = "2fr", languages = ["en", "fr"]},
    {path = "made", tag = "bt", weight = 0.5},
]
dev = "dev"
test = "dev"
[filter]
max_pieces = 30
[model]
embed_dim = 32
hidden_dim = 48
dropout = 0.0
[train]
batch_tokens = 200
lr = 0.02
warmup = 10
schedule = "linear"
max_epochs = 0
max_updates = 120
validate_every = 60
precision = "fp32"
"""
UNSEEN = "dog one red"


def write(folder: Path, name: str, count: int, rng: random.Random) -> None:
    lines = [[rng.choice([*WORDS]) for _ in range(rng.randint(1, 3))] for _ in range(count)]
    lines = [line for line in lines if " ".join(line) != UNSEEN]
    (folder / f"{name}.en").write_text("".join(" ".join(line) + "\n" for line in lines))
    for side, language in enumerate(("de", "fr")):
        said = (" ".join(WORDS[word][side] for word in line) for line in lines)
        (folder / f"{name}.{language}").write_text("".join(line + "\n" for line in said))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("directions"), random.Random(0)
    for name, count in (("train", 300), ("made", 60), ("dev", 20)):
        write(folder, name, count, rng)
    (folder / "mtkit.toml").write_text(CONFIG)
    done = mtkit(folder, "train", "-s", "filter.dedupe=false")
    ran(done)
    (folder / "said").write_text(done.stderr)
    return folder


def test_training_says_what_it_draws_and_how_each_direction_does(both: Path) -> None:
    said = (both / "said").read_text()
    assert "an epoch draws 660 pairs: train 40.0% (0.88 times), train-2 40.0% (0.88 times), made 20.0% (2.20" in said
    assert "en-de: BLEU" in said
    assert "en-fr: BLEU" in said
    events = [json.loads(line) for line in (both / "runs/both/log.jsonl").read_text().splitlines()]
    told = [event for event in events if event["event"] == "directions"]
    means = [event for event in events if event["event"] == "validation"]
    assert len(told) == len(means) == 2
    for one, mean in zip(told, means, strict=True):
        assert mean["bleu"] == pytest.approx((one["en-de"]["bleu"] + one["en-fr"]["bleu"]) / 2)


def test_the_tag_decides(both: Path) -> None:
    def translated(*more: str) -> tuple[str, str]:
        done = mtkit(both, "translate", *more, stdin=UNSEEN + "\n")
        return ran(done), done.stderr

    assert translated("--tag", "2fr")[0] == "chien un rouge\n"
    assert translated("--tag", "<2de>") == ("Hund eins rot\n", "config: mtkit.toml\n")
    text, said = translated()
    assert text == "Hund eins rot\n"
    assert "tag: <2de>, en to de; this model has <2de>, <bt>, <2fr> (--tag)" in said
    unknown = mtkit(both, "translate", "--tag", "2es", stdin="one\n")
    failed(unknown, "was trained with <2de> (en to de), <bt> (en to", "--tag")
    likely = [float(ran(mtkit(both, "score", "--tag", tag, stdin="dog\tchien\n"))) for tag in ("2fr", "2de")]
    assert likely[0] > likely[1] + 1


def test_a_row_of_scores_for_each_direction(both: Path) -> None:
    lines = ran(mtkit(both, "eval", "--metrics", "bleu,chrf")).splitlines()
    assert lines[0].split() == ["BLEU", "chrF"]
    assert [line.split()[:4] for line in lines[1:3]] == [
        ["dev.en-de", "en", "to", "de"],
        ["dev.en-fr", "en", "to", "fr"],
    ]
    assert all(float(line.split()[-1]) > 80 for line in lines[1:3])
    assert lines[4].startswith("BLEU  nrefs:1|")
    assert {path.name for path in (both / "runs/both/eval").iterdir()} >= {"dev.en-de.de", "dev.en-fr.fr"}
    assert list(json.loads(ran(mtkit(both, "eval", "--json")))) == ["dev.en-de", "dev.en-fr"]


def test_card_and_info_name_its_tags(both: Path) -> None:
    card = (both / "runs/both/best/README.md").read_text()
    for part in ("| `2fr` | en to fr |", "| en to fr | ", "without, that is `2de`."):
        assert part in card
    told = ran(mtkit(both, "info", "runs/both"))
    assert "<2de> (en to de), <bt> (en to de), <2fr> (en to fr); without --tag the first" in told
    table = json.loads(ran(mtkit(both, "info", "runs/both", "--json")))
    assert table["tags"][2] == {"tag": "2fr", "source_lang": "en", "target_lang": "fr"}


def test_every_source_begins_with_its_tag(both: Path) -> None:
    (where,) = (both / "prepared").glob("en-de-*/manifest.json")
    prepared = Prepared.open(where.parent)
    tokenizer = Tokenizer.read(prepared.tokenizer_files[0])
    for split, expected in (("train", ["2de", "2fr", "bt"]), ("dev", ["2de", "2fr"])):
        parts = prepared.split(split).parts  # type: ignore[arg-type]
        assert [part.tag for part in parts] == expected
        for number, part in enumerate(parts):
            shard = prepared.split(split).open(number)  # type: ignore[arg-type]
            heads = {int(shard.source[i][0]) for i in range(len(shard))}
            others = {int(piece) for i in range(len(shard)) for piece in shard.source[i][1:]}
            symbols = {tag.name: tag.symbol for tag in prepared.tags}
            assert heads == {tokenizer.id_of(symbols[part.tag])}
            assert not others & {tokenizer.id_of(symbol) for symbol in TAGS}
