"""What a recurrent cell is. Must not know sequences, attention or search.

A cell is `combine`: from the gates that the input makes and the gates that the last hidden state makes (both
matrix products belong to the caller) to the next state. Nothing else is needed: its derivative is autograd's, a
step at a time (`mtkit.model.cells.derivative`). `combine_backward` is the derivative written by hand, so that whole
sequences run without a graph of small operations (`mtkit.model.recurrent.steps`); a test holds it to autograd of
`combine` in float64.

Dimensions: ... any leading ones, I the width of an input, H of a state, G all gates of a cell.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple, final

import torch
from torch import Tensor, nn

from mtkit.model import forms
from mtkit.ops.products import linear

State = tuple[Tensor, ...]
"""Tensors (..., H); the first is the output."""
Saved = Sequence[Tensor]
"""What a backward by hand needs of a step."""


class Gates(NamedTuple):
    """What `combine` reads beside the state; and where `combine_backward` puts the gradients of it."""

    input: Tensor
    """W x + b, (..., G)."""
    hidden: Tensor
    """U h + c, (..., G), of the last hidden state; of a cell that is not recurrent (..., 0)."""
    extras: Sequence[Tensor] = ()
    """The cell's own parameters."""


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

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "step" in vars(cls):
            raise TypeError(f"{cls.__name__} overrides Cell.step, which training does not go by: override combine")

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

    @final
    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One step: x (..., I), state -> output (..., H), next state."""
        lead = x.shape[:-1]
        x, state = x.flatten(0, -2), tuple(part.flatten(0, -2) for part in state)
        h = state[0]
        from_hidden = h[..., :0] if self.hidden is None else linear(h, self.hidden.weight, self.hidden.bias)
        from_input = linear(x, self.input.weight, self.input.bias)
        out = None if torch.is_grad_enabled() else torch.empty_like(h)
        made, _ = self.combine(Gates(from_input, from_hidden, self.extras()), state, out)
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
    def combine(cls, gates: Gates, state: State, out: Tensor | None = None) -> tuple[State, Saved]:
        """Gates and last state -> next state, and what `combine_backward` needs of the step (without one: nothing).

        Args:
            out: (..., H), a place for the output, given where there is no autograd; may be left alone.
        """

    @classmethod
    def combine_backward(
        cls, grad: State, saved: Saved, extras: Sequence[Tensor], grads: Gates
    ) -> tuple[Tensor | None, ...]:
        """Gradients of the next state -> those of both gates and, past the gates, of the last state.

        Those of the gates are written to `grads.input` and `grads.hidden`, which are the same tensor for a cell that
        merely adds its gates; those of the extras are added to `grads.extras`. Of the last state, a part that is
        reached through the gates alone, or not at all, gets None. To be left out where autograd is quick enough.
        """
        raise TypeError(f"{cls.__name__} has no backward by hand")

    @classmethod
    def opened(cls, saved: Saved) -> dict[str, Tensor]:
        """The gates of a step by their names, (..., H) from 0 to 1, of what `combine` saved, for whoever wants to see
        them; a cell may have none, or keep its own to itself."""
        return {}

    @classmethod
    def by_hand(cls) -> bool:
        """Whether it has a backward by hand that is the derivative of its own `combine`, not of a parent's."""
        return forms.fits(cls, "combine_backward", "combine")
