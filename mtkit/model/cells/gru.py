"""The gated recurrent unit (Cho et al. 2014), in the form of torch.nn.GRU: the reset gate acts on U h."""

from collections.abc import Sequence

from torch import Tensor

from mtkit.model.cells.base import Cell, Gates, Saved, State
from mtkit.ops import recurrence


class GRU(Cell):
    """r, z = sigmoid(W x + U h); n = tanh(W x + r * U h); h' = (1 - z) n + z h."""

    gates = 3
    states = 1
    adds_gates = False

    @classmethod
    def combine(cls, gates: Gates, state: State, out: Tensor | None = None) -> tuple[State, Saved]:
        hidden_n = gates.hidden[..., 2 * state[0].shape[-1] :]
        h, rz, n = recurrence.gru(gates.input, gates.hidden, state[0], out)
        return (h,), (state[0], rz, n, hidden_n)

    @classmethod
    def combine_backward(
        cls, grad: State, saved: Saved, extras: Sequence[Tensor], grads: Gates
    ) -> tuple[Tensor | None, ...]:
        from_input, from_hidden, _ = grads
        (grad_h,), (h, rz, n, hidden_n) = grad, saved
        return (recurrence.gru_backward(grad_h, h, rz, n, hidden_n, from_input, from_hidden),)

    @classmethod
    def opened(cls, saved: Saved) -> dict[str, Tensor]:
        reset, update = saved[1].chunk(2, -1)
        return {"reset": reset, "update": update}
