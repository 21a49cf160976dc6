"""What attention says in words: links between white-space words, and names of its columns. Must not know models."""

from collections.abc import Sequence

Weights = list[list[float]]
"""A row a target piece and one for the end, a column a state of the source."""


def links(
    attention: Weights, source_words: Sequence[int], target_words: Sequence[int], stride: int
) -> list[tuple[int, int]]:
    """Each target word with the source word that its pieces look at most.

    The end of the source, where attention rests when nothing is to be looked at, is no word.

    Args:
        source_words: of each source piece, the index of its word; so of `target_words`.
        stride: pieces that one column stands for.
    """
    table = [[0.0] * (max(source_words) + 1) for _ in range(max(target_words, default=-1) + 1)]
    for row, target_word in zip(attention, target_words, strict=False):
        for piece, source_word in enumerate(source_words):
            table[target_word][source_word] += row[piece // stride]
    return sorted((weights.index(max(weights)), word) for word, weights in enumerate(table) if any(weights))


def columns(pieces: Sequence[str], stride: int) -> list[str]:
    """The names of the columns over these pieces."""
    return ["".join(pieces[start : start + stride]) for start in range(0, len(pieces), stride)]
