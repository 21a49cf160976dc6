"""The plain recurrent cell (Elman 1990), and the same with ReLU (Le et al. 2015)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mtkit.model.cells.base import Cell, Gates, Saved, State
from mtkit.ops.derivatives import tanh_grad


class RNN(Cell):
    """h' = tanh(W x + U h + b)."""

    gates = 1
    states = 1

    @classmethod
    def combine(cls, gates: Gates, state: State, out: Tensor | None = None) -> tuple[State, Saved]:
        h = torch.tanh(gates.input + gates.hidden, out=out)
        return (h,), (h,)

    @classmethod
    def combine_backward(
        cls, grad: State, saved: Saved, extras: Sequence[Tensor], grads: Gates
    ) -> tuple[Tensor | None, ...]:
        tanh_grad(grad[0], saved[0], out=grads.input)
        return (None,)


class ReLURNN(RNN):
    """h' = max(0, W x + U h + b); nothing bounds it, so it can explode."""

    @classmethod
    def combine(cls, gates: Gates, state: State, out: Tensor | None = None) -> tuple[State, Saved]:
        h = torch.clamp(gates.input + gates.hidden, min=0, out=out)
        return (h,), (h,)

    @classmethod
    def combine_backward(
        cls, grad: State, saved: Saved, extras: Sequence[Tensor], grads: Gates
    ) -> tuple[Tensor | None, ...]:
        torch.mul(grad[0], saved[0] > 0, out=grads.input)
        return (None,)
