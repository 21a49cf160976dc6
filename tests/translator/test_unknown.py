"""Source words that the vocabulary lacks: where they go, by attention that is made by hand, and in translations."""

import time
from collections.abc import Sequence
from typing import Any

import pytest

from mtkit.translator import unknown
from mtkit.translator.copying import Copied, copied
from mtkit.translator.spelled import Spelled, kinds_of
from mtkit.translator.unknown import Source


def source(spelt: str, stride: int = 1) -> Source:
    """Pieces with spaces between them, the unknown ones in brackets."""
    pieces = spelt.split()
    return Source.of([piece.strip("[]") for piece in pieces], [piece[0] == "[" for piece in pieces], stride)


def looks(*columns: int, of: int, weight: float = 0.9) -> list[list[float]]:
    """Attention of rows that look at these columns, and a little at all others."""
    rest = (1 - weight) / (of - 1)
    return [[weight if place == column else rest for place in range(of)] for column in columns]


def put(spelt: str, said: str, rows: Sequence[Sequence[float]] | None, spaced: bool = True, fixed: int = 0) -> str:
    """The translation, whose pieces are given."""
    target = Spelled.of(said.split())
    if target.text.startswith(" "):
        target = Spelled(target.text[1:], [end - 1 for end in target.ends])
    return copied(source(spelt), target, None if rows is None else list(map(list, rows)), spaced, fixed).text


def test_it_takes_the_place_of_the_word_that_was_said_for_it() -> None:
    rows = looks(0, 1, 2, 3, 4, of=5)
    assert put("▁the ▁dog ▁sees [▁Berlin]", "▁der ▁Hund ▁sieht ▁Katze", rows) == "der Hund sieht Berlin"
    assert put("[▁Berlin] ▁sees ▁the ▁dog", "▁Katze ▁sieht ▁den ▁Hund", rows) == "Berlin sieht den Hund"


def test_it_comes_after_its_neighbour_where_no_word_was_said_for_it() -> None:
    rows = looks(0, 1, 2, 4, of=5)
    assert put("▁the ▁dog ▁sees [▁Berlin]", "▁der ▁Hund ▁sieht", rows) == "der Hund sieht Berlin"
    moved = looks(2, 0, 1, 4, of=5)
    assert put("▁the ▁dog ▁sees [▁Berlin]", "▁sieht ▁der ▁Hund", moved) == "sieht Berlin der Hund"
    assert put("[▁Berlin] ▁sees ▁the ▁dog", "▁sieht ▁den ▁Hund", looks(1, 2, 3, 4, of=5)) == "Berlin sieht den Hund"
    assert put("[▁Berlin] ▁the ▁dog ▁sees", "▁sieht ▁den ▁Hund", looks(3, 1, 2, 4, of=5)) == "sieht Berlin den Hund"


def test_a_word_that_something_known_needs_stays_though_it_looks_at_what_is_unknown() -> None:
    rows = [[0.99, 0.01, 0.0, 0.0, 0.0], [0.24, 0.60, 0.15, 0.0, 0.0], [0.02, 0.09, 0.42, 0.46, 0.0], [0, 0, 0, 0, 1.0]]
    assert put("▁cat [▁Anna] ▁eight ▁small", "▁Katze ▁acht ▁kleine", rows) == "Katze Anna acht kleine"
    more = [rows[0], [0.0, 0.9, 0.1, 0.0, 0.0], *rows[1:]]
    assert put("▁cat [▁Anna] ▁eight ▁small", "▁Katze ▁rote ▁acht ▁kleine", more) == "Katze Anna acht kleine"


@pytest.mark.parametrize(
    ("spelt", "said", "rows", "wanted"),
    [
        ("[▁Ann] ▁sees [▁Bob]", "▁sieht", looks(1, 3, of=4), "Ann sieht Bob"),
        ("[▁Ann] ▁sees [▁Bob]", "▁x ▁sieht ▁y", looks(0, 1, 2, 3, of=4), "Ann sieht Bob"),
        ("[▁Ann] ▁sees [▁Bob]", "▁x ▁sieht ▁y", looks(2, 1, 0, 3, of=4), "Bob sieht Ann"),
        ("[▁Ann] ▁sees [▁Bob]", "▁sieht ▁y", looks(1, 2, 3, of=4), "Ann sieht Bob"),
        ("▁dog [▁Ann] ▁sees [▁Ann]", "▁Hund ▁sieht", looks(0, 2, 4, of=5), "Hund Ann sieht Ann"),
        ("▁dog [▁Ann▁Bob]", "▁Hund", looks(0, 2, of=3), "Hund Ann Bob"),
        ("▁dog [▁Ann▁Bob]", "▁Hund ▁x", looks(0, 1, 2, of=3), "Hund Ann Bob"),
        ("▁dog ▁ [東] ▁ [京]", "▁Hund", looks(0, 5, of=6), "Hund 東 京"),
        ("▁ [東] ▁ [京] ▁dog", "▁Hund", looks(4, 5, of=6), "東 京 Hund"),
    ],
    ids=["ends", "two words", "crossed", "one of each", "twice", "in a row", "in a row for one", "after", "before"],
)
def test_several(spelt: str, said: str, rows: list[list[float]], wanted: str) -> None:
    assert put(spelt, said, rows) == wanted


