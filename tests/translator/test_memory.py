"""A memory before a model: what it answers, as whom, how it is read anew, and what stays the model's."""

import os
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mtkit.errors import DataError
from mtkit.text.memory import Memory
from mtkit.text.similar import Similar
from mtkit.translator.memory import Remembering
from mtkit.translator.request import Line, Request
from mtkit.translator.translator import Translator
from tests.translator.small import pieces, translator, written


@pytest.fixture(scope="module")
def small() -> Any:
    return translator()


@pytest.fixture
def corrected(tmp_path: Path) -> Path:
    """A file of corrections; the second of a source counts."""
    path = tmp_path / "corrected.tsv"
    path.write_text("the red dog\tder alte Hund\nthe  cat\tdie Mieze\nthe red dog\tder rote Hund\n\tnothing\nempty\t\n")
    return path


def remembering(small: Translator, path: Path, least: float = 0.5) -> Remembering:
    return Remembering.of(small, Memory([path], ("en", "de")), least)


def test_what_is_known_is_said_and_the_rest_is_the_models(small: Translator, corrected: Path) -> None:
    made_of = remembering(small, corrected)
    lines = ["a dog", "the red dog", "", "the\u00a0cat ", "one of the three dogs", "the red dog", "empty"]
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


def test_what_the_guard_searches_again_is_the_models_and_steered(small: Translator, corrected: Path) -> None:
    line = "the red dog <a href='x'>{0}</a>"  # itself it is hardly like what is known
    assert small.translate(line).warnings  # the model loses it all
    made = remembering(small, corrected).translate(line, align=True)
    assert (made.origin, made.candidates[0].alignment is None) == ("model, memory", False)
    assert made.text.replace("<a href='x'>{0}</a>", "").split() == ["der", "rote", "Hund"]
    made = remembering(small, corrected, 1).translate(line, align=True)
    assert (made.origin, made.text) == ("model", small.translate(line, align=True).text)


@pytest.mark.parametrize("beam", [1, 3])
def test_like_lines_steer_search_and_others_are_left_alone(small: Translator, corrected: Path, beam: int) -> None:
    lines = ["the red dog!", "nine", "one two three big houses", "the red dog", "and the red dog"]
    asked: dict[str, Any] = {"beam_size": beam, "max_ratio": 2.0}
    made, plain = remembering(small, corrected, 0.5).translate(lines, **asked), small.translate(lines, **asked)
    assert [one.origin for one in made] == ["model, memory", "model", "model", "memory", "model, memory"]
    assert made[0].text != plain[0].text
    assert [one.text for one in made[1:3]] == [one.text for one in plain[1:3]]
    assert made[0].as_json()["origin"] == "model, memory"
    others = lines[1:3]
    assert remembering(small, corrected, 0.5).translate(others, **asked) == small.translate(others, **asked)
    none = remembering(small, corrected, 1).translate(lines[::4], **asked)
    assert none == small.translate(lines[::4], **asked)


def test_numbers_are_the_models(tmp_path: Path) -> None:
    words, path = pieces(), tmp_path / "memory.tsv"
    path.write_text("page 5\tSeite 5\n")
    sentence = remembering(translator(), path)._segmenter.jobs([Line("page 6")])[0].sentences[0]
    said = [words.names[piece] for piece in sentence.examples[0].values]
    assert "".join(said) == "▁<0x53>eite▁</s>"


def test_what_is_kept_of_examples_is_bounded(
    small: Translator, corrected: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtkit.translator.examples.NUMBERS", 100)
    made = remembering(small, corrected)
    for line in ("the red dog!", "the cat!", "the red dog!"):
        assert made.translate(line).origin == "model, memory"
        assert len(made._segmenter._examples._kept) == 1  # type: ignore[attr-defined]


def test_an_index_grows_with_its_memory(corrected: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mtkit.text.memory.RECENT", 2)
    made: list[int] = []

    class Counted(Similar):
        def __init__(self, lines: Sequence[str], spaced: bool = True) -> None:
            made.append(len(lines))
            super().__init__(lines, spaced)

    monkeypatch.setattr("mtkit.text.memory.Similar", Counted)
    memory = Memory([corrected], ("en", "de"))
    assert memory.similar("a red dog", 3, 0.1) == [("the red dog", "der rote Hund")]
    for number, text in enumerate(("a red dog\tein", "the red\tdas", "red dogs\trote", "the red dog\tneu")):
        with corrected.open("a") as file:
            file.write(text + "\n")
        os.utime(corrected, (1, number))
        assert memory.refresh() == ""
        assert memory.similar(text.split("\t")[0], 1, 1) == [tuple(text.split("\t"))]
    assert made == [2, 1, 2, 5]
    found = memory.similar("the red dog", 3, 0.3)
    assert [source for source, _ in found] == ["the red dog", "the red", "a red dog"]
    corrected.write_text("the red\tdas\n")
    memory.refresh()
    assert memory.similar("the red dog", 3, 0.3) == [("the red", "das")]
