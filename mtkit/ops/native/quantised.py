"""Products of numbers rounded to 8 bits (quantised.c): fp32 in and out, weights rounded once."""

import ctypes
import functools
from typing import NamedTuple

import torch
from torch import Tensor

from mtkit.ops.native import compiler, tiles

ROWS, DEPTH, GROUP = 16, 64, 4  # of a tile, and the numbers that a tile has side by side
_LONG, _POINTER = ctypes.c_int64, ctypes.c_void_p
_PRODUCT = (*(_LONG,) * 6, *(_POINTER,) * 5, ctypes.c_int)


class Quantised(NamedTuple):
    """A matrix (n, k) as whole numbers from -127 to 127 with a scale a row."""

    numbers_nk: Tensor
    scales_n: Tensor


def quantise(matrix_nk: Tensor) -> Quantised:
    """Round each row to multiples of its largest number over 127."""
    scales_n = matrix_nk.abs().amax(1) / 127
    numbers_nk = matrix_nk / scales_n.clamp(min=torch.finfo(scales_n.dtype).tiny).unsqueeze(1)
    # Away from zero at one half, as in C.
    return Quantised((numbers_nk + numbers_nk.sign() * 0.5).trunc().to(torch.int8), scales_n)


def fits(tensor: Tensor) -> bool:
    """Whether products of such tensors can be formed here."""
    if not compiler.fits(tensor):
        return False
    return not _tiles() or tiles.fits(tensor)


@functools.cache
def _tiles() -> bool:
    return bool(compiler.function("quantised_tiles")())


def packed(numbers_nk: Tensor) -> Tensor:
    """Whole numbers as `product` takes them."""
    if not _tiles():
        return numbers_nk.contiguous()
    n, k = numbers_nk.shape
    down, across = -(-n // ROWS), -(-k // DEPTH)
    padded = torch.nn.functional.pad(numbers_nk, (0, across * DEPTH - k, 0, down * ROWS - n))
    laid = padded.view(down, ROWS, across, DEPTH // GROUP, GROUP).permute(0, 2, 3, 1, 4)
    room = torch.empty(laid.numel() + tiles.ALIGNMENT, dtype=torch.int8)
    made = room[-room.data_ptr() % tiles.ALIGNMENT :][: laid.numel()]
    made.view(laid.shape).copy_(laid)
    return made


def product(
    a_MK: Tensor, ready: Tensor, scales_n: Tensor, start: Tensor | None = None, out: Tensor | None = None
) -> Tensor:
    """start + a bᵀ, where `packed` made `ready` of b's numbers.

    Args:
        start: (n), (1, n) or (M, n), added.
        out: (M, n), takes the result.
    """
    if a_MK.stride(-1) != 1:
        a_MK = a_MK.contiguous()
    (m, k), n = a_MK.shape, len(scales_n)
    if out is None:
        out = a_MK.new_empty(m, n)
    assert out.stride(-1) == 1
    assert start is None or start.stride(-1) == 1
    done = compiler.function("quantised_product", *_PRODUCT)(
        m,
        n,
        k,
        a_MK.stride(0),
        start.stride(0) if start is not None and start.dim() == 2 and len(start) > 1 else 0,
        out.stride(0),
        a_MK.data_ptr(),
        ready.data_ptr(),
        scales_n.data_ptr(),
        None if start is None else start.data_ptr(),
        out.data_ptr(),
        torch.get_num_threads(),
    )
    if not done:
        raise MemoryError(f"no room for the operands of a product of {m} x {k} and {n} columns")
    return out
