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
def number(place, here):
    """What stands there as fp32, in which all is computed; 0 where there is nothing."""
    return tl.load(place, here, 0.0).to(tl.float32)


@triton.jit
def zero(place):
    """The least kernel."""
    tl.store(place, 0.0)
