"""Attention over a training pass, one query a sentence and step, with a hand-written backward pass.

All that can wait is one product at the end. `Attention.forward` is the reference. Several heads are several rows:
whatever is made of values is laid (B * heads, S, H / heads), and a query or context (n, H) is read as
(n * heads, H / heads).
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from mtkit.model.steps import MapSteps

if TYPE_CHECKING:
    from mtkit.model.attention.base import Attention, Source


class AttentionTensors(NamedTuple):
    """The tensors of a pass."""

    values_BSH: Tensor
    keys_BSA: Tensor
    bias_BS: Tensor | None
    query_weight: Tensor | None
    parameters: tuple[Tensor, ...]


def tensors(attention: "Attention", source: "Source") -> AttentionTensors:
    """What `AttentionSteps` takes."""
    weight = None if attention.query is None else attention.query.weight
    return AttentionTensors(*source, weight, attention.score_parameters())


class ScoreSteps(ABC):
    """The scores of one query a sentence and step, and their derivative; rows r are those of n sentences x heads."""

    @abstractmethod
    def forward(self, t: int, query_nA: Tensor) -> Tensor:
        """scores_rS of step t."""

    @abstractmethod
    def backward(self, t: int, grad_scores_rS: Tensor) -> Tensor:
        """The gradient of the query of step t. Called once a step, the last step first."""

    @abstractmethod
    def finish(self) -> tuple[Tensor, tuple[Tensor, ...]]:
        """After every step's backward: the gradients of the keys and of the score parameters."""


class AttentionSteps:
    """Softmax attention: all that does not depend on how scores are made."""

    def __init__(self, attention: "Attention", given: AttentionTensors, steps: int) -> None:
        self.given, self.heads, self.steps = given, attention.heads, steps
        self.looks = bool(attention.context_dim)
        if not self.looks:
            return
        assert given.bias_BS is not None
        self.values_RSd = by_head(given.values_BSH, self.heads)
        self.bias_RS = given.bias_BS.repeat_interleave(self.heads, 0) if self.heads > 1 else given.bias_BS
        self.query = None if given.query_weight is None else MapSteps(given.query_weight)
        self.score = attention.score_steps(given.keys_BSA, steps, given.parameters)
        R, S = self.bias_RS.shape
        self.weights_TRS = self.values_RSd.new_zeros(steps, R, S)
        self.grad_queries: list[Tensor] = []

    def forward(self, t: int, state_nH: Tensor) -> Tensor:
        """context_nH of step t, for the first n sentences; width 0 without attention."""
        if not self.looks:
            return state_nH[:, :0]
        query_nA = state_nH if self.query is None else self.query.forward(state_nH)
        scores_rS = self.score.forward(t, query_nA)
        r = len(scores_rS)
        weights_rS = torch.softmax(scores_rS.add_(self.bias_RS[:r]), -1, out=self.weights_TRS[t, :r])
        return torch.bmm(weights_rS.unsqueeze(1), self.values_RSd[:r]).view(state_nH.shape[0], -1)

    def backward(self, t: int, grad_context_nH: Tensor) -> Tensor | None:
        """The gradient of the state that asked at step t, or None if it had no part in the context."""
        if not self.looks:
            return None
        if t == self.steps - 1:  # the first one: validation never comes here, and need not hold it
            R, _, d = self.values_RSd.shape
            self.grad_context_TRd = grad_context_nH.new_zeros(self.steps, R, d)
        r = len(grad_context_nH) * self.heads
        grad_context_rd = self.grad_context_TRd[t, :r]
        grad_context_rd.copy_(grad_context_nH.reshape(grad_context_rd.shape))
        grad_weights_rS = rows_times(grad_context_rd, self.values_RSd[:r])
        weights_rS = self.weights_TRS[t, :r]
        grad_scores_rS = torch._softmax_backward_data(grad_weights_rS, weights_rS, -1, weights_rS.dtype)
        grad_query_nA = self.score.backward(t, grad_scores_rS)
        if self.query is None:
            return grad_query_nA
        self.grad_queries.append(grad_query_nA)
        return self.query.backward(grad_query_nA)

    def finish(self) -> AttentionTensors:
        """After every step's backward: the gradients of the tensors."""
        if not self.looks:
            nothing = torch.zeros_like(self.given.values_BSH)
            return AttentionTensors(nothing, nothing, None, None, ())
        grad_values_RSd = torch.bmm(self.weights_TRS.permute(1, 2, 0), self.grad_context_TRd.transpose(0, 1))
        grad_values_BSH = together(grad_values_RSd, self.heads)
        grad_keys_BSA, grad_parameters = self.score.finish()
        grad_weight = None
        if self.query is not None:
            grad_weight = self.query.finish(torch.cat(self.grad_queries[::-1]))
        return AttentionTensors(grad_values_BSH, grad_keys_BSA, None, grad_weight, grad_parameters)


def rows_times(x_rd: Tensor, y_rSd: Tensor) -> Tensor:
    """The dot products x . y of each row, rS; y times x, the other way round, is several times slower on a CPU."""
    return torch.bmm(x_rd.unsqueeze(1), y_rSd.transpose(1, 2)).squeeze(1)


def by_head(x_BSA: Tensor, heads: int) -> Tensor:
    """x (B, S, A) -> (B * heads, S, A / heads)."""
    if heads == 1:
        return x_BSA
    B, S, A = x_BSA.shape
    return x_BSA.view(B, S, heads, A // heads).transpose(1, 2).flatten(0, 1)


def together(x_RSd: Tensor, heads: int) -> Tensor:
    """The reverse of `by_head`."""
    if heads == 1:
        return x_RSd
    R, S, d = x_RSd.shape
    return x_RSd.view(R // heads, heads, S, d).transpose(1, 2).flatten(2)
