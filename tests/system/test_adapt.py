"""`mtkit adapt`: what it gains and keeps, how it goes on, whom it warns and refuses, and the line of parents."""

import json
import random
import shutil
from pathlib import Path

import pytest

from mtkit import files
from mtkit.config import load
from mtkit.errors import MtkitError, RunError
from mtkit.jobs import adapt
from mtkit.jobs.export import export
from mtkit.jobs.preparing import spare
from mtkit.report.training import TrainingFacts
from mtkit.store import bundle_config
from mtkit.store.prepared import Prepared
from mtkit.train.loop import Updated
from mtkit.train.state import Progress
from tests.system.group import ended, launch
from tests.system.test_memory import Messages
from tests.system.toy import WORDS, failed, mtkit, ran

pytestmark = pytest.mark.system  # models are trained

NEW = {"ten": "Katze", "nine": "Hund", "red": "vier", "finds": "sechs"}  # as a trade calls them
SMALL = ("train.max_epochs=1", "train.batch_tokens=300", "train.validate_lines=20")


def write(folder: Path, name: str, pairs: int, seed: int = 1, words: dict[str, str] | None = None) -> None:
    """Text of another kind: there some words mean something else, and each line has one of them."""
    rng, words = random.Random(seed), WORDS | NEW if words is None else words
    lines = [
        [rng.choice(list(NEW)), *(rng.choice(list(WORDS)) for _ in range(rng.randint(1, 6)))] for _ in range(pairs)
    ]
    for line in lines:
        rng.shuffle(line)
    (folder / f"{name}.en").write_text("".join(" ".join(line) + "\n" for line in lines))
    (folder / f"{name}.de").write_text("".join(" ".join(words[word] for word in line) + "\n" for line in lines))


