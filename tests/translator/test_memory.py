"""A memory before a model: what it answers, as whom, how it is read anew, and what stays the model's."""

import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from mtkit.errors import DataError
from mtkit.text.memory import Memory
from mtkit.translator.memory import Remembering
from mtkit.translator.request import Line, Request
from mtkit.translator.translator import Translator
from tests.translator.small import translator, written


@pytest.fixture(scope="module")
def small() -> Any:
    return translator()


@pytest.fixture
def corrected(tmp_path: Path) -> Path:
    """A file of corrections; the second of a source counts."""
    path = tmp_path / "corrected.tsv"
    path.write_text("the red dog\tder alte Hund\nthe  cat\tdie Mieze\nthe red dog\tder rote Hund\n\tnothing\nempty\t\n")
    return path


def remembering(small: Translator, path: Path) -> Remembering:
    return Remembering.of(small, Memory([path], ("en", "de")))


def test_what_is_known_is_said_and_the_rest_is_the_models(small: Translator, corrected: Path) -> None:
    made_of = remembering(small, corrected)
    lines = ["a dog", "the red dog", "", "the\u00a0cat ", "the red dogs", "the red dog", "empty"]
    made, plain = made_of.translate(lines), small.translate(lines)
    assert [one.origin for one in made] == ["model", "memory", "model", "memory", "model", "memory", "model"]
    assert [made[i].text for i in (1, 3, 5)] == ["der rote Hund", "die Mieze ", "der rote Hund"]
    assert [made[i].text for i in (0, 2, 4, 6)] == [plain[i].text for i in (0, 2, 4, 6)]
    assert [one.source for one in made] == lines
    told = made[1].as_json(1)
    assert (told["translation"], told["origin"], told["score"], told["tokens"]) == ("der rote Hund", "memory", 0.0, [])
    assert plain[1].as_json(1)["origin"] == "model"
    assert len(made_of.translate("the red dog", n_best=2).candidates) == 1


def test_a_prefix_is_for_the_model(small: Translator, corrected: Path) -> None:
    lines = [Line("the red dog", prefix="a"), Line("the red dog", number=1)]
    first, second = remembering(small, corrected).window(lines, request=Request(n_best=1))
    assert (first.origin, first.text[:1], second.origin) == ("model", "a", "memory")


def test_a_correction_counts_at_once(small: Translator, corrected: Path) -> None:
    made = remembering(small, corrected)
    assert made.translate("a dog").origin == "model"
    with corrected.open("a") as file:
        file.write("a dog\tein Hund\n")
    assert made.translate("a dog").text == "ein Hund"
    before = Memory([corrected], ("en", "de")).identity
    os.utime(corrected, (1, 1))
    assert Memory([corrected], ("en", "de")).identity != before


def test_text_of_any_format_and_none(small: Translator, corrected: Path) -> None:
    (corrected.parent / "more.en").write_text("the cat\n")
    (corrected.parent / "more.de").write_text("die Katze\n")
    memory = Memory([corrected, corrected.parent / "more"], ("en", "de"))
    assert (memory.target("the cat"), memory.target("the red dog"), len(memory)) == ("die Katze", "der rote Hund", 2)
    with pytest.raises(DataError, match=r"none.en does not exist"):
        Memory([corrected.parent / "none"], ("en", "de"))


def test_where_all_is_known_no_model_is_asked(
    small: Translator, corrected: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtkit.translator.translator.translate_ids", lambda *_, **__: 1 / 0)
    made = remembering(small, corrected).window([Line("the red dog"), Line("the cat", number=1)])
    assert [one.text for one in made] == ["der rote Hund", "die Mieze"]


def test_pickled(tmp_path: Path, corrected: Path) -> None:
    made = remembering(Translator.load(written(tmp_path / "b"), beam_size=3), corrected)
    again = pickle.loads(pickle.dumps(made))
    lines = ["a dog", "the red dog"]
    assert again.translate(lines) == made.translate(lines)
    assert again.decode == made.decode


def test_files_that_are_just_being_written_leave_the_memory_as_it_was(small: Translator, corrected: Path) -> None:
    made = remembering(small, corrected)
    whole = corrected.read_text()
    corrected.write_text(f"{whole}the red cat")  # no tab yet
    first, second = made.translate(["the red dog", "the red dog"])
    assert (first.text, second.text) == ("der rote Hund", "der rote Hund")
    assert "the memory is as it was before" in first.warnings[0]
    assert second.warnings == made.translate("the red dog").warnings == []  # told once
    corrected.write_text(f"{whole}the red cat\tdie rote Katze\n")
    assert made.translate("the red cat").text == "die rote Katze"


def test_what_the_guard_searches_again_is_the_models(small: Translator, tmp_path: Path) -> None:
    path = tmp_path / "memory.tsv"
    path.write_text("the cat\tMEMORY\n")
    made, plain = (one.translate("the cat {0}", align=True) for one in (remembering(small, path), small))
    assert (made.text, made.origin) == (plain.text, "model")
    assert "MEMORY" not in made.text
