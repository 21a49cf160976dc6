"""The work of cells between products: a program does BLOCK columns of a row.

Rows are counted over directions (or sentences) and n; every tensor comes with its strides over both.
"""

import triton
import triton.language as tl

from mtkit.ops.triton.kernels.functions import number, tanh


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
    r = tl.sigmoid(number(x, here) + number(u, here))
    z = tl.sigmoid(number(x + H, here) + number(u + H, here))
    candidate = tanh(number(x + 2 * H, here) + r * number(u + 2 * H, here))
    before = number(last + d * last_d + i * last_n + h, here)
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
    g = number(grad + d * grad_d + i * grad_n + h, here)
    before = number(last + d * last_d + i * last_n + h, here)
    rz += d * rz_d + i * rz_n + h
    r, z = number(rz, here), number(rz + H, here)
    candidate = number(new + d * new_d + i * new_n + h, here)
    through = g * z
    grad_new = (g - through) * (1 - candidate * candidate)
    grad_r = grad_new * number(u_new + d * u_d + i * u_n + h, here) * r * (1 - r)
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
    into = tl.sigmoid(number(x, here) + number(u, here))
    forget = tl.sigmoid(number(x + H, here) + number(u + H, here))
    new = tanh(number(x + 2 * H, here) + number(u + 2 * H, here))
    out = tl.sigmoid(number(x + 3 * H, here) + number(u + 3 * H, here))
    before = number(last + d * last_d + i * last_n + h, here)
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
    from_c = number(grad_c + d * grad_c_d + i * grad_c_n + h, here)
    from_o = number(grad_o + d * grad_o_d + i * grad_o_n + h, here)
    i_f += d * i_f_d + i * i_f_n + h
    into, forget = number(i_f, here), number(i_f + H, here)
    new = number(g + d * g_d + i * g_n + h, here)
    out = number(o + d * o_d + i * o_n + h, here)
    before = number(last + d * last_d + i * last_n + h, here)
    to_gates += d * to_d + i * to_n + h
    tl.store(to_gates, from_c * new * into * (1 - into), here)
    tl.store(to_gates + H, from_c * before * forget * (1 - forget), here)
    tl.store(to_gates + 2 * H, from_c * into * (1 - new * new), here)
    tl.store(to_gates + 3 * H, from_o * out * (1 - out), here)
    tl.store(to_last + (d * n + i) * H + h, from_c * forget, here)