@pytest.fixture
def toy(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a finished run and text of another kind."""
    folder = shutil.copytree(trained, tmp_path / "toy")
    write(folder, "mine", 160)
    monkeypatch.chdir(folder)
    return folder


def adapted(model: str = "runs/toy", *texts: str, view: Messages | None = None, **options: object) -> TrainingFacts:
    view = view or Messages()
    settings = {"overrides": SMALL, "device": "cpu", "name": "next"} | options
    made = adapt.prepare(Path(model), [Path(text) for text in texts or ("mine",)], listener=view, **settings)  # type: ignore[arg-type]
    facts = made.run(view, device="cpu", fresh=bool(options.get("fresh")), command="mtkit adapt")
    assert facts
    return facts


def broken_off(*what: str, **options: object) -> None:
    """Killed when all is learnt and measured, before it is written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mtkit.jobs.adapt.card", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            adapted(*what, **options)  # type: ignore[arg-type]


def bytes_of(folder: Path) -> dict[str, bytes]:
    """The files of a bundle, but for what says how long it took."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".safetensors", ".model")}


@pytest.mark.system
def test_it_gains_and_keeps_and_goes_on_as_itself(toy: Path) -> None:
    view = Messages()
    facts = adapted(view=view)
    assert "144 pairs to learn from, 16 to measure on; 600 of the parent's own are read again meanwhile" in view.said
    mine, parents = facts.measured
    assert (mine.text, mine.pairs, parents.text, parents.pairs) == ("dev of mine", 16, "dev of runs/toy", 30)
    assert mine.after["loss"] < 0.7 * mine.before["loss"]
    assert mine.after["bleu"] > mine.before["bleu"]
    assert parents.before["bleu"] > 95
    noted = bundle_config.read(toy / "runs/next/best")
    assert noted.training == facts
    assert facts.parent
    assert (facts.parent.name, facts.parent.took) == ("runs/toy", "all weights")
    card = (toy / "runs/next/best/README.md").read_text()
    assert f"| dev of mine | 16 | bleu | {mine.before['bleu']:.2f} | {mine.after['bleu']:.2f} | `nrefs:1" in card
    assert "| `runs/toy` | en to de | all weights | 500 updates" in card

    before = bytes_of(toy / "runs/next/best")
    assert adapted() == facts  # done
    assert bytes_of(toy / "runs/next/best") == before
    with pytest.raises(RunError, match="another config .*data.train: .*\n.*start anew"):
        adapted("runs/toy", "train")
    assert bytes_of(toy / "runs/next/best") == before
    described = json.loads(ran(mtkit(toy, "info", "runs/next", "--json")))["training"]
    assert [one["name"] for one in described["parents"]] == ["runs/toy"]
    assert "dev of runs/toy" in ran(mtkit(toy, "info", "runs/next"))


class Killed(Messages):
    """Ends the process, as it were, at an update."""

    def updated(self, event: Updated, progress: Progress) -> None:
        if progress.update == 6:
            raise ZeroDivisionError


def test_killed_and_started_again_it_is_the_same(toy: Path) -> None:
    short = [*SMALL, "train.max_updates=12", "train.validate_every=4"]
    adapted(name="whole", overrides=short)
    with pytest.raises(ZeroDivisionError):
        adapted(view=Killed(), overrides=short)
    broken_off(overrides=short)
    facts = adapted(overrides=short)
    assert facts.measured
    assert bytes_of(toy / "runs/next/best") == bytes_of(toy / "runs/whole/best")


def test_two_adapt_as_one_does_with_two_batches_an_update(toy: Path) -> None:
    """The first one prepares, measures and writes; what is wrong is said once."""
    short = [*SMALL, "train.max_updates=4", "train.validate_every=2"]
    sets = tuple(part for one in short for part in ("-s", one))
    given = ("runs/toy", "mine", "-o", "next", *sets)
    codes, (first, second) = ended(launch(toy, toy, arguments=given, command="adapt"))
    assert (codes, second) == ([0, 0], ""), (first, second)
    assert "2 processes train together, 1 thread each" in first
    assert first.count("144 pairs to learn from, 16 to measure on") == 1
    assert "dev of mine (16 pairs): loss " in first
    assert "translate -m runs/next" in first
    facts = adapted(name="alone", overrides=[*short, "train.accumulate=2"])
    assert bytes_of(toy / "runs/next/best") == bytes_of(toy / "runs/alone/best")
    noted = bundle_config.read(toy / "runs/next/best").training
    assert noted
    assert [one.after for one in noted.measured] == [one.after for one in facts.measured]
    codes, told = ended(launch(toy, toy, arguments=("runs/toy", "none", *sets), command="adapt"))
    assert codes == [1, 1]
    errors = [line for one in told for line in one.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, told
    assert "none.en does not exist" in errors[0]


def test_a_line_of_parents_some_of_them_exported(toy: Path) -> None:
    """And of an exported bundle that lies elsewhere the text is not at hand."""
    elsewhere = toy.parent / "elsewhere"
    elsewhere.mkdir()
    export(toy / "runs/toy", elsewhere / "small", precision="int8", corpus=None)
    for name in ("mine.en", "mine.de"):
        shutil.move(toy / name, elsewhere / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(elsewhere)
        view = Messages()
        first = adapted("small", view=view, name="", overrides=[*SMALL, "train.max_updates=4"])
        assert (
            "144 pairs to learn from, 16 to measure on; no text of the parent is at hand to be read again" in view.said
        )
        assert [one.text for one in first.measured] == ["dev of mine"]
        assert 0 < first.share <= adapt.SHARE
        export(Path("runs/small-mine"), Path("smaller"), precision="int8", corpus=None)
        second = adapted("smaller", overrides=[*SMALL, "train.max_updates=2"])
    assert [(one.name, one.exported) for one in second.parents] == [("smaller", "int8"), ("small", "int8")]
    known = [one.training for one in second.parents]
    assert [one.updates for one in known if one] == [4, 500]
    assert (
        second.config["train"]["lr"] == first.config["train"]["lr"]
    )  # that of the first of the line, and not lower still
    assert [one.text for one in second.measured] == ["dev of mine", "dev of smaller"]  # which is at hand this time
    assert (
        bundle_config.read(elsewhere / "runs/next/best").max_pieces
        >= bundle_config.read(elsewhere / "small").max_pieces
    )


def test_the_parent_must_stay_what_it_was(toy: Path) -> None:
    shutil.move(toy / "train.en", toy / "moved.en")
    export(toy / "runs/toy", toy / "small", precision="int8", corpus=None)
    few = [*SMALL, "train.max_updates=2"]
    broken_off("small", overrides=few)
    export(toy / "runs/toy", toy / "small", precision="bf16", corpus=None)
    with pytest.raises(
        RunError, match="small has changed since .*runs/next was begun from it: put it back, or start anew"
    ):
        adapted("small", overrides=few)
    assert adapted("small", overrides=few, fresh=True).parent
    assert (toy / "runs/next.1").is_dir()


def test_what_cannot_be_the_text_is_refused(toy: Path) -> None:
    write(toy, "few", 19)
    (toy / "turned.en").write_bytes((toy / "mine.de").read_bytes())
    (toy / "turned.de").write_bytes((toy / "mine.en").read_bytes())
    (toy / "same.tsv").write_text("one\teins\n" * 30)
    refused = {
        "few": r"few: 19 pair\(s\) to learn from, expected 20 or more",
        "turned": "turned: its sides look swapped: the model translates en to de",
        "same.tsv": r"same.tsv: too few sources differ to hold some out; name a dev text",
        "none": "none.en does not exist",
    }
    for name, says in refused.items():
        with pytest.raises(MtkitError, match=says):
            adapted("runs/toy", name)
    with pytest.raises(MtkitError, match="runs/none does not exist"):
        adapted("runs/none")
    noted = json.loads((toy / "runs/toy/best/config.json").read_text())
    (toy / "runs/toy/best/config.json").write_text(json.dumps(noted | {"format_version": 99}))
    (toy / "runs/toy/best" / files.CHECKSUMS).unlink()
    files.seal(toy / "runs/toy/best")
    with pytest.raises(MtkitError, match="is of bundle format 99"):
        adapted()
    assert not (toy / "runs/next").exists()


def test_what_is_no_translation_is_warned_of(toy: Path) -> None:
    """Lines that are out of step, and another language: that one does not pass for swapped sides."""
    right = (toy / "mine.de").read_text().splitlines()
    another = [f"{'ㄱㄴㄷㄹㅁㅂㅅㅇ'[number % 8]}고양이가 집을 {number}" for number in range(len(right))]
    for lines, warned in ((right, 0), ([*right[1:], right[0]], 1), (another, 1)):
        (toy / "mine.de").write_text("".join(f"{line}\n" for line in lines))
        view = Messages()
        adapt.prepare(Path("runs/toy"), [Path("mine")], device="cpu", listener=view)
        says = [message for message in view.warned if "hardly translations of their sources; is this en to" in message]
        assert len(says) == warned


def test_its_text_is_spare_when_no_run_names_it(toy: Path) -> None:
    (whole,) = (Prepared.open(path.parent) for path in (toy / "prepared").glob("*/manifest.json"))
    made = adapt.prepare(Path("runs/toy"), [Path("mine")], device="cpu", listener=Messages())
    (divided,) = (toy / "prepared").glob("en-de-adapt-*")
    here = load(str(toy / "mtkit.toml"))
    assert spare.spare(here, whole) == [divided]
    assert spare.spare(made.loaded, whole) == []
    noted = json.loads((toy / "runs/toy/config.json").read_text())
    noted["config"]["data"]["train"] = [f"prepared/{divided.name}/mine"]
    (toy / "runs/next").mkdir()
    (toy / "runs/next/config.json").write_text(json.dumps(noted))
    assert spare.spare(here, whole) == []
    shutil.rmtree(toy / "runs/next")
    assert "removed 1 other prepared text(s)" in mtkit(toy, "preprocess", "--prune").stderr
    assert not divided.exists()


def test_the_command(toy: Path) -> None:
    write(toy, "some", 40, seed=2)
    sets = [part for one in (*SMALL, "train.max_updates=3") for part in ("-s", one)]
    done = mtkit(toy, "adapt", "toy", "mine", "--dev", "some", "--minutes", "1", *sets)
    assert (ran(done), (toy / "runs/toy-mine/best").is_dir()) == ("", True)
    for part in (
        "160 pairs to learn from, 40 to measure on",
        "dev of mine (40 pairs): loss ",
        "translate -m runs/toy-mine",
    ):
        assert part in done.stderr
    refused = mtkit(toy, "adapt", "runs/toy", "mine", "-s", "train.cut=0.1")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "error: mtkit adapt: train.cut = 0.1 has no effect" in refused.stderr
    failed(mtkit(toy, "adapt", "runs/toy", "nothing"), "nothing.en does not exist")
    bundled = mtkit(toy, "adapt", "toy", "mtkit:ui.en-de/dev", "-o", "ui", "--minutes", "1", *sets)
    assert "dev of ui.en-de-dev (" in bundled.stderr, bundled.stderr
    assert mtkit(toy, "adapt", "runs/toy").returncode == 2


def test_a_vocabulary_that_grows(toy: Path) -> None:
    """The new pieces are known at once, by those that they replace."""
    lines = [(toy / f"mine.{language}").read_text() for language in ("en", "de")]
    for language, text, word in zip(("en", "de"), lines, ("nine ten", "Hund Katze"), strict=True):
        (toy / f"mine.{language}").write_text(text.replace(word, word.replace(" ", "")))
    few = [*SMALL, "train.max_updates=1", "train.lr=1e-9"]
    plain, grown = adapted(overrides=few), adapted(overrides=few, name="grown", extend=20)
    made, before = (bundle_config.read(toy / folder / "best") for folder in ("runs/grown", "runs/toy"))
    assert before.vocab_sizes[0] < made.vocab_sizes[0] <= before.vocab_sizes[0] + 20
    assert grown.parent
    assert grown.parent.took.startswith("encoder, decoder, embeddings of 380 pieces (")
    assert "begin anew" in grown.parent.took
    assert made.tokenizers == ("tokenizer.model",)
    assert grown.measured[1].after["bleu"] > 0.5 * plain.measured[1].after["bleu"]  # before any of it was learnt
    with pytest.raises(MtkitError, match="another config"):
        adapted(overrides=few, name="grown")
