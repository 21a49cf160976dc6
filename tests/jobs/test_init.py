"""A first config: what is found in folders of several kinds, in which languages, how it is divided, what is refused."""

import csv
import json
import re
from pathlib import Path

import pytest

from mtkit import config as configs
from mtkit.errors import ConfigError, DataError, MtkitError
from mtkit.jobs import init
from mtkit.jobs.init import Asked
from mtkit.jobs.starting import looking, pace, settling, sizing, written
from mtkit.jobs.starting.dividing import Counts, Smallest
from mtkit.jobs.starting.written import Line
from mtkit.schema import Config
from mtkit.text.readers.reader import Pair, locate
from tests.system.toy import write_text

PACE = 5000.0  # target tokens a second
MANY = [
    (f"the dog sees {n} big cats and finds them.", f"der Hund sieht {n} große Katzen und findet sie.")
    for n in range(300)
]


class Heard:
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.warned: list[str] = []

    def say(self, message: str, remedy: str = "") -> None:
        self.said.append(message)

    def warn(self, message: str) -> None:
        self.warned.append(message)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pace, "pace", lambda *_: PACE)
    monkeypatch.setattr(settling, "_has_langid", lambda: False)
    settling._identifier.cache_clear()
    return tmp_path


def begun(*texts: str, out: str = "mtkit.toml", **asked: object) -> tuple[Config, Heard]:
    """The config that is written, read from disk, and what was said."""
    heard = Heard()
    named = tuple(map(Path, texts or ["."]))
    made = init.begin(Asked(named, Path(out), **asked), heard)  # type: ignore[arg-type]
    assert Path(out).read_text() == made
    return configs.load(None if out == "mtkit.toml" else out).config, heard


def pairs(path: str, config: Config, folder: str = ".") -> list[Pair]:
    return list(locate(Path(folder) / path, config.data.source_lang, config.data.target_lang))


def lines(prefix: str, codes: tuple[str, str] = ("en", "de"), some: list[Pair] = MANY) -> None:
    Path(prefix).parent.mkdir(parents=True, exist_ok=True)
    for code, side in zip(codes, zip(*some, strict=True), strict=True):
        Path(f"{prefix}.{code}").write_text("".join(line + "\n" for line in side))


def memory(path: str, codes: tuple[str, ...], source: str, some: list[Pair] = MANY) -> None:
    units = (
        "".join(
            f'<tuv xml:lang="{code}"><seg>{line}</seg></tuv>' for code, line in zip(codes, [*pair, *pair], strict=False)
        )
        for pair in some
    )
    body = "".join(f"<tu>{unit}</tu>" for unit in units)
    Path(path).write_text(f'<tmx version="1.4"><header srclang="{source}"/><body>{body}</body></tmx>')


def catalogue(path: str, language: str, some: list[Pair] = MANY) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    head = f'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n"Language: {language}\\n"\n\n'
    Path(path).write_text(
        head + "".join(f"msgid {json.dumps(a)}\nmsgstr {json.dumps(b, ensure_ascii=False)}\n\n" for a, b in some)
    )


def table(path: str, names: tuple[str, ...], some: list[Pair] = MANY) -> None:
    with Path(path).open("w", newline="") as file:
        csv.writer(file).writerows([names, *([str(n), *pair][-len(names) :] for n, pair in enumerate(some))])


def test_text_that_is_divided_already() -> None:
    write_text(Path())
    config, heard = begun()
    data = config.data
    assert (data.source_lang, data.target_lang) == ("en", "de")
    assert [[text.path for text in some] for some in (data.train, data.dev, data.test)] == [
        ["train"],
        ["dev"],
        ["test"],
    ]
    assert not Path(looking.DIVIDED).exists()
    assert "train: train, 600 pairs" in heard.said
    assert any(
        told.startswith("not known: which of en and de is to be translated from: en is taken") for told in heard.said
    )
    assert heard.warned == []


