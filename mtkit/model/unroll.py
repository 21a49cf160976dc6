"""A cell over a whole sequence, both directions at once, with a hand-written backward pass.

Autograd over single steps is bound by overhead: many small nodes, and every step adding to every weight's
gradient. Here a step forward is one product and the cell's own lines; weight gradients are one product over
all steps at the end. Nothing but `Cell.combine` and `Cell.combine_backward` is known of a cell.
`unroll_plain` is the reference.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from mtkit.model import products
from mtkit.model.cells.base import Cell, State
from mtkit.model.products import added, biased, precision, product, rounded


def unroll(cell: type[Cell], gates_DTBG: Tensor, weight_DGH: Tensor, bias_DG: Tensor, state: State) -> Tensor:
    """Run a cell over the gates that its inputs make.

    Args:
        gates_DTBG: W x + b of every step, for each direction in its own order.
        weight_DGH, bias_DG: of the hidden state's gates.
        state: initial, tensors DBH.

    Returns:
        The outputs DTBH. Steps beyond a sentence's end run on padding; since time goes one way only, they
        reach nothing before them, and their gradient is zero where their output is masked.
    """
    outputs: Tensor = _Unroll.apply(cell, gates_DTBG, weight_DGH, bias_DG, *state)  # type: ignore[no-untyped-call]
    return outputs


def unroll_plain(cell: Cell, x_TBI: Tensor, state: State) -> Tensor:
    """The reference: `cell.step` after `cell.step`, one direction. Returns TBH."""
    outputs = []
    for x_BI in x_TBI:
        y_BH, state = cell.step(x_BI, state)
        outputs.append(y_BH)
    return torch.stack(outputs)


class _Unroll(torch.autograd.Function):
    @staticmethod
    def forward(ctx, cell, gates_DTBG, weight_DGH, bias_DG, *state):  # type: ignore[no-untyped-def]
        D, T, B, _ = gates_DTBG.shape
        outputs_DTBH = gates_DTBG.new_empty(D, T, B, weight_DGH.shape[-1])
        weight_DHG = rounded(weight_DGH).transpose(1, 2).contiguous()
        bias_D1G = bias_DG.unsqueeze(1)
        saved: list[Sequence[Tensor]] = []
        initial = state[0]
        for t in range(T):
            from_hidden = biased(bias_D1G, state[0], weight_DHG)
            state, kept = cell.combine(gates_DTBG[:, t], from_hidden, state, out=outputs_DTBH[:, t])
            saved.append(kept)
        ctx.cell, ctx.saved, ctx.bf16 = cell, saved, products._bf16
        # The output is kept under another tensor object: on ctx itself it would make a cycle of references.
        ctx.outputs_DTBH, ctx.initial = outputs_DTBH.detach(), initial
        ctx.save_for_backward(weight_DGH)
        return outputs_DTBH

    @staticmethod
    def backward(ctx, grad_DTBH):  # type: ignore[no-untyped-def]
        cell, saved, outputs_DTBH, initial = ctx.cell, ctx.saved, ctx.outputs_DTBH, ctx.initial
        ctx.saved = ctx.outputs_DTBH = ctx.initial = None  # let go of as soon as used
        (weight_DGH,) = ctx.saved_tensors
        D, T, B, H = grad_DTBH.shape
        G = weight_DGH.shape[1]
        with precision("bf16" if ctx.bf16 else "fp32"):
            weight = rounded(weight_DGH)
            grad_gates = grad_DTBH.new_empty(D, T, B, G)
            grad_hidden = grad_gates if cell.adds_gates else torch.empty_like(grad_gates)
            grad = [grad_DTBH.new_zeros(D, B, H) for _ in range(cell.states)]
            for t in reversed(range(T)):
                grad[0] = grad[0] + grad_DTBH[:, t]
                past = cell.combine_backward(tuple(grad), saved.pop(), grad_gates[:, t], grad_hidden[:, t])
                grad = [added(past[0], grad_hidden[:, t], weight), *past[1:]]
            flat_DNG = grad_hidden.view(D, T * B, G)
            last_DNH = torch.cat([initial.unsqueeze(1), outputs_DTBH[:, :-1]], 1).view(D, T * B, H)
            grad_weight = product(flat_DNG.transpose(1, 2), last_DNH)
        return None, grad_gates, grad_weight, flat_DNG.sum(1), *grad
