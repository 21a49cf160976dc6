"""Filters: each rule at its border, and duplicates in little memory."""

import pytest

from mtkit.text.filters import Drops, PieceRules, TextRules, key


@pytest.mark.parametrize(
    ("source", "target", "rule"),
    [
        ("a b", "c d", None),
        ("", "c", "empty"),
        ("a", " \u3000", "empty"),
        ("x" * 10, "y", None),
        ("x" * 11, "y", "max_chars"),
        ("a", "y" * 11, "max_chars"),
        ("same", "same", "drop_copies"),
    ],
)
def test_text_rules(source: str, target: str, rule: str | None) -> None:
    assert TextRules(max_chars=10, drop_copies=True).broken(source, target) == rule


def test_copies_may_be_kept() -> None:
    assert TextRules(max_chars=10, drop_copies=False).broken("same", "same") is None


@pytest.mark.parametrize(
    ("source", "target", "rule"),
    [
        (5, 20, None),
        (5, 21, "max_ratio"),
        (21, 5, "max_ratio"),
        (1, 10, None),  # a ratio counts only where the longer side has more than 10
        (1, 11, "max_ratio"),
        (50, 50, None),
        (51, 50, "max_pieces"),
        (0, 3, "empty"),
    ],
)
def test_piece_rules(source: int, target: int, rule: str | None) -> None:
    assert PieceRules(max_pieces=50, max_ratio=4.0).broken(source, target) == rule


def test_keys_are_of_pairs_and_stable() -> None:
    assert key("ab", "c") != key("a", "bc")
    assert key("a") == 3405396810240292928  # held-out sets of older runs hang on it


def test_drops_keep_some_samples() -> None:
    drops = Drops()
    for number in range(5):
        drops.add("empty", str(number), "x" * 500)
    assert drops.total == drops.counts["empty"] == 5
    assert [source for source, _ in drops.samples["empty"]] == ["0", "1", "2"]
    assert len(drops.samples["empty"][0][1]) == 200
