"""Batched search over a step function: beam search, of which greedy search is a beam of one, and sampling.

This is the form for a processor, where to look at results costs nothing; `mtkit.search.tables` is the other one.

Dimensions: B sentences still searched, K hypotheses of each, V vocabulary, S source positions, L pieces so far.

A hypothesis that ends keeps its place in the beam: a sentence is done when as many hypotheses as the beam is
wide have ended, or as soon as nothing still alive can beat those that have. At its greatest length a
hypothesis is ended, so that every score is that of a complete translation.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from mtkit.decoding import Decoding
from mtkit.ops.logits import log_sums
from mtkit.search.pick import pick
from mtkit.search.rules.rules import Rules
from mtkit.search.selection import Beam, Selection

LEAST_COVERED = 1e-10  # what a position was looked at in sum counts as at least so much
WORTHWHILE = 1 / 16  # of the sentences must be done before the others are moved together
S = TypeVar("S", bound="State")


class State(Protocol):
    """What search needs of a model's state."""

    def reorder(self: S, parents_BK: Tensor) -> S:
        """Hypothesis k of a sentence goes on from its hypothesis parents[k]."""

    def keep(self: S, sentences: Tensor) -> S:
        """Some of the sentences."""


Step = Callable[[Tensor, S], tuple[Tensor, S, Tensor]]
"""last pieces_BK, state -> logits_BKV (to be overwritten), state, attention weights_BKS."""


@dataclass(frozen=True)
class Hypothesis:
    """A complete translation."""

    pieces: list[int]
    """Their ids, without the end of sentence."""
    logprob: float
    """Natural logarithm, the end of sentence included."""
    score: float
    """What search ranks by: the log-probability over the length penalty, and the coverage penalty added."""
    piece_logprobs: list[float] | None = None
    """Of each piece and of the end, if asked for."""
    attention: Tensor | None = None
    """A row of weights over the source a piece and one for the end, if asked for."""


@dataclass(frozen=True)
class Ranking:
    """What a complete translation is worth.

    Attributes:
        length_penalty: A in log-probability / ((5 + length) / 6)^A, the end of sentence counted (Wu et al. 2016).
        coverage_penalty: b in + b * sum over source positions of log(min(1, attention paid to it)), of the same paper.
    """

    length_penalty: float = 1.0
    coverage_penalty: float = 0.0

    @classmethod
    def of(cls, decode: Decoding) -> "Ranking":
        """By the table [decode]."""
        return cls(decode.length_penalty, decode.coverage_penalty)

    def normal(self, length: int) -> float:
        """What the log-probability of so many pieces, the end counted, is divided by."""
        return float(((5 + length) / 6) ** self.length_penalty)

    def score(self, logprob: float, length: int, attention_LS: Tensor | None) -> float:
        """Of a translation; attention only over real positions."""
        score = logprob / self.normal(length)
        if self.coverage_penalty:
            assert attention_LS is not None
            covered_S = attention_LS.sum(0).clamp(LEAST_COVERED, 1)
            score += self.coverage_penalty * float(covered_S.log().sum())
        return score

    def bound(self, logprob: float, length: int, longest: int) -> float:
        """The best that can become of a beginning of so many pieces: its log-probability can only fall, its normal lies
        between those of the next and the greatest length, and penalties of coverage are never positive."""
        return max(logprob / self.normal(length + 1), logprob / self.normal(longest + 1))


