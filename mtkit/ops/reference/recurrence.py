"""The work of cells and their norms between products.

Dimensions: n rows, H the width of a state, G that of all gates; tensors may have a first dimension of directions.
"""

import torch
from torch import Tensor

from mtkit.ops.derivatives import sigmoid_grad, tanh_grad

EPSILON = 1e-5

Normed = tuple[Tensor, Tensor]
"""What the backward step needs of a normalisation: the values at mean 0 and variance 1, the inverse deviations."""


def gru(
    from_input: Tensor, from_hidden: Tensor, last: Tensor, out: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Gates (..., 3H) and last state -> the next state (in `out`, if given), r and z together, and n."""
    width = last.shape[-1]
    rz = (from_input[..., : 2 * width] + from_hidden[..., : 2 * width]).sigmoid()
    r, z = rz[..., :width], rz[..., width:]
    n = torch.addcmul(from_input[..., 2 * width :], r, from_hidden[..., 2 * width :]).tanh()
    return torch.lerp(n, last, z, out=out), rz, n


def gru_backward(
    grad: Tensor, last: Tensor, rz: Tensor, n: Tensor, hidden_n: Tensor, to_input: Tensor, to_hidden: Tensor
) -> Tensor:
    """The gradient of the next state -> those of the gates, written to `to_input` and `to_hidden` (..., 3H).

    Args:
        hidden_n: what the hidden state gave to n (..., H).

    Returns:
        The gradient of the last state past the gates.
    """
    width = n.shape[-1]
    grad_last = grad * rz[..., width:]
    grad_n = tanh_grad(grad - grad_last, n, out=to_input[..., 2 * width :])
    grad_rz = torch.empty_like(rz)
    torch.mul(grad_n, hidden_n, out=grad_rz[..., :width])
    torch.mul(grad, last - n, out=grad_rz[..., width:])
    sigmoid_grad(grad_rz, rz, out=to_input[..., : 2 * width])
    to_hidden[..., : 2 * width] = to_input[..., : 2 * width]
    torch.mul(grad_n, rz[..., :width], out=to_hidden[..., 2 * width :])
    return grad_last


def lstm(from_input: Tensor, from_hidden: Tensor, last_c: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gates (..., 4H) and last long-term state -> i and f together, g, o, and the next long-term state."""
    width = last_c.shape[-1]
    gates = from_input + from_hidden
    i_f = gates[..., : 2 * width].sigmoid()
    g = gates[..., 2 * width : 3 * width].tanh()
    o = gates[..., 3 * width :].sigmoid()
    return i_f, g, o, torch.addcmul(i_f[..., width:] * last_c, i_f[..., :width], g)


def lstm_backward(
    grad_c: Tensor, grad_o: Tensor, i_f: Tensor, g: Tensor, o: Tensor, last_c: Tensor, to_gates: Tensor
) -> Tensor:
    """Gradients of the next long-term state and of o -> that of the gates, written to `to_gates` (..., 4H).

    Returns:
        The gradient of the last long-term state.
    """
    width = g.shape[-1]
    grad_i_f = torch.empty_like(i_f)
    torch.mul(grad_c, g, out=grad_i_f[..., :width])
    torch.mul(grad_c, last_c, out=grad_i_f[..., width:])
    sigmoid_grad(grad_i_f, i_f, out=to_gates[..., : 2 * width])
    tanh_grad(grad_c * i_f[..., :width], g, out=to_gates[..., 2 * width : 3 * width])
    sigmoid_grad(grad_o, o, out=to_gates[..., 3 * width :])
    return grad_c * i_f[..., width:]


def norm(x: Tensor, width: int, gain: Tensor, shift: Tensor | None = None) -> tuple[Tensor, Normed]:
    """x (..., multiple of width), each stretch of `width` normalised, times gain, plus shift."""
    stretches = x.view(*x.shape[:-1], -1, width)
    unit, _, rstd = torch.native_layer_norm(stretches, [width], None, None, EPSILON)
    unit = unit.flatten(-2)
    return unit * gain if shift is None else torch.addcmul(shift, unit, gain), (unit, rstd.squeeze(-1))


def norm_backward(
    grad: Tensor, saved: Normed, gain: Tensor, grad_gain: Tensor, grad_shift: Tensor | None, out: Tensor
) -> None:
    """From the gradient of what `norm` gave: add those of gain and shift to theirs, write that of x to `out`."""
    unit, rstd = saved
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
