"""Matrix products in the precision that is entered: fp32, or bf16 or int8 with everything else kept in fp32.

bf16 means: operands are rounded, the product is formed by the processor's bf16 units and comes back in the operands'
own type. Where a CPU has such units and a compiler is at hand that is done in one go and sums stay in fp32
(`mtkit.ops.native.tiles`); elsewhere torch does it, and rounds the sums to bf16, too. Hand-written backward passes
run after the precision was left and enter it again.

int8 is for translating only: weights are rounded to 8 bits with a scale a row, and so is what they meet
(`mtkit.ops.native.quantised`); sums are whole numbers, and exact.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from mtkit.ops import compute
from mtkit.ops.native import units
from mtkit.ops.operand import Operand
from mtkit.ops.reference import operands as reference
from mtkit.ops.table import form, operation

_FRESH: dict[str, Callable[[Tensor], Operand]] = {
    "fp32": Operand,
    "bf16": operation("operand_bf16", reference.Rounded),
    "int8": operation("operand_int8", reference.Quantised),
}
_outer_bf16 = operation("outer_bf16", reference.outer)


def precision(name: str, kept: compute.Kept | None = None) -> AbstractContextManager[None]:
    """Form products in "fp32" (the operands' own type), "bf16" or "int8" while this is entered, in this thread.

    Args:
        kept: where parameters that do not change any more are kept as operands, from one time to the next; there is no
            autograd then. "int8" needs it. Threads may share it.
    """
    return compute.changed(precision=name, kept=kept)


def entered() -> str:
    """The precision that is entered."""
    return compute.current().precision


def slow(precision: str, device: torch.device | str = "cpu") -> str:
    """Why a precision is not quicker than fp32 on a device here, in words that go on after "since"; "": it may well be.

    Whether it is depends on the model, too. On a CPU the compiled code is made for this, if it is not there yet.
    """
    if precision == "fp32":
        return ""
    if torch.device(device).type != "cpu":
        return "" if precision == "bf16" else "products in 8 bits are for CPUs"
    if form(f"operand_{precision}", torch.empty(1, 1)) != "torch":
        return ""
    return units.lacking(precision)


def formed() -> str:
    """What each precision's products are formed with on a CPU here, in words."""
    named = [f"{precision} by {units.unit(precision) or 'torch'}" for precision in ("bf16", "int8")]
    return f"{', '.join(named)}, fp32 by torch"


def operand(weight: Tensor) -> Operand:
    """A weight as the products of the entered precision take it."""
    way = compute.current()
    if way.kept is None or not isinstance(weight, nn.Parameter):
        return _FRESH[way.precision](weight)
    ready: Operand | None = way.kept.get(id(weight))
    # Two threads may both make it: either is as good, and all go on with the one that was first.
    return way.kept.setdefault(id(weight), _FRESH[way.precision](weight)) if ready is None else ready


def joined(weights: Sequence[Tensor]) -> Operand:
    """Several weights (O, I) as one operand, which makes of rows what each of them does, side by side."""
    way = compute.current()
    if way.kept is None or not all(isinstance(weight, nn.Parameter) for weight in weights):
        return _FRESH[way.precision](torch.cat(list(weights)))
    name = tuple(map(id, weights))
    ready: Operand | None = way.kept.get(name)
    return way.kept.setdefault(name, _FRESH[way.precision](torch.cat(list(weights)))) if ready is None else ready


def outer(grads: Tensor, x: Tensor, onto: Tensor | None = None) -> Tensor:
    """The gradient of a weight: gradsᵀ x of grads (..., N, O) and x (..., N, I); added to `onto` if that is given."""
    if compute.current().precision == "fp32":
        return grads.mT @ x if onto is None else onto.addmm_(grads.mT, x)
    return _outer_bf16(grads, x, onto)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias):  # type: ignore[no-untyped-def]
        made = operand(weight)
        ctx.save_for_backward(x)
        ctx.operand, ctx.biased, ctx.compute = made, bias is not None, compute.current()
        return made.times(x.reshape(-1, x.shape[-1]), bias).view(*x.shape[:-1], weight.shape[0])

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        (x,) = ctx.saved_tensors
        flat = grad.reshape(-1, grad.shape[-1])
        with compute.using(ctx.compute):
            grad_x = ctx.operand.back(flat).view(x.shape) if ctx.needs_input_grad[0] else None
            grad_weight = outer(flat, x.reshape(-1, x.shape[-1]))
        return grad_x, grad_weight, flat.sum(0) if ctx.biased else None


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (..., I) @ weight (O, I)ᵀ + bias, differentiable, in the entered precision."""
    way = compute.current()
    if way.kept is not None:
        made = operand(weight).times(x.reshape(-1, x.shape[-1]), bias)
        return made.view(*x.shape[:-1], weight.shape[0])
    if way.precision == "fp32":
        return nn.functional.linear(x, weight, bias)
    return _Linear.apply(x, weight, bias)  # type: ignore[no-any-return, no-untyped-call]
