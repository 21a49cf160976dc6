"""Long short-term memory (Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mtkit.model.cells.base import Cell, State, sigmoid_grad, tanh_grad


class LSTM(Cell):
    """i, f, o = sigmoid(W x + U h); g = tanh(W x + U h); c' = f c + i g; h' = o tanh(c').

    The state is (h, c): short term, long term. Gates stand in torch.nn's order i, f, g, o.
    """

    gates = 4
    states = 2

    def reset_parameters(self) -> None:
        """As every cell, and a forget gate that starts open: bias 1 (Jozefowicz et al. 2015)."""
        super().reset_parameters()
        nn.init.ones_(self.input.bias.detach()[self.hidden_dim : 2 * self.hidden_dim])

    @classmethod
    def combine(
        cls, from_input: Tensor, from_hidden: Tensor, state: State, out: Tensor | None = None
    ) -> tuple[State, Sequence[Tensor]]:
        width, last_c = state[0].shape[-1], state[1]
        gates = from_input + from_hidden
        i_f = gates[..., : 2 * width].sigmoid()
        g = gates[..., 2 * width : 3 * width].tanh()
        o = gates[..., 3 * width :].sigmoid()
        c = torch.addcmul(i_f[..., width:] * last_c, i_f[..., :width], g)
        tanh_c = c.tanh()
        return (torch.mul(o, tanh_c, out=out), c), (i_f, g, o, last_c, tanh_c)

    @classmethod
    def combine_backward(
        cls, grad: State, saved: Sequence[Tensor], from_input: Tensor, from_hidden: Tensor
    ) -> tuple[Tensor | None, ...]:
        (grad_h, grad_c), (i_f, g, o, last_c, tanh_c) = grad, saved
        width = g.shape[-1]
        grad_c = grad_c + tanh_grad(grad_h * o, tanh_c)
        grad_i_f = torch.empty_like(i_f)
        torch.mul(grad_c, g, out=grad_i_f[..., :width])
        torch.mul(grad_c, last_c, out=grad_i_f[..., width:])
        sigmoid_grad(grad_i_f, i_f, out=from_input[..., : 2 * width])
        tanh_grad(grad_c * i_f[..., :width], g, out=from_input[..., 2 * width : 3 * width])
        sigmoid_grad(grad_h * tanh_c, o, out=from_input[..., 3 * width :])
        return None, grad_c * i_f[..., width:]
