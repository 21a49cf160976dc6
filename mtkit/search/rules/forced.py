"""What must come next: the prefix of a translation, and its end at its greatest length. Must not know models.

This comes before what other rules say: a prefix may say what nothing else may. So it is asked before them for what is
forced, and puts that in place after them.

Dimensions: B sentences, K hypotheses of each, V vocabulary, R sentences with a forced piece, P pieces of the longest
prefix.
"""

from math import inf
from typing import NamedTuple

import torch
from torch import Tensor

from mtkit.search.rules.rule import Context


class Held(NamedTuple):
    """The forced pieces of a step with their logits."""

    rows_R: Tensor
    pieces_R: Tensor
    logits_RK: Tensor

    def put(self, logits_BKV: Tensor) -> None:
        """Rule out all else."""
        logits_BKV[self.rows_R] = -inf
        logits_BKV[self.rows_R, :, self.pieces_R] = self.logits_RK


class Forced:
    """Pieces that must be said.

    Args:
        eos: search's number of the end.
        limits_B: the most pieces of each sentence, its end not counted. This and prefix_BP lie in the processor's own
            memory, so that to ask them makes no other device wait.
        prefix_BP: search's numbers of pieces that each translation begins with, -1 where it is free.
    """

    def __init__(self, eos: int, limits_B: Tensor, prefix_BP: Tensor | None = None) -> None:
        self.eos, self.limits_B, self.prefix_BP = eos, limits_B, prefix_BP
        self._free_from = 0 if prefix_BP is None else prefix_BP.shape[1]
        self._free_until = int(limits_B.min()) if len(limits_B) else 0

    def held(self, logits_BKV: Tensor, said: int) -> Held | None:
        """What must come after so many pieces, with the logits that it has now; None: nothing must."""
        if self._free_from <= said < self._free_until:
            return None
        forced_B = torch.full_like(self.limits_B, -1)  # -1: any piece
        if self.prefix_BP is not None and said < self.prefix_BP.shape[1]:
            forced_B = self.prefix_BP[:, said]
        forced_B = forced_B.masked_fill(self.limits_B <= said, self.eos)
        at = (forced_B >= 0).nonzero().squeeze(1)
        if not len(at):
            return None
        rows, pieces = at.to(logits_BKV.device), forced_B[at].to(logits_BKV.device)
        return Held(rows, pieces, logits_BKV[rows, :, pieces])

    def keep(self, sentences: Tensor) -> "Forced":
        """For some of the sentences, whose places lie in the processor's own memory, too."""
        prefix_BP = None if self.prefix_BP is None else self.prefix_BP[sentences]
        return Forced(self.eos, self.limits_B[sentences], prefix_BP)


def make(context: Context) -> Forced:
    """By the prefixes of sentences, and decode.max_ratio."""
    limits_B = torch.tensor(context.limits)
    if not any(sentence.prefix for sentence in context.sentences):
        return Forced(context.eos, limits_B)
    prefixes = [context.numbers(sentence.prefix) for sentence in context.sentences]
    longest = max(map(len, prefixes))
    rows = [prefix + [-1] * (longest - len(prefix)) for prefix in prefixes]
    return Forced(context.eos, limits_B, torch.tensor(rows))
