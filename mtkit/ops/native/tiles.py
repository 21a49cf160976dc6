"""Products on the processor's bf16 units (tiles.c): fp32 in and out, operands rounded to bf16 on the way."""

import ctypes
import functools

import torch
from torch import Tensor

from mtkit.ops.native import compiler

ROWS, DEPTH = 16, 32  # of a tile
ALIGNMENT = 64  # bytes
_LONG, _POINTER = ctypes.c_int64, ctypes.c_void_p
_PACK = (*(_LONG,) * 4, *(_POINTER,) * 2, ctypes.c_int)
_PRODUCT = (*(_LONG,) * 9, *(_POINTER,) * 5, ctypes.c_int)


def fits(tensor: Tensor) -> bool:
    """Whether products of such tensors can be formed here."""
    return compiler.fits(tensor) and _ready()


@functools.cache
def _ready() -> bool:
    made = compiler.compiled()
    return hasattr(made, "tiles_ready") and bool(compiler.function("tiles_ready")())


def packed(matrix_NK: Tensor) -> Tensor:
    """The transpose of a matrix as `product` takes it on the right, to be used again and again."""
    matrix_NK = _readable(matrix_NK)
    n, k = matrix_NK.shape
    numbers = -(-n // ROWS) * -(-k // DEPTH) * ROWS * DEPTH
    room = torch.empty(numbers + ALIGNMENT // 2, dtype=torch.bfloat16)
    made = room[-room.data_ptr() % ALIGNMENT // 2 :][:numbers]
    pack = compiler.function("tiles_pack", *_PACK)
    steps = _steps(matrix_NK)
    pack(n, k, *steps, matrix_NK.data_ptr(), made.data_ptr(), torch.get_num_threads())
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
    _product(_readable(a_MK), columns, (0, 0), (None, ready.data_ptr()), start, out)
    return out


def outer(a_KM: Tensor, b_KN: Tensor, onto: Tensor | None = None) -> Tensor:
    """aᵀ b, added to `onto` if that is given."""
    out = a_KM.new_empty(a_KM.shape[1], b_KN.shape[1]) if onto is None else onto
    right = _readable(b_KN.T)
    _product(_readable(a_KM.T), len(right), _steps(right), (right.data_ptr(), None), onto, out)
    return out


def _product(
    a_MK: Tensor,
    n: int,
    b_steps: tuple[int, int],
    b: tuple[int | None, int | None],
    start: Tensor | None,
    out: Tensor,
) -> None:
    """`b`: where it lies as it is, or packed."""
    assert _ready(), "ask fits() first: without leave of the system the processor refuses"
    assert out.stride(-1) == 1
    assert start is None or start.stride(-1) == 1
    work = compiler.function("tiles_product", *_PRODUCT)
    done = work(
        len(a_MK),
        n,
        a_MK.shape[1],
        *_steps(a_MK),
        *b_steps,
        start.stride(0) if start is not None and start.dim() == 2 and len(start) > 1 else 0,
        out.stride(0),
        a_MK.data_ptr(),
        *b,
        None if start is None else start.data_ptr(),
        out.data_ptr(),
        torch.get_num_threads(),
    )
    if not done:
        raise MemoryError(f"no room for the operands of a product of {len(a_MK)} x {a_MK.shape[1]} and {n} columns")


def _readable(matrix: Tensor) -> Tensor:
    return matrix if 1 in matrix.stride() else matrix.contiguous()


def _steps(matrix: Tensor) -> tuple[int, int]:
    rows, columns = matrix.stride()
    return (rows, columns) if matrix.shape[1] > 1 or rows == 1 else (rows, 1)  # one column has any step
