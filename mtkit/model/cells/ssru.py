"""The simpler simple recurrent unit (Kim et al. 2019): nothing but element-wise work from step to step."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mtkit.model.cells.base import Cell, Gates, Saved, State
from mtkit.ops.derivatives import sigmoid_grad


class SSRU(Cell):
    """f = sigmoid(W x + b); c' = f c + (1 - f) V x; h' = max(0, c').

    The state is (h, c), but h is only what the layer above reads. Both matrix products are of the input, so a
    whole sequence's are formed at once.
    """

    gates = 2
    states = 2
    free = 1
    recurrent = False

    @classmethod
    def begin(cls, parts: State) -> State:
        """The initial long-term state is given, the short-term one follows."""
        return parts[0].relu(), parts[0]

    @classmethod
    def combine(cls, gates: Gates, state: State, out: Tensor | None = None) -> tuple[State, Saved]:
        width, last_c = state[1].shape[-1], state[1]
        f, v = gates.input[..., :width].sigmoid(), gates.input[..., width:]
        c = torch.lerp(v, last_c, f)
        return (torch.clamp(c, min=0, out=out), c), (f, v, last_c, c)

    @classmethod
    def combine_backward(
        cls, grad: State, saved: Saved, extras: Sequence[Tensor], grads: Gates
    ) -> tuple[Tensor | None, ...]:
        (grad_h, grad_c), (f, v, last_c, c) = grad, saved
        width = f.shape[-1]
        grad_c = torch.addcmul(grad_c, grad_h, (c > 0).to(c.dtype))
        grad_last = grad_c * f
        torch.sub(grad_c, grad_last, out=grads.input[..., width:])
        sigmoid_grad(grad_c * (last_c - v), f, out=grads.input[..., :width])
        return None, grad_last

    @classmethod
    def opened(cls, saved: Saved) -> dict[str, Tensor]:
        return {"forget": saved[0]}