def test_two_files_are_divided_and_nothing_is_lost() -> None:
    lines("corpus", ("de", "en"), [(b, a) for a, b in MANY])
    config, heard = begun()
    assert (config.data.source_lang, config.data.target_lang, config.data.dev) == ("en", "de", [])
    train, test = pairs(config.data.train[0].path, config), pairs(config.data.test[0].path, config)
    assert sorted(train + test) == sorted(MANY)
    assert len(test) == 20
    assert {source for source, _ in train}.isdisjoint(source for source, _ in test)
    assert train == [pair for pair in MANY if pair not in test]  # in the order of the text
    assert any("what to measure on: 20 pairs, held out by hash" in told for told in heard.said)
    before = {path: path.stat().st_mtime_ns for path in Path(looking.DIVIDED).iterdir()}
    again, _ = begun(force=True)
    assert again == config
    assert {path: path.stat().st_mtime_ns for path in Path(looking.DIVIDED).iterdir()} == before  # it stood there


def test_pairs_of_one_source_are_held_out_together() -> None:
    lines("a", some=[(source, f"{target} {n}") for source, target in MANY for n in range(3)])
    config, _ = begun()
    train, test = (pairs(some[0].path, config) for some in (config.data.train, config.data.test))
    assert {source for source, _ in train}.isdisjoint(source for source, _ in test)
    assert len(train) + len(test) == 900
    assert len(test) == 60  # of 20 sources


def test_memories_say_their_languages_and_which_is_the_source() -> None:
    memory("m.tmx", ("en-US", "de-DE", "fr"), "de-DE")
    config, heard = begun()
    assert (config.data.source_lang, config.data.target_lang) == ("de", "en")  # the codes without regions
    assert any("de-fr" in told and "en-fr" in told for told in heard.said)
    config, _ = begun(source="de", target="fr", force=True)
    assert (config.data.source_lang, config.data.target_lang) == ("de", "fr")
    assert len(pairs(config.data.train[0].path, config)) == 280


@pytest.mark.parametrize("names", [("de", "en"), ("id", "de", "en"), ("id", "source", "target")])
def test_columns(names: tuple[str, ...]) -> None:
    table("t.csv", names, [(b, a) for a, b in MANY])
    if "source" in names:
        with pytest.raises(
            DataError, match=r"^t.csv does not say which languages it is in: name them, or install"
        ) as caught:
            begun()
        assert caught.value.remedy == "languages"
    config, _ = begun(source="de", target="en")
    assert pairs(config.data.test[0].path, config)[0][0].startswith("der Hund")


def test_catalogues_of_the_language_that_most_are_in() -> None:
    for name in ("one", "two"):
        catalogue(f"{name}/de.po", "de", MANY[:150])
    catalogue("one/fr.po", "fr", MANY[:90])
    config, heard = begun()
    assert (config.data.source_lang, config.data.target_lang) == ("en", "de")
    assert [text.path for text in config.data.train] == [f"{looking.DIVIDED}/train-de", f"{looking.DIVIDED}/train-de-2"]
    assert sum(len(pairs(text.path, config)) for text in (*config.data.train, *config.data.test)) == 300
    assert [told for told in heard.said if "messages of catalogues" in told and "en is taken" in told]


def test_names_and_letters_say_languages() -> None:
    Path("web.ko-en.tsv").write_text("".join(f"개는 {n}마리\tdog {n}\n" for n in range(100)))
    config, _ = begun()
    assert (config.data.source_lang, config.data.target_lang) == ("ko", "en")
    assert looking.by_name(Path("a/this_is_no_text.tsv")) == ("", "")
    assert looking.by_name(Path("en_US-fr/a.tsv")) == ("", "")
    assert looking.by_name(Path("fr-de/news-v7.tsv.gz")) == ("fr", "de")
    Path("web.ko-en.tsv").rename("web.tsv")
    config, _ = begun(source="en", target="ko", force=True)
    assert config.data.source_lang == "en"  # whoever names them is believed
    with pytest.raises(DataError, match="does not say which languages"):
        begun(force=True)
    assert settling.guess("개는 고양이를 봅니다 " * 20) == "ko"
    assert settling.guess("犬が猫を見ている" * 20) == "ja"
    assert settling.guess("狗看见猫" * 40) == "zh"
    assert settling.guess("Το σκυλί βλέπει τη γάτα " * 20) == "el"
    assert settling.guess("the dog sees the cat " * 20) == ""  # by its words only


