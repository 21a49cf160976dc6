"""The work of cells between products: a program does BLOCK columns of a row.

Rows are counted over directions (or sentences) and n; every tensor comes with its strides over both.
"""

import triton
import triton.language as tl

from mtkit.ops.triton.kernels.functions import tanh


@triton.jit
def _place(n, H, BLOCK: tl.constexpr):
    """The first dimension's number, the row in it, the columns, and which of them there are."""
    row = tl.program_id(0)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    return (row // n).to(tl.int64), (row % n).to(tl.int64), column, column < H


@triton.jit(do_not_specialize=["n"])
def gru(x, u, last, out, rz, new, n, H, x_d, x_n, u_d, u_n, last_d, last_n, out_d, out_n, BLOCK: tl.constexpr):
    """Gates of input (x) and state (u), (n, 3H), and the last state -> the next one, r and z (n, 2H), and n."""
    d, i, h, here = _place(n, H, BLOCK)
    x += d * x_d + i * x_n + h
    u += d * u_d + i * u_n + h
    r = tl.sigmoid(tl.load(x, here, 0.0) + tl.load(u, here, 0.0))
    z = tl.sigmoid(tl.load(x + H, here, 0.0) + tl.load(u + H, here, 0.0))
    candidate = tanh(tl.load(x + 2 * H, here, 0.0) + r * tl.load(u + 2 * H, here, 0.0))
    before = tl.load(last + d * last_d + i * last_n + h, here, 0.0)
    row = d * n + i
    tl.store(out + d * out_d + i * out_n + h, candidate + z * (before - candidate), here)
    tl.store(rz + row * 2 * H + h, r, here)
    tl.store(rz + row * 2 * H + H + h, z, here)
    tl.store(new + row * H + h, candidate, here)


@triton.jit(do_not_specialize=["n"])
def gru_backward(
    grad, last, rz, new, u_new, to_x, to_u, to_last,
    n, H, grad_d, grad_n, last_d, last_n, rz_d, rz_n, new_d, new_n, u_d, u_n, to_x_d, to_x_n, to_u_d, to_u_n,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """The gradient of the next state -> those of the gates, and of the last state past the gates."""
    d, i, h, here = _place(n, H, BLOCK)
    g = tl.load(grad + d * grad_d + i * grad_n + h, here, 0.0)
    before = tl.load(last + d * last_d + i * last_n + h, here, 0.0)
    rz += d * rz_d + i * rz_n + h
    r, z = tl.load(rz, here, 0.0), tl.load(rz + H, here, 0.0)
    candidate = tl.load(new + d * new_d + i * new_n + h, here, 0.0)
    through = g * z
    grad_new = (g - through) * (1 - candidate * candidate)
    grad_r = grad_new * tl.load(u_new + d * u_d + i * u_n + h, here, 0.0) * r * (1 - r)
    grad_z = g * (before - candidate) * z * (1 - z)
    to_x += d * to_x_d + i * to_x_n + h
    to_u += d * to_u_d + i * to_u_n + h
    tl.store(to_x, grad_r, here)
    tl.store(to_x + H, grad_z, here)
    tl.store(to_x + 2 * H, grad_new, here)
    tl.store(to_u, grad_r, here)
    tl.store(to_u + H, grad_z, here)
    tl.store(to_u + 2 * H, grad_new * r, here)
    tl.store(to_last + (d * n + i) * H + h, through, here)


@triton.jit(do_not_specialize=["n"])
def lstm(x, u, last, i_f, g, o, c, n, H, x_d, x_n, u_d, u_n, last_d, last_n, BLOCK: tl.constexpr):
    """Gates of input and state, (n, 4H), and the last long-term state -> the gates, and the next one."""
    d, i, h, here = _place(n, H, BLOCK)
    x += d * x_d + i * x_n + h
    u += d * u_d + i * u_n + h
    into = tl.sigmoid(tl.load(x, here, 0.0) + tl.load(u, here, 0.0))
    forget = tl.sigmoid(tl.load(x + H, here, 0.0) + tl.load(u + H, here, 0.0))
    new = tanh(tl.load(x + 2 * H, here, 0.0) + tl.load(u + 2 * H, here, 0.0))
    out = tl.sigmoid(tl.load(x + 3 * H, here, 0.0) + tl.load(u + 3 * H, here, 0.0))
    before = tl.load(last + d * last_d + i * last_n + h, here, 0.0)
    row = d * n + i
    tl.store(i_f + row * 2 * H + h, into, here)
    tl.store(i_f + row * 2 * H + H + h, forget, here)
    tl.store(g + row * H + h, new, here)
    tl.store(o + row * H + h, out, here)
    tl.store(c + row * H + h, forget * before + into * new, here)


@triton.jit(do_not_specialize=["n"])
def lstm_backward(
    grad_c, grad_o, i_f, g, o, last, to_gates, to_last,
    n, H, grad_c_d, grad_c_n, grad_o_d, grad_o_n, i_f_d, i_f_n, g_d, g_n, o_d, o_n, last_d, last_n, to_d, to_n,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Gradients of the next long-term state and of o -> those of the gates, and of the last long-term state."""
    d, i, h, here = _place(n, H, BLOCK)
    from_c = tl.load(grad_c + d * grad_c_d + i * grad_c_n + h, here, 0.0)
    from_o = tl.load(grad_o + d * grad_o_d + i * grad_o_n + h, here, 0.0)
    i_f += d * i_f_d + i * i_f_n + h
    into, forget = tl.load(i_f, here, 0.0), tl.load(i_f + H, here, 0.0)
    new = tl.load(g + d * g_d + i * g_n + h, here, 0.0)
    out = tl.load(o + d * o_d + i * o_n + h, here, 0.0)
    before = tl.load(last + d * last_d + i * last_n + h, here, 0.0)
    to_gates += d * to_d + i * to_n + h
    tl.store(to_gates, from_c * new * into * (1 - into), here)
    tl.store(to_gates + H, from_c * before * forget * (1 - forget), here)
    tl.store(to_gates + 2 * H, from_c * into * (1 - new * new), here)
    tl.store(to_gates + 3 * H, from_o * out * (1 - out), here)
    tl.store(to_last + (d * n + i) * H + h, from_c * forget, here)
