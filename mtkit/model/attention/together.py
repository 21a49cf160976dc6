"""All queries of all sentences at once, where none of them depends on what another saw."""

import torch
from torch import Tensor

from mtkit.model.attention.base import Attended, Attention, PastWeights
from mtkit.model.attention.steps import AttentionSteps, AttentionTensors, tensors
from mtkit.ops.packing import Packing
from mtkit.ops.passes import Pass, cut, run


def attend(
    attention: Attention, state_NH: Tensor, packing: Packing, source: Attended, past: PastWeights, truncate: int = 0
) -> Tensor:
    """Packed states -> their contexts, NH (width 0 without attention).

    Args:
        truncate: steps after which gradients through past weights are cut; 0: never.
    """
    if attention.has_past:
        contexts = []
        for t, state_BH in enumerate(packing.unpack(state_NH).unbind(1)):
            if cut(truncate, t):
                past = tuple(weights.detach() for weights in past)
            context_BKH, _, past = attention(state_BH.unsqueeze(1), source, past)
            contexts.append(context_BKH)
        return packing.pack(torch.cat(contexts, 1))
    if attention.together or not attention.stepped:
        context_BTH, _, _ = attention(packing.unpack(state_NH), source, past)
        return packing.pack(context_BTH)
    (context_NH,) = run(_Attend, (state_NH, tensors(attention, source)), attention, packing)
    return context_NH


class _Attend(Pass):
    """Step by step, so that never more than one step's scores are made at once."""

    def __init__(self, given: tuple[Tensor, AttentionTensors], attention: Attention, packing: Packing) -> None:
        self.state_NH, self.packing = given[0], packing
        self.attention = AttentionSteps(attention, given[1], packing)

    def forward(self) -> tuple[Tensor, ...]:
        for t in range(len(self.packing.counts)):
            self.attention.forward(t, self.state_NH[self.packing.rows(t)])
        return (self.attention.contexts_NH,)

    def backward(self, *grads: Tensor) -> tuple[Tensor, AttentionTensors]:
        (grad_NH,) = grads
        grad_state_NH = torch.empty_like(self.state_NH)
        for t in reversed(range(len(self.packing.counts))):
            rows = self.packing.rows(t)
            grad_state_NH[rows] = self.attention.backward(t, grad_NH[rows])
        return grad_state_NH, self.attention.finish()
