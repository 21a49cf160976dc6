"""Matrix products in the precision that is entered: fp32, or bf16 or int8 with everything else kept in fp32.

bf16 means: operands are rounded, the product is formed by the processor's bf16 units and comes back in the operands'
own type. Where a CPU has such units and a compiler is at hand that is done in one go and sums stay in fp32
(`mtkit.ops.native.tiles`); elsewhere torch does it, and rounds the sums to bf16, too. Hand-written backward passes
run after the precision was left and enter it again.

int8 is for translating only: weights are rounded to 8 bits with a scale a row, and so is what they meet
(`mtkit.ops.native.quantised`); sums are whole numbers, and exact.
"""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from mtkit.ops.native import quantised, tiles

_entered = "fp32"
_kept: "dict[int, Operand] | None" = None


@contextlib.contextmanager
def precision(name: str, kept: "dict[int, Operand] | None" = None) -> Iterator[None]:
    """Form products in "fp32" (the operands' own type), "bf16" or "int8" while this is entered.

    Args:
        kept: where parameters that do not change any more are kept as operands, from one time to the next; there is no
            autograd then. "int8" needs it.
    """
    global _entered, _kept
    before = _entered, _kept
    _entered, _kept = name, kept
    try:
        yield
    finally:
        _entered, _kept = before


def entered() -> str:
    """The precision that is entered."""
    return _entered


class Operand:
    """A weight (..., O, I) that is multiplied with again and again in the entered precision; this one: its own type."""

    def __init__(self, weight: Tensor) -> None:
        self.weight = weight
        self.transposed = weight.mT

    def times(self, x: Tensor, start: Tensor | None = None, out: Tensor | None = None) -> Tensor:
        """x (..., n, I) -> start + x weightᵀ, (..., n, O). `out` takes the result.

        Args:
            start: (..., 1 or n, O), or (O) where the weight is one matrix.
        """
        return self._product(start, x, self.transposed, out)

    def back(self, grad: Tensor, start: Tensor | None = None, out: Tensor | None = None) -> Tensor:
        """The gradient of what `times` gave -> of its x: start + grad weight, (..., n, I)."""
        return self._product(start, grad, self.weight, out)

    def _product(self, start: Tensor | None, x: Tensor, y: Tensor, out: Tensor | None) -> Tensor:
        if start is None:
            return torch.matmul(x, y, out=out)
        if x.dim() == 3:
            return torch.baddbmm(start, x, y, out=out)
        return torch.addmm(start, x, y, out=out)


