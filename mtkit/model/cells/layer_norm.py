"""GRU and LSTM with layer normalisation inside (Ba et al. 2016), a gate at a time.

Every gate that input and hidden state make is brought to mean 0 and variance 1 over its width, scaled by a
learned gain, and one learned shift is added to both together. The LSTM's long-term state is normalised where
it is read. Nothing else changes, so the cells are the plain ones between two functions.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mtkit.model.cells.base import Cell, State, tanh_grad
from mtkit.model.cells.gru import GRU
from mtkit.model.cells.lstm import LSTM, remember, remember_backward

EPSILON = 1e-5


class Normed(NamedTuple):
    """What the backward step needs of a normalisation."""

    x: Tensor
    mean: Tensor
    rstd: Tensor
    unit: Tensor
    """x at mean 0 and variance 1."""


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
    def combine(
        cls,
        from_input: Tensor,
        from_hidden: Tensor | None,
        state: State,
        extras: Sequence[Tensor] = (),
        out: Tensor | None = None,
    ) -> tuple[State, Sequence[Tensor]]:
        assert from_hidden is not None
        width = state[0].shape[-1]
        one, other = normed(from_input, width), normed(from_hidden, width)
        state, saved = GRU.combine(
            torch.addcmul(extras[2], one.unit, extras[0]), other.unit * extras[1], state, out=out
        )
        return state, (*one, *other, *saved)

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
        assert from_hidden is not None
        one, other = Normed(*saved[:4]), Normed(*saved[4:8])
        scaled_input, scaled_hidden = torch.empty_like(one.unit), torch.empty_like(other.unit)
        past = GRU.combine_backward(grad, saved[8:], scaled_input, scaled_hidden)
        add_rows(grad_extras[2], scaled_input)
        normed_backward(scaled_input, one, extras[0], grad_extras[0], from_input)
        normed_backward(scaled_hidden, other, extras[1], grad_extras[1], from_hidden)
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
    def combine(
        cls,
        from_input: Tensor,
        from_hidden: Tensor | None,
        state: State,
        extras: Sequence[Tensor] = (),
        out: Tensor | None = None,
    ) -> tuple[State, Sequence[Tensor]]:
        assert from_hidden is not None
        width = state[0].shape[-1]
        one, other = normed(from_input, width), normed(from_hidden, width)
        scaled = torch.addcmul(extras[2], one.unit, extras[0])
        i_f, g, o, c = remember(scaled, other.unit * extras[1], state[1])
        long = normed(c, width)
        tanh_c = torch.addcmul(extras[4], long.unit, extras[3]).tanh()
        saved = (*one, *other, *long, i_f, g, o, state[1], tanh_c)
        return (torch.mul(o, tanh_c, out=out), c), saved

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
        assert from_hidden is not None
        grad_h, grad_c = grad
        one, other, long = Normed(*saved[:4]), Normed(*saved[4:8]), Normed(*saved[8:12])
        i_f, g, o, last_c, tanh_c = saved[12:]
        grad_long = tanh_grad(grad_h * o, tanh_c)
        add_rows(grad_extras[4], grad_long)
        through_norm = torch.empty_like(grad_long)
        normed_backward(grad_long, long, extras[3], grad_extras[3], through_norm)
        grad_gates = torch.empty_like(one.unit)
        grad_last = remember_backward(grad_c + through_norm, grad_h * tanh_c, i_f, g, o, last_c, grad_gates)
        add_rows(grad_extras[2], grad_gates)
        normed_backward(grad_gates, one, extras[0], grad_extras[0], from_input)
        normed_backward(grad_gates, other, extras[1], grad_extras[1], from_hidden)
        return None, grad_last


def normed(x: Tensor, width: int) -> Normed:
    """x (..., multiple of width), each stretch of `width` brought to mean 0 and variance 1."""
    stretches = x.view(*x.shape[:-1], -1, width)
    unit, mean, rstd = torch.native_layer_norm(stretches, [width], None, None, EPSILON)
    return Normed(stretches, mean, rstd, unit.flatten(-2))


def normed_backward(grad: Tensor, normed: Normed, gain: Tensor, grad_gain: Tensor, out: Tensor) -> None:
    """From the gradient of unit * gain: add that of the gain to `grad_gain`, write that of x to `out`."""
    add_rows(grad_gain, grad * normed.unit)
    through_gain = (grad * gain).view(normed.x.shape)
    grad_x, _, _ = torch.ops.aten.native_layer_norm_backward(
        through_gain, normed.x, [normed.x.shape[-1]], normed.mean, normed.rstd, None, None, [True, False, False]
    )
    out.copy_(grad_x.view(out.shape))


def add_rows(total: Tensor, parts: Tensor) -> None:
    """Add the sum of parts (..., n, X) over its rows to total, (X) or (..., 1, X)."""
    total += parts.sum(-2, keepdim=total.dim() > 1)
