"""Matrix products in the precision of training: fp32, or bf16 with everything else kept in fp32.

Hand-written backward passes run outside autocast, so they ask here. bf16 means: operands are rounded, the
product is formed by the processor's bf16 units and comes back in the operands' own type.
"""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor

_bf16 = False


@contextlib.contextmanager
def precision(name: str) -> Iterator[None]:
    """Form products in "fp32" (the operands' own type) or "bf16" while this is entered."""
    global _bf16
    before, _bf16 = _bf16, name == "bf16"
    try:
        yield
    finally:
        _bf16 = before


def rounded(x: Tensor) -> Tensor:
    """An operand as the products of the entered precision take it; worth calling once for what is used often."""
    return x.to(torch.bfloat16) if _bf16 else x


def product(x: Tensor, y: Tensor) -> Tensor:
    """x @ y; operands may be rounded already."""
    if _bf16:
        return (x.to(torch.bfloat16) @ y.to(torch.bfloat16)).float()
    return x @ y


def biased(bias: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """bias + x @ y."""
    if _bf16:
        return (x.to(torch.bfloat16) @ y.to(torch.bfloat16)) + bias
    if x.dim() == 3:
        return torch.baddbmm(bias, x, y)
    return torch.addmm(bias, x, y)


def added(start: Tensor | None, x: Tensor, y: Tensor) -> Tensor:
    """start + x @ y, where there is a start."""
    return product(x, y) if start is None else biased(start, x, y)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(x, weight)
        ctx.bf16, ctx.biased = _bf16, bias is not None
        y = product(x.reshape(-1, x.shape[-1]), weight.T)
        if bias is not None:
            y += bias
        return y.view(*x.shape[:-1], weight.shape[0])

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        x, weight = ctx.saved_tensors
        flat = grad.reshape(-1, grad.shape[-1])
        with precision("bf16" if ctx.bf16 else "fp32"):
            flat_rounded = rounded(flat)
            grad_x = product(flat_rounded, weight).view(x.shape) if ctx.needs_input_grad[0] else None
            grad_weight = product(flat_rounded.T, x.reshape(-1, x.shape[-1]))
        return grad_x, grad_weight, flat.sum(0) if ctx.biased else None


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (..., I) @ weight (O, I)ᵀ + bias, differentiable, in the entered precision."""
    if not _bf16:
        return torch.nn.functional.linear(x, weight, bias)
    return _Linear.apply(x, weight, bias)  # type: ignore[no-any-return, no-untyped-call]
