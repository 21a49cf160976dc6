"""Long short-term memory (Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mtkit.model.cells.base import Cell, Gates, Saved, State, sigmoid_grad, tanh_grad
from mtkit.ops import native


class LSTM(Cell):
    """i, f, o = sigmoid(W x + U h); g = tanh(W x + U h); c' = f c + i g; h' = o tanh(c').

    The state is (h, c): short term, long term. Gates stand in torch.nn's order i, f, g, o.
    """

    gates = 4
    states = 2

    def reset_biases(self) -> None:
        """The forget gate starts open: bias 1 (Jozefowicz et al. 2015)."""
        nn.init.ones_(self.input.bias.detach()[self.hidden_dim : 2 * self.hidden_dim])

    @classmethod
    def combine(cls, gates: Gates, state: State, out: Tensor | None = None) -> tuple[State, Saved]:
        i_f, g, o, c = remember(gates.input, gates.hidden, state[1], by_hand=out is not None)
        tanh_c = c.tanh()
        return (torch.mul(o, tanh_c, out=out), c), (i_f, g, o, state[1], tanh_c)

    @classmethod
    def combine_backward(
        cls, grad: State, saved: Saved, extras: Sequence[Tensor], grads: Gates
    ) -> tuple[Tensor | None, ...]:
        (grad_h, grad_c), (i_f, g, o, last_c, tanh_c) = grad, saved
        grad_c = grad_c + tanh_grad(grad_h * o, tanh_c)
        return None, remember_backward(grad_c, grad_h * tanh_c, i_f, g, o, last_c, grads.input)


def remember(
    from_input: Tensor, from_hidden: Tensor, last_c: Tensor, by_hand: bool = False
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gates and last long-term state -> i and f together, g, o, and the next long-term state.

    Args:
        by_hand: there is no autograd.
    """
    if by_hand and native.fits(from_input, from_hidden, last_c):
        return native.elementwise.lstm_forward(from_input, from_hidden, last_c)
    width = last_c.shape[-1]
    gates = from_input + from_hidden
    i_f = gates[..., : 2 * width].sigmoid()
    g = gates[..., 2 * width : 3 * width].tanh()
    o = gates[..., 3 * width :].sigmoid()
    return i_f, g, o, torch.addcmul(i_f[..., width:] * last_c, i_f[..., :width], g)


def remember_backward(
    grad_c: Tensor, grad_o: Tensor, i_f: Tensor, g: Tensor, o: Tensor, last_c: Tensor, gates: Tensor
) -> Tensor:
    """Write the gradient of the gates (..., G) to `gates`, and return that of the last long-term state."""
    if native.fits(grad_c, grad_o, last_c, gates):
        return native.elementwise.lstm_backward(grad_c, grad_o, i_f, g, o, last_c, gates)
    width = g.shape[-1]
    grad_i_f = torch.empty_like(i_f)
    torch.mul(grad_c, g, out=grad_i_f[..., :width])
    torch.mul(grad_c, last_c, out=grad_i_f[..., width:])
    sigmoid_grad(grad_i_f, i_f, out=gates[..., : 2 * width])
    tanh_grad(grad_c * i_f[..., :width], g, out=gates[..., 2 * width : 3 * width])
    sigmoid_grad(grad_o, o, out=gates[..., 3 * width :])
    return grad_c * i_f[..., width:]