def test_words_say_languages_where_py3langid_is(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("py3langid")
    monkeypatch.undo()
    settling._identifier.cache_clear()
    english = " ".join(source for source, _ in MANY[:20])
    assert settling.guess(english) == "en"
    text = looking.Text(Path("a"), (), ("en", "fr"), False, "train", 1)
    (told,) = settling.doubt(text, MANY[:40], ("en", "fr"))
    assert told == "a: is that fr? By its words it is de"


def test_roles_are_told_by_names_of_files_and_folders() -> None:
    for prefix in ("wmt/train/news", "wmt/newstest2014", "wmt/latest", "wmt/validation/small", "x.val"):
        lines(prefix)
    found = {str(text.entry): text.role for text in looking.look([Path()]).texts}
    assert found == {
        "wmt/train/news": "train",
        "wmt/newstest2014": "test",
        "wmt/latest": "train",
        "wmt/validation/small": "dev",
        "x.val": "dev",
    }


def test_paths_start_at_the_config() -> None:
    write_text(Path("."))
    Path("conf").mkdir()
    config, _ = begun("train", "test", out="conf/a.toml")
    assert [text.path for text in config.data.train] == [str(Path("train").resolve())]
    assert [text.path for text in begun("train", "test", out="b.toml")[0].data.train] == ["train"]


def refused(message: str, *texts: str, **asked: object) -> MtkitError:
    with pytest.raises(MtkitError) as caught:
        begun(*texts, **asked)  # type: ignore[arg-type]
    assert re.search(message, str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)
    assert not Path(looking.DIVIDED).exists()
    return caught.value


def test_what_is_no_parallel_text_is_refused() -> None:
    refused(r"^\.: no parallel text, but nothing; expected two files such as train.en and train.de")
    Path("notes.txt").write_text("nothing\n")
    refused("no parallel text, but 1 other file")
    for code in ("en", "de"):
        Path(f"web.{code}.txt").write_text("a\n")
    refused(
        "do not end in the code of their language: web.de.txt could be web.de, web.en.txt could be web.en; expected"
    )
    Path("mono.en").write_text("alone\n")
    Path("web.en.txt").unlink()
    refused("mono.en is a side alone: there is no mono.LANG of another language")
    refused("^gone does not exist; expected a folder, a file of parallel text, or PREFIX", "gone")
    lines("few", some=MANY[:10])
    refused(r"10 pair\(s\) to learn from, expected 20 or more")
    refused("^fr to any language|there is no text from fr", source="fr")
    refused("en to en: that is one language", source="en", target="en")
    Path("bad.csv").write_text("a,b\n1,2\n")
    refused("bad.csv: no columns called by a language, nor source and target; there are 'a', 'b'", "bad.csv")
    lines("uneven")
    with Path("uneven.de").open("a") as file:
        file.write("mehr\n")
    refused("uneven.en has 300 lines but uneven.de has 301", "uneven")


def test_nothing_is_written_over() -> None:
    lines("a")
    Path("mtkit.toml").write_text("mine\n")
    assert refused("^mtkit.toml is there: give this config another name$").remedy == "force"
    assert Path("mtkit.toml").read_text() == "mine\n"
    begun(force=True)
    lines("a", some=MANY[:100])
    with pytest.raises(ConfigError, match="mtkit-text holds other text that was divided before") as caught:
        begun(out="b.toml")
    assert caught.value.remedy == "force"
    begun(out="b.toml", force=True)
    for path in Path(looking.DIVIDED).iterdir():
        path.unlink()
    with pytest.raises(ConfigError, match="is there, and is not what mtkit init divides text into"):
        begun(out="c.toml", force=True)


def test_without_text_of_its_own_the_largest_is_learnt_from() -> None:
    lines("test1", some=MANY[:50])
    lines("test2")
    config, heard = begun()
    assert [text.path for text in (*config.data.train, *config.data.test)] == ["test2", "test1"]
    assert any("what is to be learnt from: test2" in told for told in heard.said)


def test_a_text_that_cannot_be_read_is_left_out() -> None:
    lines("good")
    Path("worse.en").write_bytes(b"\xff\xfe")
    Path("worse.de").write_bytes(b"\xff\xfe")
    config, heard = begun()
    assert len(heard.warned) == 1
    assert "worse" in heard.warned[0]
    assert heard.warned[0].endswith("it is left out")
    assert config.data.test


def test_sizes_grow_and_passes_fall_with_the_text() -> None:
    texts = [
        sizing.estimate([Counts(n, n, [60 * n, 60 * n])], ("en", "de")) for n in (100, 1000, 29_000, 160_000, 5_000_000)
    ]
    assert [text.passes for text in texts][2:4] == [15, pytest.approx(6.4, abs=0.1)]  # as in the recipes
    for key in ("hidden_dim", "batch_tokens"):
        found = [getattr(text.sizes, key) for text in texts]
        assert found == sorted(found)
    assert [text.passes for text in texts] == sorted((text.passes for text in texts), reverse=True)
    minutes = [text.minutes(PACE) for text in texts]
    assert minutes == sorted(minutes)
    assert (minutes[0], minutes[-1]) == (sizing.SHORTEST, sizing.LONGEST)
    assert [text.vocabulary for text in texts][-1] == 8000
    assert texts[2].lengths == (18, 18)
    korean = sizing.estimate([Counts(100, 100, [1000, 1000])], ("en", "ko"))
    assert korean.pieces[1] > korean.pieces[0]


@pytest.mark.parametrize(("minutes", "said"), [(0.01, 0.5), (1.3, 1.5), (7.4, 7), (33, 35), (200, 195)])
def test_minutes_are_round(minutes: float, said: float) -> None:
    assert sizing.rounded(minutes) == said


def test_there_are_about_twenty_validations() -> None:
    for updates in (1, 50, 500, 2604, 9914, 10**6):
        every = sizing.validate_every(updates)
        assert every >= 10
        assert updates < 300 or 13 <= updates / every <= 30
    assert [sizing.validate_every(updates) for updates in (2604, 9914)] == [150, 500]


def test_minutes_that_were_asked_for() -> None:
    write_text(Path())
    config, heard = begun(minutes=2.5)
    assert config.train.max_minutes == 2.5
    assert any(
        told.startswith("training: 2.5 minutes, in which this machine, at about 5,000 target tokens")
        for told in heard.said
    )


def test_the_smallest_keys() -> None:
    smallest = Smallest(3)
    for key in (9, 4, 4, 7, 1, 9, 3, 4):
        smallest.see(key)
    assert smallest.least(2) == {1, 3}
    assert smallest.least(9) == {1, 3, 4}


def test_toml(tmp_path: Path) -> None:
    odd = 'a "b" \\ ü\x7f\t'
    made = [Line("data.train", [odd, "b"], "two"), Line("train.lr", 3e-3), Line("train.x", 2.0), Line("train.y", 0)]
    path = tmp_path / "x.toml"
    path.write_text(written.toml(made, ["one", "", "word " * 60]))
    assert configs.read_toml(path, "x") == written.table(made)
    assert written.table(made) == {"data": {"train": [odd, "b"]}, "train": {"lr": 0.003, "x": 2.0, "y": 0}}
    assert max(map(len, path.read_text().splitlines())) <= 120
