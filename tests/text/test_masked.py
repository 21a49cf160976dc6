"""Spans hidden behind reserved pieces: which pairs are, what comes back, and that what nests does so on both sides."""

import random

import pytest

from mtkit.text.masked import Masks
from mtkit.text.reserved import SPANS, plain
from mtkit.text.spans import find, pairs

A, B, C, D = SPANS[:4]
MASKS = Masks(("en", "de"), [r"[A-Z]{2,}-\d+"])

PAIRS = [
    ("the {0} dog", "das {0} Hund", f"the {A} dog", f"das {A} Hund"),
    ("{0} of {1}", "{1}: {0}", f"{A} of {B}", f"{B}: {A}"),
    ("%s %s", "%s und %s", f"{A} {B}", f"{A} und {B}"),
    ("a <b>red</b> dog", "ein <b>roter</b> Hund", f"a {A}red{B} dog", f"ein {A}roter{B} Hund"),
    ("<i><b>a</b> {0}</i>", "<i>{0} <b>a</b></i>", f"{A}{B}a{C} {D}{SPANS[4]}", f"{A}{D} {B}a{C}{SPANS[4]}"),
    (
        '<a href="1">x</a> <a href="2">y</a>',
        '<a href="2">y</a> <a href="1">x</a>',
        f"{A}x{B} {C}y{D}",
        f"{C}y{D} {A}x{B}",
    ),
    ("take AB-12 and 5 MB", "nimm AB-12 und 5 MB", f"take {A} and {B}", f"nimm {A} und {B}"),
    ("take AB-12, {0}, 5 MB", "nimm sie, {0}, 5 Megabyte", f"take AB-12, {A}, 5 MB", f"nimm sie, {A}, 5 Megabyte"),
    ("AB-12 AB-12", "AB-12", "AB-12 AB-12", "AB-12"),
    ("use `x` {0} 🎉", "nimm x {0} 🎉", f"use `x` {A} {B}", f"nimm x {A} {B}"),
]
AS_THEY_ARE = [
    ("the dog", "das Hund"),
    ("the {0} dog", "der Hund"),
    ("the {0} dog", "das {0} {0}"),
    ("the dog", "das {0} Hund"),
    ("<b>red</b> {0}", "<b>rot {0}</b>"),  # it stands in another one
    ("<b>a <i>b</i></b>", "<i>a <b>b</b></i>"),
    ("<b>a</b>", "</b>a<b>"),
    ("%s" * (len(SPANS) + 1), "%s" * (len(SPANS) + 1)),
]


@pytest.mark.parametrize(("source", "target", "masked", "other"), PAIRS)
def test_pairs_whose_spans_match(source: str, target: str, masked: str, other: str) -> None:
    assert MASKS.pair(source, target) == (masked, other)
    mask, said = MASKS.both(source, target)
    assert mask.restored(mask.text, source)[0] == source
    assert mask.restored(said, source)[0] == target


@pytest.mark.parametrize(("source", "target"), AS_THEY_ARE)
def test_pairs_that_stay_as_they_are(source: str, target: str) -> None:
    assert MASKS.pair(source, target) == (source, target)


def test_what_spells_a_symbol_is_none() -> None:
    source, target = f"a {B} and {{0}} of <mtkit:", f"ein {B} und {{0}} von <mtkit:"
    masked, other = MASKS.pair(source, target)
    assert masked == f"a {A} and {B} of < mtkit:"
    assert other == f"ein {A} und {B} von < mtkit:"
    assert MASKS.pair(f"a {B}", "b") == (f"a {plain(B)}", "b")
    assert plain(B) != B


def test_what_has_grown_together_is_parted() -> None:
    line = "see http://ex.org/a now, {0}"
    mask = MASKS.line(line)
    assert mask.restored(f"siehe {A}jetzt, {B}", line)[0] == "siehe http://ex.org/a jetzt, {0}"
    assert mask.restored(f"{B}을 siehe {A}", line)[0] == "{0}을 siehe http://ex.org/a"
    assert MASKS.line("{0} files").restored(f"Dateien{A}", "{0} files")[0] == "Dateien{0}"  # nothing has


def test_where_characters_went() -> None:
    line = "the <b>red</b> dog {0}"
    mask = MASKS.line(line)
    at, ends = dict(mask.moves), [mask.text.index(symbol) + len(symbol) for symbol in (A, B)]
    assert [line[at[end] :][:3] for end in ends] == ["red", " do"]
    text, moves = mask.restored(f"ein {A}roter{B} Hund {C}", line)
    assert text == "ein <b>roter</b> Hund {0}"
    assert text[dict(moves)[4 + len(A)] :].startswith("roter")


def test_what_stands_in_what() -> None:
    """Against the stack of a reader, of random trees."""
    rng = random.Random(1)
    for _ in range(200):
        line, opened = "", list[str]()
        for _ in range(rng.randint(1, 12)):
            match rng.choice(["open", "close", "alone", "word"]):
                case "open":
                    opened.append(rng.choice("abiu"))
                    line += f"<{opened[-1]}>"
                case "close" if opened:
                    line += f"</{opened.pop()}>"
                case "alone":
                    line += "{0}"
                case _:
                    line += "word "
        mask = MASKS.line(line)
        closing = pairs(find(line))
        for number, outer in enumerate(mask.within):
            around = [a for a, b in closing.items() if a < number <= b]
            assert outer == max(around, default=-1)
        assert mask.closing == closing
        assert mask.restored(mask.text, line)[0] == line
