"""Which arguments forms in C take: fp32 on a CPU, rows without gaps, no autograd. Asked by `mtkit.ops.table`."""

from typing import Any

import torch
from torch import Tensor, is_grad_enabled

from mtkit.ops.compute import current
from mtkit.ops.native import compiler, units

_FLOAT, _LONG = torch.float32, torch.int64


def in_any_mode(given: tuple[Any, ...]) -> bool:
    """What makes no graph anyway."""
    if not current().native or compiler.compiled() is None:
        return False
    for one in given:
        if isinstance(one, Tensor):
            dtype = one.dtype
            if (dtype is not _FLOAT and dtype is not _LONG) or not one.is_cpu or one.stride()[-1] != 1:
                return False
    return True


def rows(given: tuple[Any, ...]) -> bool:
    """Inside a hand-written pass, or where nothing is trained, there is no autograd to tell."""
    return not is_grad_enabled() and in_any_mode(given)


def packed(given: tuple[Any, ...]) -> bool:
    """The first one, too, without gaps between its rows."""
    return rows(given) and given[0].is_contiguous()


def gapless(given: tuple[Any, ...]) -> bool:
    """All of them, too."""
    if is_grad_enabled() or not current().native or compiler.compiled() is None:
        return False
    for one in given:
        if isinstance(one, Tensor) and not (one.dtype is _FLOAT and one.is_cpu and one.is_contiguous()):
            return False
    return True


def loss(given: tuple[Any, ...]) -> bool:
    """The arguments of `softmax_loss`, where every row counts."""
    return rows(given) and _not_given(given, 5)


def pair_loss(given: tuple[Any, ...]) -> bool:
    """Those of `twice_loss`, where every pair counts."""
    return rows(given) and _not_given(given, 6)


def _not_given(given: tuple[Any, ...], place: int) -> bool:
    return len(given) <= place or given[place] is None


def bf16_units(given: tuple[Any, ...]) -> bool:
    """Of a processor that has them. Of whatever strides: products are in hand-written passes, and read them all."""
    if not units.unit("bf16"):
        return False
    first = given[0]
    return first.dtype is torch.float32 and first.is_cpu and first.stride(-1) == 1


def int8(given: tuple[Any, ...]) -> bool:
    """Of a processor that has instructions for it."""
    return in_any_mode(given) and bool(units.unit("int8"))
