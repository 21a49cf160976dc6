"""Weights packed for products in C, each direction a matrix of its own."""

import torch
from torch import Tensor

from mtkit.ops.native import quantised, tiles
from mtkit.ops.operand import Operand, matrices


class Tiles(Operand):
    """bf16 on the processor's units: a weight is packed, for each direction of the pass when it is first asked for."""

    def __init__(self, weight: Tensor) -> None:
        self.weight = weight
        # Threads may share an operand: each of these is set once, whole.
        self.forward: tuple[Tensor, ...] = ()
        self.backward: tuple[Tensor, ...] = ()

    def times(self, x: Tensor, start: Tensor | None = None, out: Tensor | None = None) -> Tensor:
        """See Operand."""
        if not self.forward:
            self.forward = tuple(tiles.packed(matrix) for matrix in matrices(self.weight))
        return self._each(self.forward, self.weight.shape[-2], x, start, out)

    def back(self, grad: Tensor, start: Tensor | None = None, out: Tensor | None = None) -> Tensor:
        """See Operand."""
        if not self.backward:
            self.backward = tuple(tiles.packed(matrix.mT) for matrix in matrices(self.weight))
        return self._each(self.backward, self.weight.shape[-1], grad, start, out)

    @staticmethod
    def _each(ready: tuple[Tensor, ...], columns: int, x: Tensor, start: Tensor | None, out: Tensor | None) -> Tensor:
        if x.dim() == 2:
            return tiles.product(x, columns, ready[0], start, out)
        made = x.new_empty(*x.shape[:-1], columns) if out is None else out
        for d, matrix in enumerate(ready):
            tiles.product(x[d], columns, matrix, None if start is None else start[d], made[d])
        return made


def outer(grads: Tensor, x: Tensor, onto: Tensor | None = None) -> Tensor:
    """See `mtkit.ops.products.outer`; `onto` is a matrix."""
    if x.dim() == 2:
        return tiles.outer(grads, x, onto)
    made = torch.stack([tiles.outer(*pair) for pair in zip(grads, x, strict=True)])
    return made if onto is None else onto.add_(made)


class Quantised(Operand):
    """Both operands rounded to 8 bits with a scale a row; sums are exact. There is no way back."""

    def __init__(self, weight: Tensor) -> None:
        self.weight = weight
        self.ready = [quantised.packed(matrix) for matrix in matrices(weight)]

    def times(self, x: Tensor, start: Tensor | None = None, out: Tensor | None = None) -> Tensor:
        """See Operand."""
        columns = self.weight.shape[-2]
        if self.weight.dim() == 2:
            return quantised.product(x, columns, self.ready[0], start, out)
        made = x.new_empty(*x.shape[:-1], columns) if out is None else out
        for d, ready in enumerate(self.ready):
            quantised.product(x[d], columns, ready, None if start is None else start[d], made[d])
        return made

    def back(self, grad: Tensor, start: Tensor | None = None, out: Tensor | None = None) -> Tensor:
        """There is none.

        Raises:
            TypeError: always.
        """
        raise TypeError("products in int8 have no gradient; train in fp32 or bf16")
