"""Which hypotheses go on: the best ones (a beam), or such as are drawn (sampling). Must not know models.

Dimensions: B sentences, K hypotheses of each, V vocabulary, M hypotheses afterwards.
"""

from dataclasses import dataclass, replace
from math import inf
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from mtkit.decoding import Decoding
from mtkit.ops.logits import best_pieces

MULTIPLIERS = (0x85EBCA6B, 0xC2B2AE35)  # of MurmurHash3's finaliser (Appleby 2011)
MASK = 0xFFFFFFFF


class Selection(Protocol):
    """Which hypotheses go on after a step."""

    timeless: ClassVar[bool]
    """Whether it does the same at every step."""

    def __call__(
        self, logits_BKV: Tensor, added_BK: Tensor, ended_B: Tensor, length: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Select.

        Args:
            logits_BKV: minus infinity for pieces that are ruled out.
            added_BK: what makes log-probabilities of whole hypotheses of them; minus infinity: it has ended.
            ended_B: hypotheses of each sentence that have ended already.
            length: of the hypotheses that are made here.

        Returns:
            The log-probabilities_BM of what was selected (minus infinity: nothing was), parents_BM and last pieces_BM.
        """

    def reorder(self, parents_BK: Tensor, pieces_BK: Tensor) -> "Selection":
        """After a step: see Rule."""

    def keep(self, sentences: Tensor) -> "Selection":
        """The same for some of the sentences."""


@dataclass(frozen=True)
class Beam:
    """The best ones over all hypotheses of a sentence; an ended one keeps its place."""

    timeless: ClassVar[bool] = True
    size: int

    @classmethod
    def of(cls, decode: Decoding) -> "Beam":
        """By the table [decode]."""
        return cls(decode.beam_size)

    def __call__(
        self, logits_BKV: Tensor, added_BK: Tensor, ended_B: Tensor, length: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """See Selection."""
        _, K, V = logits_BKV.shape
        best_BM, places_BM = best_pieces(logits_BKV, added_BK, min(self.size, K * V))
        if K == 1:
            parents_BM, last_BM = torch.zeros_like(places_BM), places_BM
        else:
            parents_BM = places_BM // V
            last_BM = places_BM - parents_BM * V
        if self.size > 1:
            ranks_M = torch.arange(best_BM.shape[1], device=best_BM.device)
            best_BM = best_BM.masked_fill(ranks_M >= (self.size - ended_B).unsqueeze(1), -inf)
        return best_BM, parents_BM, last_BM

    def reorder(self, parents_BK: Tensor, pieces_BK: Tensor) -> "Beam":
        """See Selection."""
        return self

    def keep(self, sentences: Tensor) -> "Beam":
        """See Selection."""
        return self


@dataclass(frozen=True)
class Sample:
    """Independent draws from the model's distribution, sharpened or flattened by a temperature.

    Chance is a function of a sentence's seed, the draw and the length, so that no other sentence matters.

    Attributes:
        draws: of each sentence.
        temperature: logits are divided by it.
        top_k: only the best so many pieces are drawn; 0: all.
        seeds_B: of each sentence, below 2^32.
    """

    timeless: ClassVar[bool] = False  # the length is part of what chance depends on
    draws: int
    temperature: float
    top_k: int
    seeds_B: Tensor

    def __call__(
        self, logits_BKV: Tensor, added_BK: Tensor, ended_B: Tensor, length: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """See Selection."""
        B, K, V = logits_BKV.shape
        parents_M = torch.arange(self.draws, device=logits_BKV.device) if K > 1 else torch.zeros_like(self.seeds_B[:1])
        parents_BM = parents_M.expand(B, self.draws)
        # Sharpened around the best piece, so that a low temperature gives no infinity less infinity.
        top_BK1 = logits_BKV.max(-1, keepdim=True).values
        wanted_BKV = (logits_BKV - top_BK1) / self.temperature
        if self.top_k and self.top_k < V:
            least_BK1 = logits_BKV.topk(self.top_k, -1).values[..., -1:]
            wanted_BKV = wanted_BKV.masked_fill(logits_BKV < least_BK1, -inf)
        # The piece at which the sum of chances passes a number from 0 to 1.
        sums_BKV = wanted_BKV.double().softmax(-1).cumsum(-1)
        passed_BM1 = (self._numbers(length) * sums_BKV[..., -1]).unsqueeze(2)
        last_BM = torch.searchsorted(sums_BKV.expand(B, self.draws, V).contiguous(), passed_BM1, right=True).squeeze(2)
        last_BM = last_BM.clamp(max=V - 1)  # where all is ruled out: a draw of nothing
        logprobs_BM = (logits_BKV + added_BK.unsqueeze(2)).expand(B, self.draws, V).gather(2, last_BM.unsqueeze(2))
        return logprobs_BM.squeeze(2), parents_BM, last_BM

    def _numbers(self, length: int) -> Tensor:
        """Of each draw a number of at least 0 and below 1, made by a hash, BM."""
        device = self.seeds_B.device
        hashed_B = _hash(self.seeds_B ^ _hash(torch.tensor(length, device=device)))
        hashed_BM = _hash(hashed_B.unsqueeze(1) ^ _hash(torch.arange(self.draws, device=device) + 1))
        return hashed_BM.double() / 2**32

    def reorder(self, parents_BK: Tensor, pieces_BK: Tensor) -> "Sample":
        """See Selection."""
        return self

    def keep(self, sentences: Tensor) -> "Sample":
        """See Selection."""
        return replace(self, seeds_B=self.seeds_B[sentences])


def _hash(x: Tensor) -> Tensor:
    """Whole numbers -> numbers below 2^32 that look like chance."""
    x = (x * 0x9E3779B1) & MASK
    for multiplier, shift in zip(MULTIPLIERS, (16, 13), strict=True):
        x = ((x ^ x >> shift) * multiplier) & MASK
    return x ^ x >> 16
