"""Batched beam search over a step function; greedy search is a beam of one.

Dimensions: B sentences still searched, K hypotheses of each, V vocabulary, S source positions, L words so far.

A hypothesis that ends keeps its place in the beam: a sentence is done when as many hypotheses as the beam is
wide have ended, or as soon as nothing still alive can beat those that have. At its greatest length a
hypothesis is ended, so that every score is that of a complete translation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch
from torch import Tensor

MINUS_INFINITY = float("-inf")
S = TypeVar("S", bound="State")


class State(Protocol):
    """What search needs of a model's state."""

    def reorder(self: S, parents_BK: Tensor) -> S:
        """Hypothesis k of a sentence goes on from its hypothesis parents[k]."""

    def keep(self: S, sentences: Tensor) -> S:
        """Some of the sentences."""


Step = Callable[[Tensor, S], tuple[Tensor, S, Tensor]]
"""last words_BK, state -> logits_BKV, state, attention weights_BKS."""


@dataclass(frozen=True)
class Hypothesis:
    """A complete translation."""

    words: list[int]
    """Without the end of sentence."""
    logprob: float
    """Natural logarithm, the end of sentence included."""
    score: float
    """What search ranks by: the log-probability over the length penalty."""
    attention: Tensor | None = None
    """A row of weights over the source a word and one for the end, if asked for."""


def length_penalty(length: int, alpha: float) -> float:
    """((5 + length) / 6)^alpha, the end of sentence counted (Wu et al. 2016)."""
    return float(((5 + length) / 6) ** alpha)


@torch.inference_mode()
def search(
    step: Step[S],
    state: S,
    limits_B: Tensor,
    *,
    bos: int,
    eos: int,
    never: list[int],
    beam_size: int,
    alpha: float,
    n_best: int = 1,
    with_attention: bool = False,
) -> list[list[Hypothesis]]:
    """Find the best translations of each sentence, best first.

    Args:
        state: before the first word, one hypothesis a sentence.
        limits_B: the most words of each sentence, its end not counted; on the model's device.
        never: words that must not be produced.
        alpha: exponent of the length penalty.

    Returns:
        At most n_best hypotheses a sentence; fewer where the beam holds fewer.
    """
    B, device = len(limits_B), limits_B.device
    max_lengths = limits_B.tolist()
    found: list[list[Hypothesis]] = [[] for _ in range(B)]
    sentences = list(range(B))  # numbers of those still searched
    ended_B = torch.zeros(B, dtype=torch.long, device=device)
    totals_BK = torch.zeros(B, 1, device=device)
    words_BKL = torch.full((B, 1, 1), bos, device=device)
    seen_BKLS: Tensor | None = None
    while sentences:
        length = words_BKL.shape[2]  # of the hypotheses after this step, their end included
        logits_BKV, state, weights_BKS = step(words_BKL[:, :, -1], state)
        B, K, V = logits_BKV.shape
        candidates_BKV = torch.log_softmax(logits_BKV.float(), -1)
        candidates_BKV[:, :, never] = MINUS_INFINITY
        if bool((full_B := limits_B < length).any()):
            end_BK = candidates_BKV[:, :, eos].clone()
            candidates_BKV[full_B] = MINUS_INFINITY
            candidates_BKV[:, :, eos] = end_BK
        candidates_BKV += totals_BK.unsqueeze(2)
        best_BK, places_BK = candidates_BKV.flatten(1).topk(min(beam_size, K * V), 1)
        # Places in the beam that ended hypotheses hold are not given away again.
        ranks_K = torch.arange(best_BK.shape[1], device=device)
        best_BK = best_BK.masked_fill(ranks_K >= (beam_size - ended_B).unsqueeze(1), MINUS_INFINITY)
        parents_BK, last_BK = places_BK // V, places_BK % V
        words_BKL = torch.cat([_pick(words_BKL, parents_BK), last_BK.unsqueeze(2)], 2)
        if with_attention:
            now_BK1S = weights_BKS.unsqueeze(2)
            seen = now_BK1S if seen_BKLS is None else torch.cat([seen_BKLS, now_BK1S], 2)
            seen_BKLS = _pick(seen, parents_BK)
        ends_BK = (last_BK == eos) & (best_BK > MINUS_INFINITY)
        penalty = length_penalty(length, alpha)
        for b, k in ends_BK.nonzero().tolist():
            total = float(best_BK[b, k])
            attention = None if seen_BKLS is None else seen_BKLS[b, k]
            words = words_BKL[b, k, 1:-1].tolist()
            found[sentences[b]].append(Hypothesis(words, total, total / penalty, attention))
        ended_B = ended_B + ends_BK.sum(1)
        totals_BK = best_BK.masked_fill(last_BK == eos, MINUS_INFINITY)
        state = state.reorder(parents_BK)

        alive_B = totals_BK.max(1).values.tolist()
        left = [
            b
            for b, sentence in enumerate(sentences)
            if alive_B[b] > MINUS_INFINITY
            and not _settled(found[sentence], n_best, alive_B[b], length, max_lengths[sentence], alpha)
        ]
        if len(left) < B:
            rows = torch.tensor(left, dtype=torch.long, device=device)
            sentences = [sentences[b] for b in left]
            state = state.keep(rows)
            limits_B, ended_B, totals_BK, words_BKL = (x[rows] for x in (limits_B, ended_B, totals_BK, words_BKL))
            seen_BKLS = None if seen_BKLS is None else seen_BKLS[rows]
    return [sorted(hypotheses, key=lambda h: -h.score)[:n_best] for hypotheses in found]


def _settled(found: list[Hypothesis], n_best: int, alive: float, length: int, max_length: int, alpha: float) -> bool:
    """Whether no living hypothesis can still come among the n best.

    Its log-probability can only fall, and its penalty lies between those of the next and the greatest length.
    """
    if len(found) < n_best:
        return False
    bound = max(alive / length_penalty(end, alpha) for end in (length + 1, max_length + 1))
    return sorted((h.score for h in found), reverse=True)[n_best - 1] >= bound


def _pick(x: Tensor, parents_BK: Tensor) -> Tensor:
    """x (B, K', ...) -> rows parents of each sentence (B, K, ...)."""
    B, K = x.shape[:2]
    rows = parents_BK + torch.arange(B, device=x.device).unsqueeze(1) * K
    return x.flatten(0, 1)[rows.flatten()].view(*parents_BK.shape, *x.shape[2:])
