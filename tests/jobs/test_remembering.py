"""A memory that is kept beside a model: what is added, what is told of it, and what is refused."""

import os
from pathlib import Path

import pytest

from mtkit.errors import DataError
from mtkit.jobs.adapting import doubts
from mtkit.jobs.adapting.remembering import Remembered, remember
from mtkit.text.memory import Memory
from mtkit.translator.memory import Remembering
from mtkit.translator.translator import Translator
from tests.system.test_memory import Messages
from tests.translator.small import written


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return written(tmp_path / "model")


def add(model: Path, text: str, memory: Path) -> Remembered:
    path = memory.parent / "text.tsv"
    path.write_text(text)
    return remember(model, [path], memory, device="cpu", listener=Messages())


def test_pairs_are_added_and_the_last_counts(model: Path, tmp_path: Path) -> None:
    memory = tmp_path / "m.tsv"
    assert add(model, "a\tA\nb\tB\na\tAA\n\t\nc\t \n", memory) == Remembered(2, 0, 0, 2, 2)
    assert memory.read_text() == "a\tAA\nb\tB\n"
    assert add(model, "b \tB\na\tA\nd\tD\n", memory) == Remembered(1, 1, 1, 0, 3)
    assert memory.read_text() == "a\tAA\nb\tB\na\tA\nd\tD\n"  # nothing that stands there goes
    held = Memory([memory], ("en", "de"))
    assert [held.target(source) for source in "abd"] == ["A", "B", "D"]
    memory.write_text("x\tX")  # by hand, without its end
    add(model, "y\tY\n", memory)
    assert memory.read_text() == "x\tX\ny\tY\n"


def test_an_addition_counts_for_whoever_translates_meanwhile(model: Path, tmp_path: Path) -> None:
    memory = tmp_path / "m.tsv"
    add(model, "nine\tneun\n", memory)
    made = Remembering.of(Translator.load(model), Memory([memory], ("en", "de")))
    assert made.translate("the red dog").origin == "model"
    add(model, "the red dog\tder rote Hund\n", memory)
    assert [one.text for one in made.translate(["the red dog", "nine"])] == ["der rote Hund", "neun"]


def test_a_write_that_fails_leaves_the_memory_as_it_was(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = tmp_path / "m.tsv"
    add(model, "a\tA\n", memory)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        add(model, "b\tB\n", memory)
    assert memory.read_text() == "a\tA\n"


def test_what_is_no_memory_and_what_is_doubtful(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"name it m\.tsv"):
        add(model, "a\tA\n", tmp_path / "m.txt")
    (tmp_path / "m.tsv").write_text("no tab\n")
    with pytest.raises(DataError, match="expected SOURCE<TAB>TARGET"):
        add(model, "a\tA\n", tmp_path / "m.tsv")
    asked: list[int] = []
    monkeypatch.setattr(doubts, "doubt", lambda found, pairs, what: asked.append(len(pairs)))
    view = Messages()
    for count in (19, 20):
        (tmp_path / "t.tsv").write_text("".join(f"a{number}\tA\n" for number in range(count)))
        remember(model, [tmp_path / "t.tsv"], tmp_path / "other.tsv", device="cpu", listener=view)
    assert asked == [20]  # of a few pairs a model can tell nothing
