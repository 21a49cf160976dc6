"""Pieces that must not be produced. Must not know models."""

from collections.abc import Sequence
from math import inf

from torch import Tensor

from mtkit.search.rules.rule import Context, Rule


class Never(Rule):
    """Some pieces never come.

    Args:
        pieces: search's numbers of them.
    """

    timeless = True

    def __init__(self, pieces: Sequence[int]) -> None:
        self._stretches = _stretches(pieces)

    def apply(self, logits_BKV: Tensor, pieces_BKL: Tensor) -> None:
        """See Rule."""
        for first, end in self._stretches:
            logits_BKV[:, :, first:end] = -inf

    def __str__(self) -> str:
        return ""  # of a vocabulary always enough is left


def make(context: Context) -> Never | None:
    """By the vocabulary."""
    pieces = context.among(context.never)
    return Never(pieces) if pieces else None


def _stretches(pieces: Sequence[int]) -> list[tuple[int, int]]:
    """Pieces as few stretches (first, end): to fill those is quicker than to fill single columns."""
    found: list[tuple[int, int]] = []
    for piece in sorted(pieces):
        if found and found[-1][1] == piece:
            found[-1] = (found[-1][0], piece + 1)
        else:
            found.append((piece, piece + 1))
    return found
