"""Attention over a training pass, one query a sentence and step, with a hand-written backward pass.

All that can wait is one product at the end. `Attention.forward` is the reference. Several heads are several rows:
whatever is made of values is laid (B * heads, S, H / heads), and a query or context (n, H) is read as
(n * heads, H / heads).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from mtkit.model.attention.base import Attended, Attention
from mtkit.model.attention.scores import merge_heads, split_heads
from mtkit.ops import attention as ops
from mtkit.ops.packing import Packing
from mtkit.ops.passes import MapSteps


class AttentionTensors(NamedTuple):
    """The tensors of a pass."""

    values_BSH: Tensor
    keys_BSA: Tensor
    bias_BS: Tensor | None
    query_weight: Tensor | None
    parameters: tuple[Tensor | None, ...]
    """Those that scores may read; of gradients None where they do not."""


def tensors(attention: Attention, source: Attended) -> AttentionTensors:
    """What `AttentionSteps` takes."""
    weight = None if attention.query is None else attention.query.weight
    return AttentionTensors(*source, weight, attention.read_by_scores())


class AttentionSteps:
    """Softmax attention: all that does not depend on how scores are made.

    Args:
        contexts_NH: where contexts are put; default: a place of its own.
    """

    def __init__(
        self,
        attention: Attention,
        given: AttentionTensors,
        packing: Packing,
        contexts_NH: Tensor | None = None,
    ) -> None:
        self.given, self.heads, self.packing = given, attention.heads, packing
        if contexts_NH is None:
            contexts_NH = given.values_BSH.new_empty(packing.positions, attention.context_dim)
        self.contexts_NH = contexts_NH
        self.looks = bool(attention.context_dim)
        if not self.looks:
            return
        assert given.bias_BS is not None
        self.values_RSd = split_heads(given.values_BSH, self.heads).contiguous()
        self.bias_BS = given.bias_BS
        self.query = None if given.query_weight is None else MapSteps(given.query_weight)
        parameters = tuple(parameter for parameter in given.parameters if parameter is not None)
        self.score = attention.scored(given.keys_BSA.contiguous(), given.bias_BS, len(packing.counts), parameters)
        R, S, _ = self.values_RSd.shape
        self.weights_TRS = self.values_RSd.new_zeros(len(packing.counts), R, S)

    def forward(self, t: int, state_nH: Tensor) -> Tensor:
        """The contexts of step t, for the first n sentences: rows of contexts_NH."""
        context_nH = self.contexts_NH[self.packing.rows(t)]
        if not self.looks:
            return context_nH
        query_nA = state_nH if self.query is None else self.query.forward(state_nH)
        r = len(state_nH) * self.heads
        weights_rS, values_rSd = self.weights_TRS[t, :r], self.values_RSd[:r]
        self.score.forward(t, query_nA, weights_rS)
        return ops.attend_step(weights_rS, self.bias_BS[: len(state_nH)], values_rSd, context_nH)

    def backward(self, t: int, grad_context_nH: Tensor, onto_nH: Tensor | None = None) -> Tensor:
        """The gradient of the state that asked at step t, added to `onto_nH`."""
        if not self.looks:
            return torch.zeros_like(self.given.values_BSH[: len(grad_context_nH), 0]) if onto_nH is None else onto_nH
        if t == len(self.packing.counts) - 1:  # the first one: validation never comes here, and need not hold it
            T, R, _ = self.weights_TRS.shape
            self.grad_context_TRd = grad_context_nH.new_zeros(T, R, self.values_RSd.shape[2])
            if self.given.query_weight is not None:
                self.grad_queries_NA = grad_context_nH.new_empty(self.packing.positions, len(self.given.query_weight))
        r = len(grad_context_nH) * self.heads
        weights_rS, values_rSd, grad_rd = self.weights_TRS[t, :r], self.values_RSd[:r], self.grad_context_TRd[t, :r]
        grad_rd.copy_(grad_context_nH.reshape(grad_rd.shape))
        grad_scores_rS = ops.attend_step_backward(grad_rd, values_rSd, weights_rS)
        grad_query_nA = self.score.backward(t, grad_scores_rS)
        if self.query is None:
            return grad_query_nA if onto_nH is None else grad_query_nA + onto_nH
        self.grad_queries_NA[self.packing.rows(t)] = grad_query_nA
        return self.query.backward(grad_query_nA, onto_nH)

    def finish(self) -> AttentionTensors:
        """After every step's backward: the gradients of the tensors."""
        if not self.looks:
            nothing = torch.zeros_like(self.given.values_BSH)
            return AttentionTensors(nothing, nothing, None, None, ())
        grad_values_RSd = torch.bmm(self.weights_TRS.permute(1, 2, 0), self.grad_context_TRd.transpose(0, 1))
        grad_values_BSH = merge_heads(grad_values_RSd, self.heads)
        grad_keys_BSA, grad_parameters = self.score.finish()
        grad_weight = None if self.query is None else self.query.finish(self.grad_queries_NA)
        return AttentionTensors(grad_values_BSH, grad_keys_BSA, None, grad_weight, grad_parameters)
