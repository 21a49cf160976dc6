"""The plain recurrent cell (Elman 1990)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mtkit.model.cells.base import Cell, State, tanh_grad


class RNN(Cell):
    """h' = tanh(W x + U h + b)."""

    gates = 1
    states = 1

    @classmethod
    def combine(
        cls, from_input: Tensor, from_hidden: Tensor, state: State, out: Tensor | None = None
    ) -> tuple[State, Sequence[Tensor]]:
        h = torch.tanh(from_input + from_hidden, out=out)
        return (h,), (h,)

    @classmethod
    def combine_backward(
        cls, grad: State, saved: Sequence[Tensor], from_input: Tensor, from_hidden: Tensor
    ) -> tuple[Tensor | None, ...]:
        tanh_grad(grad[0], saved[0], out=from_input)
        return (None,)