@pytest.mark.parametrize(
    ("spelt", "said", "rows", "wanted"),
    [
        ("▁the ▁house [😀]", "▁das ▁Haus", looks(0, 1, 3, of=4), "das Haus😀"),
        ("▁the ▁house [😀]", "▁das ▁Haus", looks(0, 2, 3, of=4), "das Haus😀"),  # a picture is no word
        ("▁ [😀] house ▁big", "▁groß ▁Haus", looks(3, 2, 4, of=5), "groß 😀Haus"),
        ("▁house ▁ [❤️] ▁big", "▁Haus ▁groß", looks(0, 3, 4, of=5), "Haus ❤️ groß"),
        ("▁Dvo [ř] ák ▁sees", "▁Dvo ák ▁sieht", looks(0, 2, 3, 4, of=5), "Dvořák sieht"),
        ("▁see ▁ [Ł] ódź .", "▁sehe ▁ódź .", looks(0, 3, 4, 5, of=6), "sehe Łódź."),
        ("▁see ▁ [Ł] ódź .", "▁sehe .", looks(0, 4, 5, of=6), "sehe Łódź."),
        ("▁Hi , ▁ [東京] !", "▁Hallo , !", looks(0, 1, 4, 5, of=6), "Hallo, 東京!"),
        ("▁a ▁( [東京] )", "▁b ▁( )", looks(0, 1, 3, 4, of=5), "b (東京)"),
        ("▁in [東] 京", "▁in ▁Kyoto", looks(0, 2, 3, of=4), "in 東 Kyoto"),
    ],
)
def test_of_a_word_a_part_is_unknown(spelt: str, said: str, rows: list[list[float]], wanted: str) -> None:
    assert put(spelt, said, rows) == wanted


@pytest.mark.parametrize(
    ("spelt", "said", "wanted"),
    [
        ("▁I ▁see [▁Berlin,] ▁too", "▁ich ▁sehe ▁Hund, ▁auch", "ich sehe Berlin, auch"),
        ("▁I ▁see [▁Berlin,] ▁too", "▁ich ▁sehe ▁Hund ▁auch", "ich sehe Berlin, auch"),
        ("▁I ▁see [▁(Berlin)] ▁too", "▁ich ▁sehe ▁(Hund), ▁auch", "ich sehe (Berlin), auch"),
        ("▁I ▁see [▁Rio-Süd] ▁too", "▁ich ▁sehe ▁Hund. ▁auch", "ich sehe Rio-Süd. auch"),
    ],
)
def test_marks_come_once(spelt: str, said: str, wanted: str) -> None:
    assert put(spelt, said, looks(0, 1, 2, 3, 4, of=5)) == wanted


def test_a_script_without_spaces() -> None:
    rows = looks(0, 1, 3, of=4)
    assert put("▁I ▁love [▁Berlin]", "我 爱", rows, spaced=False) == "我爱Berlin"
    assert put("▁I ▁love [▁Berlin]", "我 爱 猫", looks(0, 1, 2, 3, of=4), spaced=False) == "我爱Berlin"
    assert put("我 爱 [鷲] 。", "▁I ▁love .", looks(0, 1, 3, 4, of=5)) == "I love 鷲."
    assert put("▁I ▁love [▁Rio] ▁ [Ann]", "我 爱", looks(0, 1, 5, of=6), spaced=False) == "我爱Rio Ann"


def test_what_is_there_already_is_not_put_again() -> None:
    rows = looks(0, 1, of=3)
    assert put("▁dog [▁Rio]", "▁Hund ▁Rio", rows) == "Hund Rio"
    assert put("▁dog [▁Rio]", "▁Hund ▁Rioja", looks(0, 0, of=3)) == "Hund Rio Rioja"


