"""Attention beside the recurrence: nothing of it is fed back, so the layers run over the whole sequence."""

import torch
from torch import Tensor

from mtkit.model.attention.base import Attention
from mtkit.model.decoder import DecoderState, RecurrentDecoder
from mtkit.model.products import linear
from mtkit.model.unroll import unroll


class Plain(RecurrentDecoder):
    """h_t = cells(y_{t-1}); predicted from tanh(W [h_t; context(h_t)])."""

    def forward(self, x_TBE: Tensor, state: DecoderState, masks_TBH: list[Tensor]) -> Tensor:
        """See RecurrentDecoder.forward."""
        y_TBH = x_TBE
        for number, (cell, initial) in enumerate(zip(self.layers, state.cells, strict=True)):
            if number and masks_TBH:
                y_TBH = y_TBH * masks_TBH[number - 1]
            gates_DTBG = linear(y_TBH, cell.input.weight, cell.input.bias).unsqueeze(0)
            weight_DGH, bias_DG = cell.hidden.weight.unsqueeze(0), cell.hidden.bias.unsqueeze(0)
            start_DBH = tuple(part.transpose(0, 1) for part in initial)
            y_TBH = unroll(type(cell), gates_DTBG, weight_DGH, bias_DG, start_DBH).squeeze(0)
        context_TBH = _Attend.apply(  # type: ignore[no-untyped-call]
            self.attention,
            y_TBH,
            state.memory_BSH,
            state.keys_BSA,
            state.bias_BS,
            self.attention.query_weight,
            *self.attention.score_parameters(),
        )
        return linear(torch.cat([y_TBH, context_TBH], -1), self.combine.weight, self.combine.bias).tanh()


class _Attend(torch.autograd.Function):
    """One query a sentence and step, for all steps: never more than one step's scores at once."""

    @staticmethod
    def forward(ctx, attention: Attention, y_TBH, memory_BSH, keys_BSA, bias_BS, *parameters):  # type: ignore[no-untyped-def]
        steps = attention.start(memory_BSH, keys_BSA, bias_BS, len(y_TBH), list(parameters))
        ctx.steps = steps
        return torch.stack([steps.forward(t, y_BH) for t, y_BH in enumerate(y_TBH)])

    @staticmethod
    def backward(ctx, grad_TBH):  # type: ignore[no-untyped-def]
        steps, ctx.steps = ctx.steps, None
        grads = [steps.backward(t, grad_TBH[t]) for t in reversed(range(len(grad_TBH)))]
        grad_y = None if grads[0] is None else torch.stack(grads[::-1])
        grad_memory, grad_keys, *grad_parameters = steps.finish()
        return None, grad_y, grad_memory, grad_keys, None, *grad_parameters
