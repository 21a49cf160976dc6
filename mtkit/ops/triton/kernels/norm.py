"""Layer normalisation of stretches of a row: gates, one after another, have their own mean and variance.

Rows are counted over directions (or sentences) and n; `gain_d` is the stride of gains over the first, 0 where all have
the same.
"""

import triton
import triton.language as tl

from mtkit.ops.triton.kernels.functions import number


@triton.jit(do_not_specialize=["n"])
def norm(
    x, gain, shift, unit, rstd, y, n, width, x_d, x_n, gain_d, shift_d, epsilon,
    SHIFTED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """A stretch of a row, normalised, times gain, plus shift; BLOCK is no less than its width."""
    row, stretch = tl.program_id(0), tl.program_id(1)
    d, i = (row // n).to(tl.int64), (row % n).to(tl.int64)
    w = tl.arange(0, BLOCK)
    here, column = w < width, stretch * width + w
    given = number(x + d * x_d + i * x_n + column, here)
    centred = tl.where(here, given - tl.sum(given, 0) / width, 0.0)
    scale = tl.rsqrt(tl.sum(centred * centred, 0) / width + epsilon)
    made = centred * scale
    place = row.to(tl.int64) * tl.num_programs(1)
    tl.store(rstd + place + stretch, scale)
    tl.store(unit + place * width + column, made, here)
    made *= number(gain + d * gain_d + column, here)
    if SHIFTED:
        made += number(shift + d * shift_d + column, here)
    tl.store(y + place * width + column, made, here)


@triton.jit(do_not_specialize=["n"])
def norm_backward(grad, unit, rstd, gain, out, n, width, grad_d, grad_n, gain_d, out_d, out_n, BLOCK: tl.constexpr):
    """The gradient of what a stretch of a row gave -> of what it was given."""
    row, stretch = tl.program_id(0), tl.program_id(1)
    d, i = (row // n).to(tl.int64), (row % n).to(tl.int64)
    w = tl.arange(0, BLOCK)
    here, column = w < width, stretch * width + w
    place = row.to(tl.int64) * tl.num_programs(1)
    g = number(grad + d * grad_d + i * grad_n + column, here) * number(gain + d * gain_d + column, here)
    u = number(unit + place * width + column, here)
    centred = g - tl.sum(g, 0) / width - u * (tl.sum(g * u, 0) / width)
    tl.store(out + d * out_d + i * out_n + column, centred * tl.load(rstd + place + stretch).to(tl.float32), here)


@triton.jit(do_not_specialize=["n"])
def norm_parameters(
    grad, unit, grad_gain, grad_shift, n, G, grad_d, grad_n, gain_d, shift_d,
    SHIFTED: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """BLOCK columns of the gradients of gain and shift, to which sums over all rows are added."""
    d = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    there = column < G
    to_gain = tl.zeros((ROWS, BLOCK), tl.float32)
    to_shift = tl.zeros((ROWS, BLOCK), tl.float32)
    for start in range(0, n, ROWS):
        i = start + tl.arange(0, ROWS)
        here = (i < n)[:, None] & there[None, :]
        g = number(grad + d * grad_d + (i * grad_n)[:, None] + column[None, :], here)
        to_gain += g * number(unit + (d * n + i)[:, None] * G + column[None, :], here)
        to_shift += g
    place = grad_gain + d * gain_d + column
    tl.store(place, number(place, there) + tl.sum(to_gain, 0), there)
    if SHIFTED:
        place = grad_shift + d * shift_d + column
        tl.store(place, number(place, there) + tl.sum(to_shift, 0), there)
