"""Cells in a recurrence that is run step by step with a hand-written backward pass (`mtkit.ops.passes`).

Dimensions: n the sentences that have a step, H the width of a state, G all gates of a cell.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from mtkit.model.cells.base import Cell, Gates, Saved, State
from mtkit.model.cells.derivative import ByAutograd
from mtkit.ops.packing import Packing
from mtkit.ops.passes import carried, stacked, widened
from mtkit.ops.products import operand, outer


class CellTensors(NamedTuple):
    """What a layer multiplies its hidden state with, and the cell's own parameters."""

    hidden_weight: Tensor | None
    hidden_bias: Tensor | None
    extras: tuple[Tensor, ...]


Carry = State | None
"""The gradient of a state that the next step sends back; None: there is none, or it was cut."""


class CellSteps:
    """A cell, in one direction (tensors (n, H)) or in several at once (D, n, H)."""

    def __init__(self, cell: type[Cell], tensors: CellTensors, packing: Packing, output: Tensor) -> None:
        """`output` (..., N, H) is filled step by step."""
        self.cell: type[Cell] | ByAutograd = cell if cell.by_hand() else ByAutograd(cell)
        self.packing, self.output = packing, output
        weight, bias, self.extras = tensors
        self.recurrent = weight is not None
        if weight is not None:
            self.weight = operand(weight)
        self.bias = None if bias is None else bias.unsqueeze(-2) if bias.dim() > 1 else bias
        self.saved: list[Saved] = []
        self.past: list[Tensor] = []

    def forward(self, t: int, from_input: Tensor, state: State) -> State:
        """Gates (..., n, G) and the last state, of n sentences or more -> the next state of n sentences."""
        n = self.packing.counts[t]
        if state[0].shape[-2] > n:
            state = tuple(part[..., :n, :] for part in state)
        if self.recurrent:
            from_hidden = self.weight.times(state[0], self.bias)
            self.past.append(state[0])
        else:
            from_hidden = state[0][..., :0]
        out = self.output[..., self.packing.rows(t), :]
        state, kept = self.cell.combine(Gates(from_input, from_hidden, self.extras), state, out)
        if state[0] is not out:
            out.copy_(state[0])
        self.saved.append(kept)
        return state

    def prepare(self) -> None:
        """Make room for gradients; validation never comes here, and need not hold it."""
        *lead, N, H = self.output.shape
        self.grad_input = self.output.new_empty(*lead, N, self.cell.gates * H)
        self.grad_hidden = self.grad_input if self.cell.adds_gates else torch.empty_like(self.grad_input)
        self.grad_extras = [torch.zeros_like(extra) for extra in self.extras]

    def backward(self, t: int, grad_nH: Tensor, carry: Carry) -> State:
        """Gradients of step t's output, and of its state by the next step -> of the state before it.

        Those of the gates are in grad_input[rows].
        """
        rows = self.packing.rows(t)
        if carry is None:
            grad = (grad_nH, *(torch.zeros_like(grad_nH) for _ in range(self.cell.states - 1)))
        else:
            grad = (carried(grad_nH, carry[0]), *(widened(part, grad_nH) for part in carry[1:]))
        from_input, from_hidden = self.grad_input[..., rows, :], self.grad_hidden[..., rows, :]
        first, *others = self.cell.combine_backward(
            grad, self.saved.pop(), self.extras, Gates(from_input, from_hidden, self.grad_extras)
        )
        if self.recurrent:
            first = self.weight.back(from_hidden, first)
        return tuple(torch.zeros_like(grad_nH) if part is None else part for part in (first, *others))

    def finish(self) -> CellTensors:
        if not self.recurrent:
            return CellTensors(None, None, tuple(self.grad_extras))
        past, self.past = stacked(self.past), []
        grad_weight = outer(self.grad_hidden, past)
        grad_bias = None if self.bias is None else self.grad_hidden.sum(-2)
        return CellTensors(grad_weight, grad_bias, tuple(self.grad_extras))
