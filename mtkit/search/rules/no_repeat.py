"""No n-gram comes twice (Paulus et al. 2018). Must not know models.

Dimensions: n pieces of an n-gram, W n-grams said so far.
"""

from dataclasses import dataclass
from math import inf

from torch import Tensor

from mtkit.search.rules.rule import Context, Rule


@dataclass(frozen=True)
class NoRepeat(Rule):
    """No so many pieces in a row come twice."""

    ngram: int

    def apply(self, logits_BKV: Tensor, pieces_BKL: Tensor) -> None:
        """See Rule."""
        n, said = self.ngram, pieces_BKL.shape[2]
        if said < n:
            return
        grams_BKWn = pieces_BKL.unfold(2, n, 1)
        last_BK1n = pieces_BKL[:, :, said - n + 1 :].unsqueeze(2)
        repeats_BKW = (grams_BKWn[..., :-1] == last_BK1n).all(3)
        places = repeats_BKW.nonzero(as_tuple=True)
        logits_BKV[places[0], places[1], grams_BKWn[..., -1][places]] = -inf

    def __str__(self) -> str:
        return f"no_repeat_ngram = {self.ngram}"


def make(context: Context) -> NoRepeat | None:
    """By decode.no_repeat_ngram."""
    return NoRepeat(context.decode.no_repeat_ngram) if context.decode.no_repeat_ngram else None
