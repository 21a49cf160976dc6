"""GRU and LSTM with layer normalisation inside (Ba et al. 2016), a gate at a time.

Every gate that input and hidden state make is brought to mean 0 and variance 1 over its width, scaled by a
learned gain, and one learned shift is added to both together. The LSTM's long-term state is normalised where
it is read. Nothing else changes, so the cells are the plain ones between two functions.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mtkit.model.cells.base import Cell, Gates, Saved, State
from mtkit.model.cells.gru import GRU
from mtkit.model.cells.lstm import LSTM
from mtkit.ops import recurrence
from mtkit.ops.derivatives import tanh_grad


class _Gains(Cell):
    """The parameters that both have."""

    adds_gates = False
    biased = False

    def __init__(self, input_dim: int, hidden_dim: int) -> None:
        super().__init__(input_dim, hidden_dim)
        self.input_gain_G = nn.Parameter(torch.ones(self.gates * hidden_dim))
        self.hidden_gain_G = nn.Parameter(torch.ones(self.gates * hidden_dim))
        self.shift_G = nn.Parameter(torch.zeros(self.gates * hidden_dim))

    def extras(self) -> tuple[Tensor, ...]:
        return self.input_gain_G, self.hidden_gain_G, self.shift_G


class LayerNormGRU(_Gains, GRU):
    """The GRU on normalised gates."""

    @classmethod
    def combine(cls, gates: Gates, state: State, out: Tensor | None = None) -> tuple[State, Saved]:
        from_input, from_hidden, extras = gates
        width = state[0].shape[-1]
        given, one = recurrence.norm(from_input, width, extras[0], extras[2])
        of_state, other = recurrence.norm(from_hidden, width, extras[1])
        state, saved = GRU.combine(Gates(given, of_state), state, out)
        return state, (*one, *other, *saved)

    @classmethod
    def combine_backward(
        cls, grad: State, saved: Saved, extras: Sequence[Tensor], grads: Gates
    ) -> tuple[Tensor | None, ...]:
        from_input, from_hidden, grad_extras = grads
        one, other = (saved[0], saved[1]), (saved[2], saved[3])
        grad_given, grad_of_state = torch.empty_like(one[0]), torch.empty_like(other[0])
        past = GRU.combine_backward(grad, saved[4:], (), Gates(grad_given, grad_of_state))
        recurrence.norm_backward(grad_given, one, extras[0], grad_extras[0], grad_extras[2], from_input)
        recurrence.norm_backward(grad_of_state, other, extras[1], grad_extras[1], None, from_hidden)
        return past

    @classmethod
    def opened(cls, saved: Saved) -> dict[str, Tensor]:
        return GRU.opened(saved[4:])


class LayerNormLSTM(_Gains, LSTM):
    """The LSTM on normalised gates; h' = o tanh(norm(c'))."""

    def __init__(self, input_dim: int, hidden_dim: int) -> None:
        super().__init__(input_dim, hidden_dim)
        self.long_gain_H = nn.Parameter(torch.ones(hidden_dim))
        self.long_shift_H = nn.Parameter(torch.zeros(hidden_dim))

    def extras(self) -> tuple[Tensor, ...]:
        return (*super().extras(), self.long_gain_H, self.long_shift_H)

    def reset_biases(self) -> None:
        """As in the LSTM, the forget gate starts open."""
        nn.init.ones_(self.shift_G.detach()[self.hidden_dim : 2 * self.hidden_dim])

    @classmethod
    def combine(cls, gates: Gates, state: State, out: Tensor | None = None) -> tuple[State, Saved]:
        from_input, from_hidden, extras = gates
        width = state[0].shape[-1]
        given, one = recurrence.norm(from_input, width, extras[0], extras[2])
        of_state, other = recurrence.norm(from_hidden, width, extras[1])
        i_f, g, o, c = recurrence.lstm(given, of_state, state[1])
        read, long = recurrence.norm(c, width, extras[3], extras[4])
        tanh_c = read.tanh()
        saved = (*one, *other, *long, i_f, g, o, state[1], tanh_c)
        return (torch.mul(o, tanh_c, out=out), c), saved

    @classmethod
    def combine_backward(
        cls, grad: State, saved: Saved, extras: Sequence[Tensor], grads: Gates
    ) -> tuple[Tensor | None, ...]:
        from_input, from_hidden, grad_extras = grads
        grad_h, grad_c = grad
        one, other, long = (saved[0], saved[1]), (saved[2], saved[3]), (saved[4], saved[5])
        i_f, g, o, last_c, tanh_c = saved[6:]
        grad_read = tanh_grad(grad_h * o, tanh_c)
        through_norm = torch.empty_like(grad_read)
        recurrence.norm_backward(grad_read, long, extras[3], grad_extras[3], grad_extras[4], through_norm)
        grad_gates = torch.empty_like(one[0])
        grad_last = recurrence.lstm_backward(grad_c + through_norm, grad_h * tanh_c, i_f, g, o, last_c, grad_gates)
        recurrence.norm_backward(grad_gates, one, extras[0], grad_extras[0], grad_extras[2], from_input)
        recurrence.norm_backward(grad_gates, other, extras[1], grad_extras[1], None, from_hidden)
        return None, grad_last

    @classmethod
    def opened(cls, saved: Saved) -> dict[str, Tensor]:
        return LSTM.opened(saved[6:])
