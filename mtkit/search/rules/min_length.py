"""The shortest translation. Must not know models."""

from dataclasses import dataclass
from math import inf

from torch import Tensor

from mtkit.search.rules.rule import Context, Rule


@dataclass(frozen=True)
class MinLength(Rule):
    """No end before so many pieces.

    Attributes:
        eos: search's number of the end.
    """

    length: int
    eos: int

    def apply(self, logits_BKV: Tensor, pieces_BKL: Tensor) -> None:
        """See Rule."""
        if pieces_BKL.shape[2] < self.length:
            logits_BKV[:, :, self.eos] = -inf

    def __str__(self) -> str:
        return f"min_length = {self.length}"


def make(context: Context) -> MinLength | None:
    """By decode.min_length."""
    return MinLength(context.decode.min_length, context.eos) if context.decode.min_length else None
