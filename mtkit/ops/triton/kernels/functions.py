"""What kernels share."""

import triton
import triton.language as tl


@triton.jit
def tanh(x):
    """By one exponential, without overflow; Triton's interpreter has no library of functions."""
    e = tl.exp(-2 * tl.abs(x))
    y = (1 - e) / (1 + e)
    return tl.where(x < 0, -y, y)


@triton.jit
def zero(place):
    """The least kernel."""
    tl.store(place, 0.0)
