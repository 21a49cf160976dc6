"""Long short-term memory (Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mtkit.model.cells.base import Cell, Gates, Saved, State
from mtkit.ops import recurrence
from mtkit.ops.derivatives import tanh_grad


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
        i_f, g, o, c = recurrence.lstm(gates.input, gates.hidden, state[1])
        tanh_c = c.tanh()
        return (torch.mul(o, tanh_c, out=out), c), (i_f, g, o, state[1], tanh_c)

    @classmethod
    def combine_backward(
        cls, grad: State, saved: Saved, extras: Sequence[Tensor], grads: Gates
    ) -> tuple[Tensor | None, ...]:
        (grad_h, grad_c), (i_f, g, o, last_c, tanh_c) = grad, saved
        grad_c = grad_c + tanh_grad(grad_h * o, tanh_c)
        return None, recurrence.lstm_backward(grad_c, grad_h * tanh_c, i_f, g, o, last_c, grads.input)

    @classmethod
    def opened(cls, saved: Saved) -> dict[str, Tensor]:
        given, forget = saved[0].chunk(2, -1)
        return {"input": given, "forget": forget, "output": saved[2]}
