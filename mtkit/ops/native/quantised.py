"""Products of numbers rounded to 8 bits (quantised.c): fp32 in and out, weights rounded once."""

import functools

import torch
from torch import Tensor

from mtkit.ops.native.call import ArgumentError, call
from mtkit.ops.native.tiles import ALIGNMENT, row_steps

ROWS, DEPTH, GROUP = 16, 64, 4  # of a tile, and the numbers that a tile has side by side


@functools.cache
def on_tiles() -> bool:
    """Whether products are formed on matrix tiles."""
    return bool(call("quantised_tiles", (), ()))


def packed(numbers_nk: Tensor) -> Tensor:
    """Whole numbers as `product` takes them."""
    if not on_tiles():
        return numbers_nk.contiguous()
    n, k = numbers_nk.shape
    down, across = -(-n // ROWS), -(-k // DEPTH)
    padded = torch.nn.functional.pad(numbers_nk, (0, across * DEPTH - k, 0, down * ROWS - n))
    laid = padded.view(down, ROWS, across, DEPTH // GROUP, GROUP).permute(0, 2, 3, 1, 4)
    room = torch.empty(laid.numel() + ALIGNMENT, dtype=torch.int8)
    made = room[-room.data_ptr() % ALIGNMENT :][: laid.numel()]
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
    if ready.numel() < n * k:
        raise ArgumentError(f"a product with {n} rows of {k} numbers, but {ready.numel()} numbers were packed")
    sizes = (m, n, k, a_MK.stride(0), *row_steps(start, out))
    if not call("quantised_product", sizes, (a_MK, ready, scales_n, start, out)):
        raise MemoryError(f"no room for the operands of a product of {m} x {k} and {n} columns")
    return out
