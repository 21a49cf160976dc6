"""Products in bf16 and int8 as torch forms them."""

import torch
from torch import Tensor

from mtkit.ops.operand import Operand, matrices
from mtkit.ops.quantise import Quantised as Matrix
from mtkit.ops.quantise import quantise


class Rounded(Operand):
    """torch's bf16, which rounds sums to bf16, too."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__(weight.bfloat16())
        self.type = weight.dtype

    def _product(self, start: Tensor | None, x: Tensor, y: Tensor, out: Tensor | None) -> Tensor:
        made = x.bfloat16() @ y
        if start is not None:
            return torch.add(made, start, out=out)
        return made.to(self.type) if out is None else out.copy_(made)


def outer(grads: Tensor, x: Tensor, onto: Tensor | None = None) -> Tensor:
    """gradsᵀ x in bf16; see `mtkit.ops.products.outer`."""
    made = (grads.mT.bfloat16() @ x.bfloat16()).to(x.dtype)
    return made if onto is None else onto.add_(made)


class Quantised(Operand):
    """Both operands rounded to 8 bits with a scale a row; sums are exact. There is no way back."""

    def __init__(self, weight: Tensor) -> None:
        self.weight = weight
        self.ready = [quantise(matrix) for matrix in matrices(weight)]

    def times(self, x: Tensor, start: Tensor | None = None, out: Tensor | None = None) -> Tensor:
        """See Operand."""
        if self.weight.dim() == 2:
            return self._one(self.ready[0], x, start, out)
        made = x.new_empty(*x.shape[:-1], self.weight.shape[-2]) if out is None else out
        for d, ready in enumerate(self.ready):
            self._one(ready, x[d], None if start is None else start[d], made[d])
        return made

    def back(self, grad: Tensor, start: Tensor | None = None, out: Tensor | None = None) -> Tensor:
        """There is none.

        Raises:
            TypeError: always.
        """
        raise TypeError("products in int8 have no gradient; train in fp32 or bf16")

    def _one(self, ready: Matrix, x: Tensor, start: Tensor | None, out: Tensor | None) -> Tensor:
        left = quantise(x)
        made = left.numbers_nk.to(x.dtype) @ ready.numbers_nk.to(x.dtype).T
        made = made * left.scales_n.unsqueeze(1) * ready.scales_n
        if start is not None:
            made = made + start
        return made if out is None else out.copy_(made)
