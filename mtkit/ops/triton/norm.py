"""The norms of cells, a kernel forward and two back; see `mtkit.ops.reference.recurrence`.

Dimensions: n rows, G the width of all gates; tensors may have a first dimension of directions or sentences.
"""

from torch import Tensor

from mtkit.ops.reference.recurrence import EPSILON, Normed
from mtkit.ops.triton.launch import blocks, launch, power

ROWS, COLUMNS = 32, 32  # of sums over rows, which a program has in hand at once


def norm(x: Tensor, width: int, gain: Tensor, shift: Tensor | None = None) -> tuple[Tensor, Normed]:
    """See the reference."""
    *lead, n, G = x.shape
    unit, y, rstd = x.new_empty(*lead, n, G), x.new_empty(*lead, n, G), x.new_empty(*lead, n, G // width)
    launch(
        "norm:norm",
        (x.numel() // G, G // width),
        *(x, gain, shift, unit, rstd, y, n, width, *_strides(x), _first(gain), _first(shift), EPSILON),
        **_stretch(width),
        SHIFTED=shift is not None,
    )
    return y, (unit, rstd)


def norm_backward(
    grad: Tensor, saved: Normed, gain: Tensor, grad_gain: Tensor, grad_shift: Tensor | None, out: Tensor
) -> None:
    """See the reference."""
    unit, rstd = saved
    n, G = unit.shape[-2:]
    stretches = rstd.shape[-1]
    launch(
        "norm:norm_backward",
        (unit.numel() // G, stretches),
        *(grad, unit, rstd, gain, out, n, G // stretches, *_strides(grad), _first(gain), *_strides(out)),
        **_stretch(G // stretches),
    )
    launch(
        "norm:norm_parameters",
        (unit.numel() // (n * G), blocks(G, COLUMNS)),
        *(grad, unit, grad_gain, grad_shift, n, G, *_strides(grad), _first(grad_gain), _first(grad_shift)),
        SHIFTED=grad_shift is not None,
        ROWS=ROWS,
        BLOCK=COLUMNS,
    )


def _stretch(width: int) -> dict[str, int]:
    """A whole one, eight numbers a thread."""
    block = power(width)
    return {"BLOCK": block, "num_warps": min(16, max(1, block // 256))}


def _first(one: Tensor | None) -> int:
    """The stride of parameters (..., 1, G) over the first dimension; 0: there is none."""
    return one.stride(0) if one is not None and one.dim() > 2 else 0


def _strides(one: Tensor) -> tuple[int, int]:
    return (one.stride(0) if one.dim() > 2 else 0), one.stride(-2)
