"""Where placeholders and tags go in a translation, with links made by hand."""

import re
import time

import pytest

from mtkit.text.spans import find, pairs, without
from mtkit.translator.placing import Looked, place, ranges, units

WORD = re.compile(r"\w+|[^\w\s]")


def looked(line: str, text: str, links: str) -> Looked:
    """Attention that rests on a word of the bare line for each word of the translation: "0-1 1-0"."""
    bare, places = without(line, find(line))
    columns = [(places[one.start()], places[one.end() - 1] + 1) for one in WORD.finditer(bare)]
    rows = [one.span() for one in WORD.finditer(text)]
    weights = [[0.01] * len(columns) for _ in rows]
    for source, target in (map(int, link.split("-")) for link in links.split()):
        weights[target][source] += 1
    return Looked(weights, rows, columns)


PLACED = [
    ("the {0} dog sees {{x}}", "das Hund sieht", "0-0 1-1 2-2", "das {0} Hund sieht {{x}}"),
    ("the dog {0}", "Hund der", "0-1 1-0", "Hund {0} der"),
    ("the <b>red</b> dog", "der Hund rot", "0-0 1-2 2-1", "der Hund <b>rot</b>"),
    ("<b>the red</b> dog.", "Hund der rote.", "0-1 1-2 2-0 3-3", "Hund <b>der rote</b>."),
    ("<p>one</p>", "eins zwei drei", "0-1", "<p>eins zwei drei</p>"),
    ("a <i>b <b>c</b></i> d", "z y x w", "0-3 1-2 2-1 3-0", "z <i><b>y</b> x</i> w"),
    ("<i>a</i> <b>c d</b>", "x y z", "1-0 0-1 2-2", "<b>x</b> <i>y</i> z"),
    ("<i>a</i> <b>b</b>", "x", "0-0", "<i>x</i> <b></b>"),
    ("Hello, {name}!", "Hallo,!", "0-0 1-1 2-2", "Hallo, {name}!"),
    ('say "{0}" now', "sag „“ jetzt", "0-0 1-1 2-2 3-3", "sag „{0}“ jetzt"),
    ("see (%s): it", "siehe (): es", "0-0 1-1 2-2 3-3 4-4", "siehe (%s): es"),
    ("one<br/>two", "eins zwei", "0-0 1-1", "eins<br/>zwei"),
    ("one<br>two", "zwei eins", "0-1 1-0", "<br>zwei eins"),
    (r"it is.\nHere", "es ist. Hier", "0-0 1-1 2-2 3-3", r"es ist.\nHier"),
    ("{0}{1} and {0}", "und", "0-0", "{0}{1} und {0}"),
    ("the dog<br/>", "Hund der", "0-1 1-0", "Hund der<br/>"),
    ("%d %s", "", "", "%d %s"),
    ("we have {0} apples", "我们有苹果", "0-0 1-0 2-0", "我们有苹果 {0}"),
]


@pytest.mark.parametrize(("line", "text", "links", "expected"), PLACED)
def test_beside_what_is_linked(line: str, text: str, links: str, expected: str) -> None:
    made, moves = place(line, find(line), text, looked(line, text, links))
    assert made == expected
    for old, new in moves:
        assert text[old] == made[new]


@pytest.mark.parametrize("line", [line for line, *_ in PLACED])
@pytest.mark.parametrize("text", ["", "ja", "eins zwei drei.", "中文，字", "a (b) c, d: e"])
@pytest.mark.parametrize("loose", [False, True])
def test_without_attention_all_are_there_and_nest(line: str, text: str, loose: bool) -> None:
    spans = find(line)
    made, _ = place(line, spans, text, None, loose=loose)
    assert sorted(one.text for one in find(made)) == sorted(one.text for one in spans)
    assert len(pairs(find(made))) == len(pairs(spans))
    assert "".join(without(made, find(made))[0].split()) == "".join(text.split())


def test_tags_may_nest_as_deep_as_they_like() -> None:
    line = "<b>" * 3_000 + "save <i>the</i> file" + "</b>" * 3_000
    made, _ = place(line, find(line), "Datei", looked(line, "Datei", "2-0"))
    assert made == "<b>" * 3_000 + "<i>Datei</i>" + "</b>" * 3_000


@pytest.mark.parametrize("part", ["字的 {0} ", "字的 <b>x</b> ", "{0}"])
def test_many_take_no_time_each(part: str) -> None:
    line = part * 3_000
    found = find(line)
    start = time.process_time()
    made, _ = place(line, found, "das Haus", None)
    assert time.process_time() - start < 0.7
    assert [one.text for one in find(made)] == [one.text for one in found]


def test_nothing_before_a_floor() -> None:
    line, text = "{0} the <b>dog</b>", "das Tier Hund"
    for attention in (None, looked(line, text, "0-0 1-0")):
        made, _ = place(line, find(line), text, attention, floor=len("das Tier"))
        assert made.startswith("das Tier")
        assert [one.text for one in find(made)] == ["{0}", "<b>", "</b>"]


def test_units() -> None:
    def cut(text: str, *cuts: int) -> list[str]:
        return [text[start:end] for start, end in units(text, cuts)]

    assert cut("don't stop, 3.5 of l’eau!") == ["don't", "stop", ",", "3.5", "of", "l’eau", "!"]
    assert cut("हिन्दी में।") == ["हिन्दी", "में", "।"]
    assert cut("我们有苹果。", 2, 3) == ["我们", "有", "苹果", "。"]
    assert cut("กำลัง", 1, 2, 4) == ["กำ", "ลัง"]
    assert cut("") == []


def test_characters_of_pieces() -> None:
    assert ranges(["▁das", "▁Hun", "d"], len("das Hund")) == [(0, 3), (3, 7), (7, 8)]
    assert ranges(["▁f", "<0xC3>", "<0xBC>", "nf"], len("fünf")) == [(0, 1), (1, 2), (2, 2), (2, 4)]
    assert ranges(["das"], 6) == [(0, 6)]  # another text: nearly
    assert ranges([], 3) == []
