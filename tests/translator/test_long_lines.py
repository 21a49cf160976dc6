"""Lines of many megabytes: memory that grows slowly with them, in time that grows no faster than they do."""

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mtkit.jobs.likelihood import score
from mtkit.search.sentence import Sentence
from mtkit.text import sentences
from mtkit.text.tokenizer import Tokenizer
from mtkit.translator import guard, segment
from mtkit.translator.guard import Guard
from mtkit.translator.parts import Job
from mtkit.translator.request import Candidate, Line, Pair, Request, Translation
from mtkit.translator.translator import Translator
from tests.translator.small import translator

LONGEST = 300
QUICK: dict[str, Any] = {"beam_size": 1, "max_ratio": 0.02}
SENTENCE = "the red dog sees the cat and finds one two small houses. "
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def long_reader() -> Translator:
    made: Translator = translator(longest=LONGEST)
    return made


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is very long is a few thousand characters here; nobody may have more than a bound tokenised at once."""
    monkeypatch.setattr(sentences, "LONG", 3000)
    monkeypatch.setattr(segment, "TOGETHER", 6000)
    monkeypatch.setattr(segment, "PER_PIECE", 1)
    encode = Tokenizer.encode

    def bounded(self: Tokenizer, texts: list[str], threads: int = 1) -> list[list[int]]:
        assert sum(len(" ".join(text.split())) for text in texts) <= 6000
        return encode(self, texts, threads)

    monkeypatch.setattr(Tokenizer, "encode", bounded)


@pytest.mark.parametrize("text", ["x" * 7000, SENTENCE * 150, "漢字" * 1600], ids=["word", "text", "no spaces"])
def test_little_of_a_very_long_line_is_tokenised_at_once(long_reader: Translator, text: str) -> None:
    made = long_reader.translate(text, **QUICK)
    assert made.text
    (warning,) = made.warnings
    assert f"are more than the {LONGEST} of the longest training sentence: translated in" in warning


def test_a_very_long_line_is_translated_like_a_long_one(
    long_reader: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "The dog sees %s. " + SENTENCE.capitalize() * 120 + "<b>One</b> is two. "
    made = long_reader.translate(text, **QUICK)
    monkeypatch.undo()
    assert made.text == long_reader.translate(text, **QUICK).text


@pytest.mark.parametrize(
    "text", ["the dog" + " " * 40_000 + "sees it", f"the https://a.org/{'A1b' * 9000} dog", "\t" * 30_000 + "dog "]
)
def test_what_is_long_without_many_pieces_is_translated_as_one(long_reader: Translator, text: str) -> None:
    made = long_reader.translate(text, **QUICK)
    assert not any("parts" in warning for warning in made.warnings)
    assert made.text.startswith("\t" * text.count("\t"))


def test_without_a_letter_it_passes(long_reader: Translator) -> None:
    for text in ("{0} 12, " * 4000, "." * 30_000, " " * 30_000):
        assert long_reader.translate(text, **QUICK).text == (text if text.strip() else "")


def test_what_is_too_long_to_be_scored_in_one_go_is_told(
    long_reader: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment, "FORCED", 400)
    monkeypatch.setattr(segment, "TIMES_LONGEST", 1)
    pairs = [Pair("the dog", "der Hund"), Pair("x" * 50_000, "ja"), Pair("ja", SENTENCE * 400), Pair("x " * 900, "y")]
    found = score(long_reader, False, [*pairs, Pair("", "ja")])
    assert [math.isfinite(one.logprob) for one in found] == [True, False, False, False, False]
    for one, side in zip(found[1:4], ("source", "target", "source"), strict=True):
        assert one.warnings[0].startswith(f"the {side} has ")
        assert one.warnings[0].endswith("pieces, more than the 400 that are scored in one go: split it")
    assert found[4].warnings == ["one side is blank: nothing to score"]


def test_little_is_searched_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a line with a thousand placeholders that were lost."""
    monkeypatch.setattr(guard, "TOGETHER", 100)
    parts = ["see %s here "] * 60
    job, line = Job(parts, [Sentence([[1]])] * 60, []), Line("".join(parts))
    asked: list[int] = []

    def search(lines: list[Line], request: Request) -> Iterator[Translation]:
        asked.append(len(lines))
        return (Translation(one.text, [Candidate("dort %s" * (number % 2), 0, 0, [])]) for number, one in
                enumerate(lines))  # fmt: skip

    watching = Guard(("en", "de"), Request(), 5, False)
    for place in range(60):
        assert watching.passed(0, place, job, line, [Candidate("dort", 0, 0, [])]) == []
    found = list(watching.again(search))
    assert sorted(place for _, place, _ in found) == list(range(60))
    assert all("%s" in candidates[0].text for _, _, candidates in found)
    assert max(asked) <= 100 // len(parts[0]) + 1
    assert len(job.warnings) < 60


def test_a_job_knows_what_is_missing() -> None:
    job = Job(["a", "b"], [], [])
    one = Candidate("A", 0, 0, [])
    for place, candidates, missing in ((1, [], 2), (1, [one], 1), (1, [one, one], 1), (0, [one], 0)):
        job.put(place, candidates)
        assert job.missing == missing


IN_A_PROCESS = """
import json, resource, sys
import torch
torch.set_num_threads(1)
from tests.translator.small import translator
kind, size = sys.argv[1], int(sys.argv[2])
made = translator(longest=300)
made.translate("the red dog", beam_size=1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begun = resource.getrusage(resource.RUSAGE_SELF).ru_utime
unit = {"word": "abcdefghij", "text": "the dog sees %s and finds one <b>two</b> small houses. "}[kind]
found = made.translate((unit * (size // len(unit) + 1))[:size], beam_size=1, max_ratio=0.02)
after = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([after.ru_maxrss - before, after.ru_utime - begun, len(found.text)]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["word", "text"])
def test_memory_and_time_of_megabytes(kind: str) -> None:
    """A line of ten megabytes is to stay under a gigabyte, of which a quarter is torch: 75 bytes a byte."""
    code = [sys.executable, "-c", IN_A_PROCESS, kind]
    one, four = (
        json.loads(subprocess.run([*code, str(size)], cwd=ROOT, capture_output=True, check=True).stdout)
        for size in (1 << 20, 4 << 20)
    )
    assert four[0] << 10 < 75 * (4 << 20)
    assert four[1] < 1.3 * 4 * one[1]
    assert four[2] > 3 * one[2]
