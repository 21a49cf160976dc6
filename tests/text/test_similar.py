"""Fuzzy matches: what is like a line, found by an index as by comparing all."""

import random

import pytest

from mtkit.text.similar import Match, Pattern, Similar, distance

WORDS = ["a", "a", "a", "b", "b", "c", "d", "e"]


def drawn(rng: random.Random, most: int = 9) -> list[str]:
    return [rng.choice(WORDS) for _ in range(rng.randint(0, most))]


def test_distances_of_words_worked_out_by_hand() -> None:
    cases = [("", "", 0), ("", "a b", 2), ("a b c", "a c", 1), ("a b c", "c b a", 2), ("a b", "b a", 2)]
    cases += [("the red dog sees the cat", "a red dog sees cats", 3)]
    for one, other, wanted in cases:
        assert distance(one.split(), other.split()) == wanted
        assert Pattern(one.split()).distance(other.split()) == wanted


def test_the_quick_distance_is_that_of_the_table() -> None:
    rng = random.Random(1)
    for most in (9, 9, 9, 100):  # with numbers of more bits than a processor's, too
        for _ in range(100):
            one, other = drawn(rng, most), drawn(rng, most)
            assert Pattern(one).distance(other) == distance(one, other)


@pytest.mark.parametrize("spaced", [True, False])
@pytest.mark.parametrize("least", [0.01, 0.4, 0.7, 1.0])
def test_an_index_finds_what_comparing_all_finds(least: float, spaced: bool) -> None:
    rng = random.Random(2)
    lines = ["".join(drawn(rng)) if not spaced else " ".join(drawn(rng)) for _ in range(200)]
    index = Similar(lines, spaced)
    for line in (" ".join(drawn(rng)) for _ in range(50)):
        words = line.split()
        every = [
            Match(number, 1 - distance(words, other) / max(len(words), len(other), 1))
            for number, other in enumerate(one.split() if spaced else list(one) for one in lines)
        ]
        wanted = sorted(every, key=lambda one: (-one.likeness, -one.number))
        wanted = [one for one in wanted if one.likeness >= least and words and lines[one.number]]
        assert index.find(line, 3, least) == wanted[:3]


def test_what_counts_as_a_word() -> None:
    index = Similar(["Open the file.", "Close (it)", "", "\u00a0 "])
    assert index.find("OPEN the\u00a0file .", 2, 1) == [Match(0, 1)]
    assert index.find("Open a file!", 2, 0.5) == [Match(0, 0.5)]
    assert index.find("", 2, 0) == Similar([]).find("a", 2, 0) == []
    assert len(index) == 4
    assert Similar(["打开文件夹"], spaced=False).find("打开 文件", 1, 0.8) == [Match(0, 0.8)]


def test_lines_without_end_are_not_compared() -> None:
    long = "a " * 1000
    assert Similar([long, "a"]).find(long, 2, 0) == []
    assert Similar([long, "a"]).find("a b", 2, 0) == [Match(1, 0.5)]