@torch.inference_mode()
def search(
    step: Step[S],
    state: S,
    rules: Rules,
    ranking: Ranking,
    selection: Selection | None = None,
    *,
    bos: int,
    n_best: int = 1,
    source_lengths: list[int] | None = None,
    details: bool = False,
    attention: bool = False,
) -> list[list[Hypothesis]]:
    """Find the best translations of each sentence, best first.

    Args:
        state: before the first piece, one hypothesis a sentence.
        rules: what a translation may be.
        selection: of hypotheses after a step; default: a beam of one.
        source_lengths: positions that attention sees of each sentence; for attention and the coverage penalty.
        details: tell the scores of pieces.
        attention: tell attention; both take a little time, and this one memory, too.

    Returns:
        At most n_best hypotheses a sentence; fewer where fewer were found.
    """
    selection = selection or Beam(1)
    B = len(rules.limits_B)
    longest = rules.limits_B.tolist()
    found: list[list[Hypothesis]] = [[] for _ in range(B)]
    worst = [-inf] * B  # the score to be beaten: that of the last of n_best; minus infinity: there are fewer
    sentences = list(range(B))  # numbers of those still searched
    ended_B = torch.zeros(B, dtype=torch.long)
    totals_BK = torch.zeros(B, 1)
    last_BK = torch.full((B, 1), bos)
    pieces_BKL = torch.empty(B, 1, 0, dtype=torch.long)
    history = _History(details, attention or bool(ranking.coverage_penalty))

    for length in range(1, max(longest) + 2):  # of the hypotheses after this step, their end included
        logits_BKV, state, weights_BKS = step(last_BK, state)
        logits_BKV = logits_BKV.float()
        added_BK = totals_BK - log_sums(logits_BKV)
        rules.apply(logits_BKV, pieces_BKL)
        best_BK, parents_BK, last_BK = selection(logits_BKV, added_BK, ended_B, length)

        pieces_BKL = torch.cat([pick(pieces_BKL, parents_BK), last_BK.unsqueeze(2)], 2)
        history = history.grown(best_BK, weights_BKS, parents_BK)
        totals_BK, eos_BK = best_BK, last_BK == rules.eos
        if eos_BK.any():
            totals_BK, ends_BK = best_BK.masked_fill(eos_BK, -inf), eos_BK & (best_BK > -inf)
            ended_B = ended_B + ends_BK.sum(1)
            ended = _Ended(ends_BK, best_BK, pieces_BKL, history)
            for b, hypothesis in ended.hypotheses(ranking, sentences, source_lengths, attention):
                mine = found[sentences[b]]
                mine.append(hypothesis)
                if len(mine) >= n_best:
                    worst[sentences[b]] = sorted(h.score for h in mine)[-n_best]
        state, rules = state.reorder(parents_BK), rules.reorder(parents_BK, last_BK)
        selection = selection.reorder(parents_BK, last_BK)

        alive_B = totals_BK.max(1).values.tolist()
        left = [
            b
            for b, sentence in enumerate(sentences)
            if alive_B[b] > -inf
            and (worst[sentence] == -inf or not worst[sentence] >= ranking.bound(alive_B[b], length, longest[sentence]))
        ]
        if not left:
            break
        gone = len(sentences) - len(left)
        if not gone:
            continue
        rows = torch.tensor(left)
        if gone < WORTHWHILE * len(sentences):
            still_B1 = torch.zeros(len(sentences), 1, dtype=torch.bool).index_fill_(0, rows, True)
            totals_BK = totals_BK.masked_fill(~still_B1, -inf)
        else:
            sentences = [sentences[b] for b in left]
            state, rules = state.keep(rows), rules.keep(rows, rows)
            selection, history = selection.keep(rows), history.keep(rows)
            ended_B, totals_BK, last_BK = ended_B[rows], totals_BK[rows], last_BK[rows]
            pieces_BKL = pieces_BKL[rows]
    return [sorted(hypotheses, key=lambda h: -h.score)[:n_best] for hypotheses in found]


@dataclass(frozen=True)
class _History:
    """What was seen of every hypothesis, as far as somebody asks: log-probabilities, and attention."""

    scored: bool
    looked: bool
    totals_BKL: Tensor | None = None
    weights_BKLS: Tensor | None = None

    def grown(self, totals_BK: Tensor, weights_BKS: Tensor, parents_BK: Tensor) -> "_History":
        if not (self.scored or self.looked):
            return self
        totals_BKL, weights_BKLS = None, None
        if self.scored:
            totals_BKL = _longer(self.totals_BKL, totals_BK, parents_BK)
        if self.looked:
            weights_BKLS = _longer(self.weights_BKLS, pick(weights_BKS, parents_BK), parents_BK)
        return replace(self, totals_BKL=totals_BKL, weights_BKLS=weights_BKLS)

    def keep(self, rows: Tensor) -> "_History":
        totals_BKL, weights_BKLS = (None if x is None else x[rows] for x in (self.totals_BKL, self.weights_BKLS))
        return replace(self, totals_BKL=totals_BKL, weights_BKLS=weights_BKLS)


def _longer(before_BKL: Tensor | None, now_BK: Tensor, parents_BK: Tensor) -> Tensor:
    """What was before, of each parent, and what is now, side by side."""
    now_BK1 = now_BK.unsqueeze(2)
    return now_BK1 if before_BKL is None else torch.cat([pick(before_BKL, parents_BK), now_BK1], 2)


@dataclass(frozen=True)
class _Ended:
    """What has ended in a step."""

    ends_BK: Tensor
    totals_BK: Tensor
    pieces_BKL: Tensor
    history: _History

    def hypotheses(
        self, ranking: Ranking, sentences: list[int], source_lengths: list[int] | None, attention: bool
    ) -> list[tuple[int, Hypothesis]]:
        """Each with the row of its sentence."""
        at = self.ends_BK.nonzero(as_tuple=True)
        rows, totals, lines = at[0].tolist(), self.totals_BK[at].tolist(), self.pieces_BKL[at].tolist()
        made = []
        for i, (b, total, line) in enumerate(zip(rows, totals, lines, strict=True)):
            parts: list[float] | None = None
            weights_LS: Tensor | None = None
            if self.history.totals_BKL is not None:
                sums = [0.0, *self._of(self.history.totals_BKL, at, i).tolist()]
                parts = [after - before for before, after in pairwise(sums)]
            if self.history.weights_BKLS is not None:
                assert source_lengths is not None
                weights_LS = self._of(self.history.weights_BKLS, at, i)[:, : source_lengths[sentences[b]]]
            score = ranking.score(total, len(line), weights_LS)
            made.append((b, Hypothesis(line[:-1], total, score, parts, weights_LS if attention else None)))
        return made

    @staticmethod
    def _of(x_BKL: Tensor, at: tuple[Tensor, ...], i: int) -> Tensor:
        return x_BKL[at[0][i], at[1][i]]
