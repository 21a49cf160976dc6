"""GRU and LSTM with layer normalisation inside (Ba et al. 2016), a gate at a time.

Every gate that input and hidden state make is brought to mean 0 and variance 1 over its width, scaled by a
learned gain, and one learned shift is added to both together. The LSTM's long-term state is normalised where
it is read. Nothing else changes, so the cells are the plain ones between two functions.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mtkit.model.cells.base import Cell, Gates, Saved, State, tanh_grad
from mtkit.model.cells.gru import GRU
from mtkit.model.cells.lstm import LSTM, remember, remember_backward
from mtkit.ops import native

EPSILON = 1e-5


Normed = tuple[Tensor, Tensor]
"""What the backward step needs of a normalisation: the values at mean 0 and variance 1, the inverse deviations."""


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
        by_hand = out is not None
        given, one = normed(from_input, width, extras[0], extras[2], by_hand)
        of_state, other = normed(from_hidden, width, extras[1], by_hand=by_hand)
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
        normed_backward(grad_given, one, extras[0], grad_extras[0], grad_extras[2], from_input)
        normed_backward(grad_of_state, other, extras[1], grad_extras[1], None, from_hidden)
        return past


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
        by_hand = out is not None
        given, one = normed(from_input, width, extras[0], extras[2], by_hand)
        of_state, other = normed(from_hidden, width, extras[1], by_hand=by_hand)
        i_f, g, o, c = remember(given, of_state, state[1], by_hand)
        read, long = normed(c, width, extras[3], extras[4], by_hand)
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
        normed_backward(grad_read, long, extras[3], grad_extras[3], grad_extras[4], through_norm)
        grad_gates = torch.empty_like(one[0])
        grad_last = remember_backward(grad_c + through_norm, grad_h * tanh_c, i_f, g, o, last_c, grad_gates)
        normed_backward(grad_gates, one, extras[0], grad_extras[0], grad_extras[2], from_input)
        normed_backward(grad_gates, other, extras[1], grad_extras[1], None, from_hidden)
        return None, grad_last


def normed(
    x: Tensor, width: int, gain: Tensor, shift: Tensor | None = None, by_hand: bool = False
) -> tuple[Tensor, Normed]:
    """x (..., multiple of width), each stretch of `width` normalised, times gain, plus shift.

    Args:
        by_hand: there is no autograd.
    """
    if by_hand and native.fits(x, gain):
        unit, rstd, y = native.elementwise.norm_forward(x, width, gain, shift)
        return y, (unit, rstd)
    stretches = x.view(*x.shape[:-1], -1, width)
    unit, _, rstd = torch.native_layer_norm(stretches, [width], None, None, EPSILON)
    unit = unit.flatten(-2)
    return unit * gain if shift is None else torch.addcmul(shift, unit, gain), (unit, rstd.squeeze(-1))


def normed_backward(
    grad: Tensor, saved: Normed, gain: Tensor, grad_gain: Tensor, grad_shift: Tensor | None, out: Tensor
) -> None:
    """From the gradient of what `normed` gave: add those of gain and shift to theirs, write that of x to `out`."""
    unit, rstd = saved
    if native.fits(grad, gain, out):
        native.elementwise.norm_backward(grad, unit, rstd, gain, grad_gain, grad_shift, out)
        return
    _add_rows(grad_gain, grad * unit)
    if grad_shift is not None:
        _add_rows(grad_shift, grad)
    stretches = (*rstd.shape, -1)
    g, u = (grad * gain).view(stretches), unit.view(stretches)
    centred = g - g.mean(-1, keepdim=True) - u * (g * u).mean(-1, keepdim=True)
    out.copy_((centred * rstd.unsqueeze(-1)).view(out.shape))


def _add_rows(total: Tensor, parts: Tensor) -> None:
    """Add the sum of parts (..., n, X) over its rows to total, (X) or (..., 1, X)."""
    total += parts.sum(-2, keepdim=total.dim() > 1)
