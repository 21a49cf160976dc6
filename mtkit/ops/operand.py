"""A weight that is multiplied with again and again."""

import torch
from torch import Tensor


class Operand:
    """A weight (..., O, I), ready for products in a precision; this one: in its own type."""

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


def matrices(weight: Tensor) -> tuple[Tensor, ...]:
    """The matrices of a weight (O, I) or (D, O, I)."""
    return tuple(weight) if weight.dim() == 3 else (weight,)
