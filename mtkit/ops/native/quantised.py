"""Products of numbers rounded to 8 bits (quantised.c): fp32 in and out, weights rounded once."""

import torch
from torch import Tensor

from mtkit.ops.native.call import ArgumentError, call
from mtkit.ops.native.tiles import ALIGNMENT, row_steps
from mtkit.ops.quantise import Quantised

ROWS, DEPTH = 16, 64  # of a panel, and the numbers up to a multiple of which its rows are filled
HEAD = 2 * 4 * ROWS  # bytes of a panel before its numbers: where sums begin, and scales


def packed(matrix: Quantised) -> Tensor:
    """Whole numbers and their scales as `product` takes them."""
    n, k = matrix.numbers_nk.shape
    made = _room(n, k)
    call("quantised_pack", (n, k), (matrix.numbers_nk.contiguous(), matrix.scales_n, made))
    return made


def chosen(ready: Tensor, rows: int, k: int, places_n: Tensor) -> Tensor:
    """Some rows of a matrix (rows, k) that `packed` made, packed.

    Raises:
        IndexError: there is no such row.
    """
    _check(ready, rows, k)
    made = _room(len(places_n), k)
    if not call("quantised_choose", (len(places_n), k, rows), (places_n.contiguous(), ready, made)):
        raise IndexError(f"rows {int(places_n.min())} to {int(places_n.max())} of a matrix of {rows}")
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
    _check(ready, columns, k)
    sizes = (m, columns, k, a_MK.stride(0), *row_steps(start, out))
    if not call("quantised_product", sizes, (a_MK, ready, start, out)):
        raise MemoryError(f"no room for the operands of a product of {m} x {k} and {columns} columns")
    return out


def _room(n: int, k: int) -> Tensor:
    room = torch.empty(_bytes(n, k) + ALIGNMENT, dtype=torch.int8)
    return room[-room.data_ptr() % ALIGNMENT :][: _bytes(n, k)]


def _bytes(n: int, k: int) -> int:
    return -(-n // ROWS) * (HEAD + -(-k // DEPTH) * DEPTH * ROWS)


def _check(ready: Tensor, n: int, k: int) -> None:
    if ready.numel() != _bytes(n, k):
        raise ArgumentError(f"{n} rows of {k} numbers are {_bytes(n, k)} bytes packed, but {ready.numel()} were given")
