"""Products of numbers rounded to 8 bits (quantised.c): fp32 in and out, weights rounded once."""

import torch
from torch import Tensor

from mtkit.ops.native.call import ArgumentError, call
from mtkit.ops.native.tiles import ALIGNMENT, row_steps

ROWS, DEPTH = 16, 64  # of a panel, and the numbers up to a multiple of which its rows are filled
HEAD = 2 * 4 * ROWS  # bytes of a panel before its numbers: where sums begin, and scales


def packed(matrix_nk: Tensor) -> Tensor:
    """A matrix rounded as `mtkit.ops.quantise` does it, as `product` takes it."""
    n, k = matrix_nk.shape
    if matrix_nk.stride(1) != 1:
        matrix_nk = matrix_nk.contiguous()
    room = torch.empty(_bytes(n, k) + ALIGNMENT, dtype=torch.int8)
    made = room[-room.data_ptr() % ALIGNMENT :][: _bytes(n, k)]
    if not call("quantised_pack", (n, k), (matrix_nk, made)):
        raise MemoryError(f"no room to pack a matrix of {n} x {k}")
    return made


def product(
    a_MK: Tensor, columns: int, ready: Tensor, start: Tensor | None = None, out: Tensor | None = None
) -> Tensor:
    """start + a bᵀ, where `packed` made `ready` of b.

    Args:
        columns: n, the rows of b.
        start: (n), (1, n) or (M, n), added.
        out: (M, n), takes the result; may be `start` itself.
    """
    if a_MK.stride(-1) != 1:
        a_MK = a_MK.contiguous()
    m, k = a_MK.shape
    if out is None:
        out = a_MK.new_empty(m, columns)
    if ready.numel() != _bytes(columns, k):
        raise ArgumentError(
            f"{columns} rows of {k} numbers are {_bytes(columns, k)} bytes packed, but {ready.numel()} were given"
        )
    sizes = (m, columns, k, a_MK.stride(0), *row_steps(start, out))
    if not call("quantised_product", sizes, (a_MK, ready, start, out)):
        raise MemoryError(f"no room for the operands of a product of {m} x {k} and {columns} columns")
    return out


def _bytes(n: int, k: int) -> int:
    return -(-n // ROWS) * (HEAD + -(-k // DEPTH) * DEPTH * ROWS)
