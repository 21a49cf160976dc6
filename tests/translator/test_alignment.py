"""Links and columns, worked by hand."""

import pytest

from mtkit.translator import alignment

# Source: "the re d", in three pieces and an end; target: "der ro te" and an end.
ATTENTION = [
    [0.7, 0.1, 0.1, 0.1],
    [0.1, 0.3, 0.4, 0.2],
    [0.5, 0.2, 0.2, 0.1],
    [0.0, 0.0, 0.0, 1.0],
]


def test_each_target_word_takes_the_source_word_that_its_pieces_look_at_most() -> None:
    # Word 1 is pieces 1 and 2 on both sides: 0.3 + 0.4 + 0.2 + 0.2 = 1.1 there, 0.1 + 0.5 = 0.6 at word 0.
    assert alignment.links(ATTENTION, [0, 1, 1], [0, 1, 1], 1) == [(0, 0), (1, 1)]


def test_words_alone_decide_otherwise() -> None:
    # Each target piece a word: the last one looks at word 0 with 0.5, at word 1 with 0.4 only.
    assert alignment.links(ATTENTION, [0, 1, 1], [0, 1, 2], 1) == [(0, 0), (0, 2), (1, 1)]


def test_links_are_sorted_by_source() -> None:
    crossed = [[0.1, 0.9, 0.0], [0.9, 0.1, 0.0], [0.0, 0.0, 1.0]]
    assert alignment.links(crossed, [0, 1], [0, 1], 1) == [(0, 1), (1, 0)]


def test_the_end_of_the_source_is_no_word() -> None:
    assert alignment.links([[0.1, 0.0, 0.9], [0, 0, 1]], [0, 1], [0], 1) == [(0, 0)]
    assert alignment.links([[0.0, 0.0, 1.0], [0, 0, 1]], [0, 1], [0], 1) == []  # nothing else is looked at


def test_a_column_of_several_pieces_counts_for_each() -> None:
    # Columns of two pieces: 0, 1 | 2, 3 | 4 and the end. Word 0 is piece 0, word 1 pieces 1 to 3, word 2 piece 4.
    rows = [[0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.3, 0.3, 0.4]]
    # Target word 0: word 0 has 0.5, word 1 has 0.5 + 0.3 + 0.3 = 1.1; target word 1: 0.1, 0.3, 0.8.
    assert alignment.links(rows, [0, 1, 1, 1, 2], [0, 1], 2) == [(1, 0), (2, 1)]


SPELT = ["_a", "b", "_c", "_d", "</s>"]


def test_nothing_was_said() -> None:
    assert alignment.links([[0.5, 0.5]], [0], [], 1) == []


@pytest.mark.parametrize(
    ("stride", "names"),
    [
        (1, ["_a", "b", "_c", "_d", "</s>"]),
        (2, ["_ab", "_c_d", "</s>"]),
        (3, ["_ab_c", "_d</s>"]),
        (9, ["_ab_c_d</s>"]),
    ],
)
def test_columns(stride: int, names: list[str]) -> None:
    assert alignment.columns(SPELT, stride) == names
