"""What comes out of a line as it went in, whatever form of answer is asked for."""

from collections.abc import Iterator
from typing import Any

import pytest

from mtkit import Sampling, Translator
from mtkit.translator import forms
from mtkit.translator.request import Line
from mtkit.translator.segment import Segmenter
from tests.translator.small import LINES, LONGEST, translator

WORDLESS = ["😀", "✓", "— — —", "▾ •", "???", "12:30", "3 + 4 = 7", "  1,000.50\t", "(…)"]
BLANK = ["", "   ", "\u200b", "\ufeff\u200e", "\u00a0\u3000", "\t"]
ENDS = [("  ", " \t"), ("\u00a0", ""), ("", "\u3000 "), ("\u200b ", ""), ("\t", "\u200b")]


@pytest.fixture(scope="module")
def small() -> Translator:
    made: Translator = translator()
    return made


@pytest.mark.parametrize("line", WORDLESS)
def test_what_has_no_letter_passes_through(small: Translator, line: str) -> None:
    for asked in ({}, {"n_best": 3}, {"details": True}, {"sampling": Sampling(1.0, 0, 1)}):
        one = small.translate(line, **asked)
        assert [candidate.text for candidate in one.candidates] == [line]
        assert (one.score, one.candidates[0].logprob, one.candidates[0].tokens, one.warnings) == (0.0, 0.0, [], [])
    (links,) = (small.translate(line, align=True).candidates[0].alignment,)
    assert links == [(word, word) for word in range(len(line.split()))]


@pytest.mark.parametrize("line", ["%s", "<b>{name}</b>", "www.ex.org/a 12"])
def test_what_has_letters_in_placeholders_alone_is_for_the_model_if_these_are(small: Translator, line: str) -> None:
    assert small.translate(line).candidates[0].tokens == []
    assert small.translate(line, protect=False).candidates[0].tokens != []
    assert small.translate("12:30", protect=False).text == "12:30"


@pytest.mark.parametrize("line", BLANK)
def test_what_is_not_seen_is_blank(small: Translator, line: str) -> None:
    one = small.translate(line)
    assert (one.text, one.candidates) == ("", [])


@pytest.mark.parametrize(("before", "after"), ENDS)
def test_white_space_at_the_ends_stays(small: Translator, before: str, after: str) -> None:
    line = f"{before}the red dog{after}"
    white = [some.replace("\u200b", "") for some in (before, after)]
    for asked in ({}, {"n_best": 4}, {"align": True}):
        got, plain = (small.translate(text, **asked).candidates for text in (line, "the red dog"))
        assert [one.text for one in got] == [f"{white[0]}{one.text}{white[1]}" for one in plain]
        assert [one.tokens for one in got] == [one.tokens for one in plain]
        words = len(before.split())  # what is invisible alone is a word of the line as it was given
        links = [None if one.alignment is None else [(s + words, t) for s, t in one.alignment] for one in plain]
        assert [one.alignment for one in got] == links


def test_every_form_has_them(small: Translator) -> None:
    one, through = small.translate([" the dog  ", " ??? "])
    assert forms.text(0, one, 1, False, False).endswith("  \n")
    assert one.as_json()["translation"] == one.as_json()["nbest"][0]["translation"] == one.text
    assert one.text[0] == " "
    assert through.as_json()["translation"] == " ??? "
    assert forms.text(1, through, 1, True, False).split("\t", 1)[1] == " ??? \n"


def test_long_lines_in_parts(small: Translator) -> None:
    long = " ".join(LINES[0] for _ in range(LONGEST)) + "."
    got, plain = (small.translate(line) for line in (f"  {long}\u3000", long))
    assert "parts" in got.warnings[0]
    assert got.text == f"  {plain.text}\u3000"


@pytest.mark.parametrize("odd", ["the\u00a0red dog", "the red d\u00adog", "the\u200b red dog", "the re\ufeffd dog"])
def test_what_looks_the_same_is_translated_and_scored_the_same(small: Translator, odd: str) -> None:
    plain = "the red dog"
    assert small.translate(odd).text == small.translate(plain).text
    with_prefix = [next(iter(small.window([Line("one two", prefix=prefix)]))).text for prefix in (odd, plain)]
    assert with_prefix[0] == with_prefix[1]
    assert with_prefix[0].startswith(plain)


def test_a_prefix_asks_for_words(small: Translator) -> None:
    """With a beginning that somebody gives there is something to say."""
    answers: Any = small.window([Line("???", prefix="eins"), Line("???")])
    first, second = answers
    assert first.text.startswith("eins")
    assert second.text == "???"


NOTHING_LEFT = ["%s " * 100 + "\u3164", "<b>" * 60 + "\u1160" + "</b>" * 60, "\uffa0" + "{0} " * 99]


@pytest.mark.parametrize("line", NOTHING_LEFT)
def test_a_long_line_with_a_letter_that_is_not_seen_passes_and_the_next_ones_are_translated(
    small: Translator, line: str
) -> None:
    made = small.translate([line, "the red dog", "one two"])
    assert made[0].text == line
    assert [one.text for one in made[1:]] == [small.translate(one).text for one in ("the red dog", "one two")]


def test_a_long_line_of_whose_parts_tokenizers_make_nothing_is_one_part(
    small: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Segmenter._of_models

    def of_models(self: Segmenter, texts: list[str], threads: int = 1) -> Iterator[list[list[int]]]:
        return ([[]] if "%s" not in text else ids for text, ids in zip(texts, whole(self, texts, threads), strict=True))

    monkeypatch.setattr(Segmenter, "_of_models", of_models)
    line = "%s " * 100 + "x"
    (job,) = Segmenter(small.members).jobs([Line(line)]).values()
    assert (job.parts, len(job.sentences), job.warnings) == ([line], 1, [])