def test_without_attention_it_comes_as_far_from_the_beginning() -> None:
    said = "▁a ▁b ▁c ▁d"
    assert put("[▁Rio] ▁w ▁x ▁y ▁z", said, None) == "Rio a b c d"
    assert put("▁w ▁x [▁Rio] ▁y ▁z", said, None) == "a b Rio c d"
    assert put("▁w ▁x ▁y ▁z [▁Rio]", said, None) == "a b c d Rio"
    assert put("▁w [▁Rio] ▁x ▁y [▁Ann] ▁z", "▁a ▁b", None) == "a Rio b Ann"


def test_the_first_piece_of_a_word_tells_what_it_was_said_for() -> None:
    rows = looks(0, 4, 2, 4, 4, 4, 1, 4, 4, of=5)  # of what is only spelled out it is at the end
    assert put("▁ten ▁the [▁Anna] ▁big", "▁ze hn ▁k a t z ▁d as", rows) == "zehn Anna das"


def test_nothing_was_said() -> None:
    assert put("▁the [▁Rio] [▁Ann]", "", looks(3, of=4)) == "Rio Ann"
    assert put("▁the [▁Rio]", "", None) == "Rio"


def test_nothing_is_known() -> None:
    assert put("[▁Rio▁Ann]", "▁das ▁Haus", looks(0, 1, 1, of=2)) == "Rio Ann"
    assert put('▁" [Rio] !"', "▁das ▁Haus", looks(0, 1, 1, of=4)) == '"Rio!"'


def test_what_the_translation_must_begin_with_stays() -> None:
    rows = looks(1, 0, 1, 2, of=3)
    assert put("▁dog [▁Rio]", "▁das ▁Haus", rows, fixed=3) == "das Haus Rio"
    assert put("[▁Rio] ▁dog", "▁das ▁Haus", looks(1, 1, 2, of=3), fixed=3) == "das Rio Haus"
    assert put("[▁Rio]", "▁das ▁Haus", looks(1, 1, 1, of=2), fixed=3) == "das Rio Haus"


def test_columns_of_several_pieces() -> None:
    made = source("▁a ▁b ▁c [▁Rio] ▁d", 2)  # columns: a b | c Rio | d and the end
    rows = [[0.9, 0.1, 0.0], [0.3, 0.7, 0.0], [0.0, 0.1, 0.9], [0.0, 0.0, 1.0]]
    # The second word looks at Rio with 0.7 / 2 only.
    assert copied(made, Spelled("x y z", [1, 3, 5]), rows).text == "x y Rio z"


def links(spelt: str, said: str, rows: list[list[float]], before: list[tuple[int, int]]) -> list[tuple[int, int]]:
    made, target = source(spelt), Spelled.of(said.split())
    target = Spelled(target.text[1:], [end - 1 for end in target.ends])
    found: Copied = copied(made, target, rows)
    return found.links(before, target.text, made.spelled, list(range(9)))


def test_links_are_of_the_words_that_there_are() -> None:
    rows = looks(0, 1, 2, 3, of=4)
    before = [(0, 0), (1, 1), (4, 2)]  # of "Hund sieht groß"
    assert links("▁dog ▁sees [▁Rio▁Ann] ▁big", "▁Hund ▁sieht ▁groß", looks(0, 1, 3, of=5), before) == [
        (0, 0),
        (1, 1),
        (2, 2),
        (3, 3),
        (4, 4),
    ]
    assert links("▁dog ▁sees [▁Rio]", "▁Hund ▁sieht ▁x", rows, [(0, 0), (1, 1), (2, 2)]) == [(0, 0), (1, 1), (2, 2)]
    assert links("▁the ▁house [😀]", "▁das ▁Haus", rows, [(0, 0), (1, 1)]) == [(0, 0), (1, 1)]


class Alternating:
    """A tokenizer to which every other word is unknown."""

    unknown = 0

    def surfaces(self, text: str) -> list[str]:
        return ["▁" + word for word in text.split()]

    def encode(self, texts: list[str]) -> list[list[int]]:
        return [[number % 2 for number, _ in enumerate(text.split())] for text in texts]


def test_long_lines_take_no_time_a_piece() -> None:
    words: Any = Alternating()
    start = time.process_time()
    assert unknown.known_words(words, [0, 1], "Rio dog " * 6_000) == [0, 1] * 6_000
    assert [(one.begin, one.end) for one in Source.of(["▁", *"я" * 6_000], [False] + [True] * 6_000).units] == [
        (1, 6001)
    ]
    assert len(Spelled.of(["▁."] + ["."] * 8_000).tokens()) == 8_001
    assert time.process_time() - start < 0.7
    assert kinds_of(" \u0301e\u0301 \u0301d-\u0301.\u0301") == " www  w''.."
