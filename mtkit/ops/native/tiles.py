"""Products on the processor's bf16 units (tiles.c): fp32 in and out, operands rounded to bf16 on the way."""

import torch
from torch import Tensor

from mtkit.ops.native.call import ArgumentError, call

ROWS, DEPTH = 16, 32  # of a tile
ALIGNMENT = 64  # bytes


def packed(matrix_NK: Tensor) -> Tensor:
    """The transpose of a matrix as `product` takes it on the right, to be used again and again."""
    matrix_NK = _readable(matrix_NK)
    n, k = matrix_NK.shape
    numbers = -(-n // ROWS) * -(-k // DEPTH) * ROWS * DEPTH
    room = torch.empty(numbers + ALIGNMENT // 2, dtype=torch.bfloat16)
    made = room[-room.data_ptr() % ALIGNMENT // 2 :][:numbers]
    call("tiles_pack", (n, k, *_steps(matrix_NK)), (matrix_NK, made))
    return made


def product(
    a_MK: Tensor, columns: int, ready: Tensor, start: Tensor | None = None, out: Tensor | None = None
) -> Tensor:
    """start + a b, where `packed` made `ready` of bᵀ.

    Args:
        columns: of b.
        start: (N), (1, N) or (M, N), added.
        out: (M, N), takes the result; may be `start` itself.
    """
    if out is None:
        out = a_MK.new_empty(len(a_MK), columns)
    _product(_readable(a_MK), columns, (0, 0), (None, ready), start, out)
    return out


def outer(a_KM: Tensor, b_KN: Tensor, onto: Tensor | None = None) -> Tensor:
    """aᵀ b, added to `onto` if that is given."""
    out = a_KM.new_empty(a_KM.shape[1], b_KN.shape[1]) if onto is None else onto
    right = _readable(b_KN.T)
    _product(_readable(a_KM.T), len(right), _steps(right), (right, None), onto, out)
    return out


def _product(
    a_MK: Tensor,
    n: int,
    b_steps: tuple[int, int],
    b: tuple[Tensor | None, Tensor | None],
    start: Tensor | None,
    out: Tensor,
) -> None:
    """`b`: where it lies as it is, or packed."""
    m, k = a_MK.shape
    sizes = (m, n, k, *_steps(a_MK), *b_steps, *row_steps(start, out))
    if not call("tiles_product", sizes, (a_MK, *b, start, out)):
        raise MemoryError(f"no room for the operands of a product of {m} x {k} and {n} columns")


def row_steps(start: Tensor | None, out: Tensor) -> tuple[int, int]:
    """The steps from a row of `start` to the next, 0 where one row is for all, and from one of `out`.

    Raises:
        ArgumentError: start is no row and no matrix of the shape of `out`, or a row has gaps.
    """
    (m, n), (out_row, one) = out.shape, out.stride()
    good, start_row = one == 1 or n == 1, 0
    if good and start is not None:
        *rows, width = start.shape
        *steps, one = start.stride()
        good = width == n and (one == 1 or n == 1)
        if rows and rows[0] != 1:
            good = good and rows == [m]
            start_row = steps[0]
    if not good:
        given = "" if start is None else f", start {tuple(start.shape)} with strides {start.stride()}"
        raise ArgumentError(
            f"a product {tuple(out.shape)} with strides {out.stride()}{given}; expected rows without gaps, and "
            "as start one of them or as many"
        )
    return start_row, out_row


def _readable(matrix: Tensor) -> Tensor:
    return matrix if 1 in matrix.stride() else matrix.contiguous()


def _steps(matrix: Tensor) -> tuple[int, int]:
    rows, columns = matrix.stride()
    return (rows, columns) if matrix.shape[1] > 1 or rows == 1 else (rows, 1)  # one column has any step
