"""The gated recurrent unit (Cho et al. 2014), in the form of torch.nn.GRU: the reset gate acts on U h."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mtkit.model.cells.base import Cell, Gates, Saved, State, sigmoid_grad, tanh_grad
from mtkit.ops import native


class GRU(Cell):
    """r, z = sigmoid(W x + U h); n = tanh(W x + r * U h); h' = (1 - z) n + z h."""

    gates = 3
    states = 1
    adds_gates = False

    @classmethod
    def combine(cls, gates: Gates, state: State, out: Tensor | None = None) -> tuple[State, Saved]:
        from_input, from_hidden, _ = gates
        width = state[0].shape[-1]
        hidden_n = from_hidden[..., 2 * width :]
        if out is not None and native.fits(from_input, from_hidden, state[0], out):
            rz, n = native.elementwise.gru_forward(from_input, from_hidden, state[0], out)
            return (out,), (state[0], rz, n, hidden_n)
        rz = (from_input[..., : 2 * width] + from_hidden[..., : 2 * width]).sigmoid()
        r, z = rz[..., :width], rz[..., width:]
        n = torch.addcmul(from_input[..., 2 * width :], r, hidden_n).tanh()
        h = torch.lerp(n, state[0], z, out=out)
        return (h,), (state[0], rz, n, hidden_n)

    @classmethod
    def combine_backward(
        cls, grad: State, saved: Saved, extras: Sequence[Tensor], grads: Gates
    ) -> tuple[Tensor | None, ...]:
        from_input, from_hidden, _ = grads
        (grad_h,), (h, rz, n, hidden_n) = grad, saved
        if native.fits(from_input, from_hidden, grad_h, h):
            return (native.elementwise.gru_backward(grad_h, h, rz, n, hidden_n, from_input, from_hidden),)
        width = n.shape[-1]
        grad_last = grad_h * rz[..., width:]
        grad_n = tanh_grad(grad_h - grad_last, n, out=from_input[..., 2 * width :])
        grad_rz = torch.empty_like(rz)
        torch.mul(grad_n, hidden_n, out=grad_rz[..., :width])
        torch.mul(grad_h, h - n, out=grad_rz[..., width:])
        sigmoid_grad(grad_rz, rz, out=from_input[..., : 2 * width])
        from_hidden[..., : 2 * width] = from_input[..., : 2 * width]
        torch.mul(grad_n, rz[..., :width], out=from_hidden[..., 2 * width :])
        return (grad_last,)