class _Rounded(Operand):
    """torch's bf16."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__(weight.bfloat16())
        self.type = weight.dtype

    def _product(self, start: Tensor | None, x: Tensor, y: Tensor, out: Tensor | None) -> Tensor:
        made = x.bfloat16() @ y
        if start is not None:
            return torch.add(made, start, out=out)
        return made.to(self.type) if out is None else out.copy_(made)


class _Tiles(Operand):
    """The C form: a weight is packed, for each direction when it is first asked for."""

    def __init__(self, weight: Tensor) -> None:
        self.weight = weight
        self.forward: list[Tensor] = []
        self.backward: list[Tensor] = []

    def times(self, x: Tensor, start: Tensor | None = None, out: Tensor | None = None) -> Tensor:
        return self._packed(self.forward, self.weight, x, start, out)

    def back(self, grad: Tensor, start: Tensor | None = None, out: Tensor | None = None) -> Tensor:
        return self._packed(self.backward, self.weight.mT, grad, start, out)

    @staticmethod
    def _packed(ready: list[Tensor], weight: Tensor, x: Tensor, start: Tensor | None, out: Tensor | None) -> Tensor:
        """start + x weightᵀ, a matrix at a time."""
        if not ready:
            ready += [tiles.packed(matrix) for matrix in (weight if weight.dim() == 3 else (weight,))]
        columns = weight.shape[-2]
        if weight.dim() == 2:
            return tiles.product(x, columns, ready[0], start, out)
        made = x.new_empty(*x.shape[:-1], columns) if out is None else out
        for d, matrix in enumerate(ready):
            tiles.product(x[d], columns, matrix, None if start is None else start[d], made[d])
        return made


class _Quantised(Operand):
    """Both operands rounded to 8 bits with a scale a row; sums are exact. There is no way back."""

    def __init__(self, weight: Tensor) -> None:
        self.weight = weight
        self.native = quantised.fits(weight)
        self.ready = [quantised.quantise(matrix) for matrix in (weight if weight.dim() == 3 else (weight,))]
        if self.native:
            self.ready = [quantised.Quantised(quantised.packed(one.numbers_nk), one.scales_n) for one in self.ready]

    def times(self, x: Tensor, start: Tensor | None = None, out: Tensor | None = None) -> Tensor:
        if self.weight.dim() == 2:
            return self._one(self.ready[0], x, start, out)
        made = x.new_empty(*x.shape[:-1], self.weight.shape[-2]) if out is None else out
        for d, ready in enumerate(self.ready):
            self._one(ready, x[d], None if start is None else start[d], made[d])
        return made

    def _one(self, ready: quantised.Quantised, x: Tensor, start: Tensor | None, out: Tensor | None) -> Tensor:
        if self.native:
            return quantised.product(x, *ready, start, out)
        left = quantised.quantise(x)
        made = left.numbers_nk.to(x.dtype) @ ready.numbers_nk.to(x.dtype).T
        made = made * left.scales_n.unsqueeze(1) * ready.scales_n
        if start is not None:
            made = made + start
        return made if out is None else out.copy_(made)


def operand(weight: Tensor) -> Operand:
    """A weight as the products of the entered precision take it."""
    if _kept is None or not isinstance(weight, nn.Parameter):
        return _fresh(weight)
    if id(weight) not in _kept:
        _kept[id(weight)] = _fresh(weight)
    return _kept[id(weight)]


def _fresh(weight: Tensor) -> Operand:
    if _entered == "int8":
        return _Quantised(weight)
    if _entered == "fp32":
        return Operand(weight)
    return _Tiles(weight) if tiles.fits(weight) else _Rounded(weight)


def outer(grads: Tensor, x: Tensor, onto: Tensor | None = None) -> Tensor:
    """The gradient of a weight: gradsᵀ x of grads (..., N, O) and x (..., N, I); added to `onto` if that is given."""
    if _entered == "fp32":
        return grads.mT @ x if onto is None else onto.addmm_(grads.mT, x)
    if not tiles.fits(x):
        made = (grads.mT.bfloat16() @ x.bfloat16()).to(x.dtype)
        return made if onto is None else onto.add_(made)
    if x.dim() == 2:
        return tiles.outer(grads, x, onto)
    assert onto is None
    return torch.stack([tiles.outer(*pair) for pair in zip(grads, x, strict=True)])


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias):  # type: ignore[no-untyped-def]
        made = operand(weight)
        ctx.save_for_backward(x)
        ctx.operand, ctx.biased = made, bias is not None
        return made.times(x.reshape(-1, x.shape[-1]), bias).view(*x.shape[:-1], weight.shape[0])

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        (x,) = ctx.saved_tensors
        flat = grad.reshape(-1, grad.shape[-1])
        with precision("bf16"):
            grad_x = ctx.operand.back(flat).view(x.shape) if ctx.needs_input_grad[0] else None
            grad_weight = outer(flat, x.reshape(-1, x.shape[-1]))
        return grad_x, grad_weight, flat.sum(0) if ctx.biased else None


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (..., I) @ weight (O, I)ᵀ + bias, differentiable, in the entered precision."""
    if _kept is not None:
        made = operand(weight).times(x.reshape(-1, x.shape[-1]), bias)
        return made.view(*x.shape[:-1], weight.shape[0])
    if _entered == "fp32":
        return nn.functional.linear(x, weight, bias)
    return _Linear.apply(x, weight, bias)  # type: ignore[no-any-return, no-untyped-call]
