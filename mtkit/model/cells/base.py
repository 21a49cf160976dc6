"""What a recurrent cell is. Must not know sequences, attention or search.

A cell is `combine`: from the gates that the input makes and the gates that the last hidden state makes (both
matrix products belong to the caller) to the next state. `combine_backward` is its derivative, written by hand
so that whole sequences run without a graph of small operations (`mtkit.model.recurrent.steps`); a test holds it to
autograd of `combine` in float64.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from mtkit.ops.products import linear

State = tuple[Tensor, ...]
"""Tensors (..., H); the first is the output."""


class Cell(nn.Module):
    """A step of a recurrent network: next state = cell(input, state)."""

    gates: ClassVar[int]
    """Rows of the weights, in multiples of hidden_dim."""
    states: ClassVar[int]
    """Tensors in a state."""
    free: ClassVar[int] = 0
    """Tensors of a state from which an initial one is made; 0: all."""
    adds_gates: ClassVar[bool] = True
    """Whether the gates of input and hidden state are merely added, so that their gradients are one."""
    recurrent: ClassVar[bool] = True
    """Whether the hidden state makes gates at all."""
    biased: ClassVar[bool] = True
    """Whether the products have biases (a cell that normalises them adds its own afterwards)."""

    def __init__(self, input_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.input_dim, self.hidden_dim = input_dim, hidden_dim
        self.input = nn.Linear(input_dim, self.gates * hidden_dim, bias=self.biased)
        self.hidden = nn.Linear(hidden_dim, self.gates * hidden_dim, bias=self.biased) if self.recurrent else None

    def extras(self) -> tuple[Tensor, ...]:
        """Parameters of `combine` itself."""
        return ()

    def reset_biases(self) -> None:
        """Give biases their first values, after `mtkit.model.initialise` has zeroed them."""

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One step: x (..., I), state -> output (..., H), next state."""
        lead = x.shape[:-1]
        x, state = x.flatten(0, -2), tuple(part.flatten(0, -2) for part in state)
        from_hidden = None if self.hidden is None else linear(state[0], self.hidden.weight, self.hidden.bias)
        from_input = linear(x, self.input.weight, self.input.bias)
        out = None if torch.is_grad_enabled() else torch.empty_like(state[0])
        made, _ = self.combine(from_input, from_hidden, state, self.extras(), out)
        next_state = tuple(part.view(*lead, -1) for part in made)
        return next_state[0], next_state

    @classmethod
    def begin(cls, parts: State) -> State:
        """The initial state made of its free parts, tensors (..., H)."""
        return parts

    @classmethod
    def parts(cls) -> int:
        """How many tensors `begin` takes."""
        return cls.free or cls.states

    @classmethod
    @abstractmethod
    def combine(
        cls,
        from_input: Tensor,
        from_hidden: Tensor | None,
        state: State,
        extras: Sequence[Tensor] = (),
        out: Tensor | None = None,
    ) -> tuple[State, Sequence[Tensor]]:
        """Gates (..., G) of input and of last hidden state, state -> next state, what the backward step needs.

        Args:
            extras: the cell's own parameters.
            out: (..., H), if given, takes the output; there is no autograd then.
        """

    @classmethod
    @abstractmethod
    def combine_backward(
        cls,
        grad: State,
        saved: Sequence[Tensor],
        from_input: Tensor,
        from_hidden: Tensor | None,
        extras: Sequence[Tensor] = (),
        grad_extras: Sequence[Tensor] = (),
    ) -> tuple[Tensor | None, ...]:
        """Gradients of the next state -> gradients of both gates and, past the gates, of the last state.

        Those of the gates (..., G) are written to `from_input` and `from_hidden`, which are the same tensor for a
        cell that merely adds its gates; those of the extras are added to `grad_extras`. Of the last state, a part
        that is reached through the gates alone, or not at all, gets None.
        """


def tanh_grad(grad: Tensor, y: Tensor, out: Tensor | None = None) -> Tensor:
    """grad * (1 - y²), the derivative of y = tanh(x), in one pass."""
    if out is None:
        return torch.ops.aten.tanh_backward(grad, y)  # type: ignore[no-any-return]
    return torch.ops.aten.tanh_backward.grad_input(grad, y, grad_input=out)  # type: ignore[no-any-return]


def sigmoid_grad(grad: Tensor, y: Tensor, out: Tensor | None = None) -> Tensor:
    """grad * y * (1 - y), the derivative of y = sigmoid(x), in one pass."""
    if out is None:
        return torch.ops.aten.sigmoid_backward(grad, y)  # type: ignore[no-any-return]
    return torch.ops.aten.sigmoid_backward.grad_input(grad, y, grad_input=out)  # type: ignore[no-any-return]
