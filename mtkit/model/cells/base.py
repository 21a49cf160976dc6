"""What a recurrent cell is. Must not know sequences, attention or search.

A cell is `combine`: from the gates that the input makes and the gates that the last hidden state makes (both
matrix products belong to the caller) to the next state. `combine_backward` is its derivative, written by hand
so that whole sequences run without a graph of small operations (`mtkit.model.unroll`); a test holds it to
autograd of `combine` in float64.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

State = tuple[Tensor, ...]
"""Tensors (..., H); the first is the output."""


class Cell(nn.Module):
    """A step of a recurrent network: next state = cell(input, state)."""

    gates: ClassVar[int]
    """Rows of the weights, in multiples of hidden_dim."""
    states: ClassVar[int]
    """Tensors in a state."""
    adds_gates: ClassVar[bool] = True
    """Whether the gates of input and hidden state are merely added, so that their gradients are one."""

    def __init__(self, input_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.input_dim, self.hidden_dim = input_dim, hidden_dim
        self.input = nn.Linear(input_dim, self.gates * hidden_dim)
        self.hidden = nn.Linear(hidden_dim, self.gates * hidden_dim)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Xavier for the input, an orthogonal matrix for each recurrent gate (Saxe et al. 2014), zero biases."""
        for gate in self.input.weight.detach().chunk(self.gates):
            nn.init.xavier_uniform_(gate)
        for gate in self.hidden.weight.detach().chunk(self.gates):
            nn.init.orthogonal_(gate)
        nn.init.zeros_(self.input.bias)
        nn.init.zeros_(self.hidden.bias)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One step, the plain way: x (..., I), state -> output (..., H), next state."""
        next_state, _ = self.combine(self.input(x), self.hidden(state[0]), state)
        return next_state[0], next_state

    def zero_state(self, like: Tensor) -> State:
        """A state of zeros of shape (..., H) for gates `like` (..., G)."""
        zeros = like.new_zeros(*like.shape[:-1], like.shape[-1] // self.gates)
        return (zeros,) * self.states

    @classmethod
    @abstractmethod
    def combine(
        cls, from_input: Tensor, from_hidden: Tensor, state: State, out: Tensor | None = None
    ) -> tuple[State, Sequence[Tensor]]:
        """Gates (..., G) of input and of last hidden state, state -> next state, what the backward step needs.

        `out` (..., H), if given, takes the output; there is no autograd then.
        """

    @classmethod
    @abstractmethod
    def combine_backward(
        cls, grad: State, saved: Sequence[Tensor], from_input: Tensor, from_hidden: Tensor
    ) -> tuple[Tensor | None, ...]:
        """Gradients of the next state -> gradients of both gates and, past the gates, of the last state.

        Those of the gates (..., G) are written to `from_input` and `from_hidden`, which are the same tensor for a
        cell that merely adds its gates. Of the last state, a part that is reached through the gates alone gets None.
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
