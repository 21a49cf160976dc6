"""What an attention is. Must not know recurrences or search.

An attention compares a query (made of the decoder's state) with keys (made once of the memory), turns the scores
into weights over the real source positions, and returns the weighted mean of values (the memory, or a map of
it). `forward` is the plain form, for any number of queries a sentence. A new attention brings `keys`, `scores` and
what they need, and nothing else: where states ask one after the other (`mtkit.model.attention.steps`), the derivative
of its scores is autograd's, or that of its own `score_steps`, written by hand, which is faster.

Dimensions: B sentences, K queries of each, S source positions, H width of memory and states, A of queries and keys,
h heads.
"""

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from mtkit.model import forms
from mtkit.model.attention.scores import ByAutograd, ScoreSteps
from mtkit.model.encoder import Memory
from mtkit.ops import attention as ops
from mtkit.ops.products import linear


class Attended(NamedTuple):
    """What of a memory is looked at, made once a sentence."""

    values_BSH: Tensor
    keys_BSA: Tensor
    bias_BS: Tensor
    """0 at real positions, minus infinity at padding."""


PastWeights = tuple[Tensor, ...]
"""What an attention remembers of its own weights, tensors BKS: the last ones and their sum; empty: nothing."""


class Attention(nn.Module):
    """Scores of keys against queries, softmax over real positions, weighted mean of the values.

    Args:
        hidden_dim: width of memory and states.
        heads: each looks with its share of the width.
        coverage: move the keys by how much each position was looked at before.
    """

    remembers: ClassVar[bool] = False
    """Whether it needs its own past weights, coverage or not."""
    together: ClassVar[bool] = True
    """Whether all queries of a sentence are best asked at once where they are known beforehand."""

    def __init__(self, hidden_dim: int, heads: int = 1, coverage: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.context_dim = hidden_dim
        """Width of the context: that of the memory, or 0 without attention."""
        self.query: nn.Linear | None = None
        self.coverage_A = nn.Parameter(torch.empty(hidden_dim)) if coverage else None
        if self.coverage_A is not None:
            nn.init.normal_(self.coverage_A, std=hidden_dim**-0.5)

    @property
    def has_past(self) -> bool:
        return self.remembers or self.coverage_A is not None

    @property
    def stepped(self) -> bool:
        """Whether it can be asked step by step without `forward`: all that is its own are scores that know no past."""
        if not self.context_dim:
            return True
        ours = all(getattr(type(self), name) is getattr(Attention, name) for name in ("forward", "shift", "split"))
        return ours and not self.has_past

    def keys(self, memory_BSH: Tensor) -> Tensor:
        """What queries are compared with, keys_BSA."""
        return memory_BSH

    def values(self, memory_BSH: Tensor) -> Tensor:
        """What the context is made of, values_BSH."""
        return memory_BSH

    def scores(self, query_BKA: Tensor, keys_BSA: Tensor, bias_BS: Tensor) -> Tensor:
        """scores_BhKS of each head, before the mask: what stands at padding does not matter."""
        raise TypeError(f"{type(self).__name__} has no scores")

    def score_steps(self, keys_BSA: Tensor, bias_BS: Tensor, steps: int, parameters: tuple[Tensor, ...]) -> ScoreSteps:
        """The scores of a training pass of so many steps, with a backward by hand.

        Taken only if it was written for this class's `scores` and `prior`; without one autograd does.

        Args:
            parameters: what `score_parameters` gave.
        """
        raise TypeError(f"{type(self).__name__} has no backward by hand")

    def score_parameters(self) -> tuple[Tensor, ...]:
        """Parameters of `score_steps`, in the order in which `ScoreSteps.finish` returns their gradients."""
        return ()

    def by_hand(self) -> bool:
        """Whether its `score_steps` are the derivative of its own scores, not of a parent's."""
        return forms.fits(type(self), "score_steps", "scores", "prior")

    def by_dots(self) -> bool:
        """Whether its scores are products of queries and keys, each head's share of the one and the other, and no more:
        so that scores, softmax and context can be one operation."""
        return False

    def read_by_scores(self) -> tuple[Tensor, ...]:
        """Parameters that `scored` is given: without a backward by hand all, so that none need be named."""
        return self.score_parameters() if self.by_hand() else tuple(self.parameters())

    def scored(self, keys_BSA: Tensor, bias_BS: Tensor, steps: int, parameters: tuple[Tensor, ...]) -> ScoreSteps:
        """`score_steps`, by hand or by autograd."""
        if self.by_hand():
            return self.score_steps(keys_BSA, bias_BS, steps, parameters)
        return ByAutograd(self._scores_and_prior, keys_BSA, bias_BS, parameters)

    def prior(self, query_BKA: Tensor, bias_BS: Tensor) -> Tensor | None:
        """What is added to scores_BKS whatever the keys are; None: nothing."""
        return None

    def shift(self, past: PastWeights) -> Tensor | None:
        """What past weights add to the keys, BKSA; None: nothing."""
        return None if self.coverage_A is None else past[1].unsqueeze(-1) * self.coverage_A

    def source(self, memory: Memory) -> Attended:
        """What of a memory is looked at."""
        return Attended(self.values(memory.states_BSH), self.keys(memory.states_BSH), memory.bias_BS)

    def start(self, source: Attended) -> PastWeights:
        """Before the first step nothing was looked at."""
        nothing_BKS = torch.zeros_like(source.bias_BS).unsqueeze(1)
        return (nothing_BKS, nothing_BKS) if self.has_past else ()

    def forward(
        self, state_BKH: Tensor, source: Attended, past: PastWeights = ()
    ) -> tuple[Tensor, Tensor, PastWeights]:
        """Look at the source.

        Returns:
            context_BKH; weights_BKS (the mean of the heads), which sum to one and are zero on padding; what to
            remember.
        """
        if torch.is_inference_mode_enabled() and not self.has_past and self.by_dots():
            query_BKA = state_BKH if self.query is None else linear(state_BKH, self.query.weight)
            values_BSH, keys_BSA, bias_BS = source
            return *ops.attend_dots(query_BKA, keys_BSA, values_BSH, bias_BS, self.heads), ()
        scores_BhKS = self._asked(state_BKH, source, past)
        values_BhSd = self.split(source.values_BSH)
        context_BKH, weights_BKS = ops.attend(scores_BhKS, source.bias_BS, values_BhSd)
        return context_BKH, weights_BKS, (weights_BKS, past[1] + weights_BKS) if self.has_past else ()

    def weights_of_heads(self, state_BKH: Tensor, source: Attended, past: PastWeights = ()) -> Tensor:
        """What `forward` gives the mean of, weights_BhKS; for whoever wants to see them."""
        return (self._asked(state_BKH, source, past) + source.bias_BS[:, None, None]).softmax(-1)

    def split(self, x_BXA: Tensor) -> Tensor:
        """Each head's share of the width: BhXd."""
        return x_BXA.view(*x_BXA.shape[:2], self.heads, -1).transpose(1, 2)

    def _asked(self, state_BKH: Tensor, source: Attended, past: PastWeights) -> Tensor:
        """scores_BhKS of states, with the prior and before the mask."""
        query_BKA = state_BKH if self.query is None else linear(state_BKH, self.query.weight)
        return self._with_prior(self._moved(query_BKA, source, past), query_BKA, source.bias_BS)

    def _moved(self, query_BKA: Tensor, source: Attended, past: PastWeights) -> Tensor:
        shift_BKSA = self.shift(past)
        if shift_BKSA is None:
            return self.scores(query_BKA, source.keys_BSA, source.bias_BS)
        # Each hypothesis has keys of its own: ask as if each were a sentence.
        B, K, S, _ = shift_BKSA.shape
        keys_NSA = (source.keys_BSA.unsqueeze(1) + shift_BKSA).flatten(0, 1)
        bias_NS = source.bias_BS.repeat_interleave(K, 0)
        scores_NhS = self.scores(query_BKA.flatten(0, 1).unsqueeze(1), keys_NSA, bias_NS).squeeze(2)
        return scores_NhS.view(B, K, self.heads, S).transpose(1, 2)

    def _scores_and_prior(self, query_BKA: Tensor, keys_BSA: Tensor, bias_BS: Tensor) -> Tensor:
        return self._with_prior(self.scores(query_BKA, keys_BSA, bias_BS), query_BKA, bias_BS)

    def _with_prior(self, scores_BhKS: Tensor, query_BKA: Tensor, bias_BS: Tensor) -> Tensor:
        prior_BKS = self.prior(query_BKA, bias_BS)
        return scores_BhKS if prior_BKS is None else scores_BhKS + prior_BKS.unsqueeze(1)
