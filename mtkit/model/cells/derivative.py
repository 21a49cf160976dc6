"""The derivative of a cell that brings none: autograd of its `combine`, a step at a time.

It has the form of a cell's own (`Cell.combine_backward`), so a recurrence need not know which of the two it has.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from mtkit.model.cells.base import Cell, Gates, Saved, State


class ByAutograd:
    """`combine` with a small graph for each step, let go of as soon as its gradient is taken."""

    adds_gates = False  # whatever the class says: autograd knows two gradients

    def __init__(self, cell: type[Cell]) -> None:
        self.cell, self.gates, self.states = cell, cell.gates, cell.states

    def combine(self, gates: Gates, state: State, out: Tensor | None = None) -> tuple[State, Saved]:
        """See Cell.combine; saved are the leaves of the graph (both gates, state, extras) and the next state."""
        if torch.is_inference_mode_enabled():  # where there is no graph, nor will a gradient be asked for
            return self.cell.combine(gates, state, out)[0], ()
        with torch.enable_grad():
            leaves = [x.detach().requires_grad_() for x in (gates.input, gates.hidden, *state, *gates.extras)]
            from_input, from_hidden, *others = leaves
            given = Gates(from_input, from_hidden, others[self.states :])
            made, _ = self.cell.combine(given, tuple(others[: self.states]))
        return tuple(part.detach() for part in made), (*leaves, *made)

    def combine_backward(
        self, grad: State, saved: Saved, extras: Sequence[Tensor], grads: Gates
    ) -> tuple[Tensor | None, ...]:
        """See Cell.combine_backward."""
        leaves, made = saved[: -self.states], saved[-self.states :]
        parts = [(part, grad_part) for part, grad_part in zip(made, grad, strict=True) if part.requires_grad]
        found = torch.autograd.grad(
            [part for part, _ in parts], leaves, [grad_part for _, grad_part in parts], allow_unused=True
        )
        from_input, from_hidden, *others = found
        for place, grad_gates in ((grads.input, from_input), (grads.hidden, from_hidden)):
            if grad_gates is None:
                place.zero_()
            else:
                place.copy_(grad_gates)
        for total, grad_extra in zip(grads.extras, others[self.states :], strict=True):
            if grad_extra is not None:
                total += grad_extra
        return tuple(others[: self.states])
