"""The plain recurrent cell (Elman 1990), and the same with ReLU (Le et al. 2015)."""

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
        cls,
        from_input: Tensor,
        from_hidden: Tensor | None,
        state: State,
        extras: Sequence[Tensor] = (),
        out: Tensor | None = None,
    ) -> tuple[State, Sequence[Tensor]]:
        assert from_hidden is not None
        h = torch.tanh(from_input + from_hidden, out=out)
        return (h,), (h,)

    @classmethod
    def combine_backward(
        cls,
        grad: State,
        saved: Sequence[Tensor],
        from_input: Tensor,
        from_hidden: Tensor | None,
        extras: Sequence[Tensor] = (),
        grad_extras: Sequence[Tensor] = (),
    ) -> tuple[Tensor | None, ...]:
        tanh_grad(grad[0], saved[0], out=from_input)
        return (None,)


class ReLURNN(RNN):
    """h' = max(0, W x + U h + b); nothing bounds it, so it can explode."""

    @classmethod
    def combine(
        cls,
        from_input: Tensor,
        from_hidden: Tensor | None,
        state: State,
        extras: Sequence[Tensor] = (),
        out: Tensor | None = None,
    ) -> tuple[State, Sequence[Tensor]]:
        assert from_hidden is not None
        h = torch.clamp(from_input + from_hidden, min=0, out=out)
        return (h,), (h,)

    @classmethod
    def combine_backward(
        cls,
        grad: State,
        saved: Sequence[Tensor],
        from_input: Tensor,
        from_hidden: Tensor | None,
        extras: Sequence[Tensor] = (),
        grad_extras: Sequence[Tensor] = (),
    ) -> tuple[Tensor | None, ...]:
        torch.mul(grad[0], saved[0] > 0, out=from_input)
        return (None,)
