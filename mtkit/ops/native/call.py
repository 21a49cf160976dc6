"""Calls of functions in C, each checked against its prototype: what C is told wrongly is memory overwritten."""

import ctypes
import functools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mtkit.ops.native import compiler
from mtkit.ops.native.prototypes import PROTOTYPES, Check, Given, Unfit, checked, extents


class ArgumentError(TypeError):
    """A function in C was called with what it cannot take: a mistake of whoever calls, not of whoever uses mtkit."""


@functools.cache
def bound(name: str) -> tuple[Callable[..., int], Check]:
    """A compiled function, and the check of what it takes."""
    library = compiler.compiled()
    if library is None or not hasattr(library, name):
        raise ArgumentError(f"{name} is not compiled here ({compiler.status()}); choose a form by mtkit.ops.table")
    prototype, found = PROTOTYPES[name], getattr(library, name)
    found.argtypes = prototype.argtypes
    found.restype = None if not prototype.returns else found.restype
    return found, checked(name)


def call(name: str, sizes: Sequence[int | float], tensors: Sequence[Tensor | None], threads: int = 0) -> int:
    """Call a function once a direction: of a first tensor with three dimensions the first is that of directions.

    Args:
        sizes, tensors: those of the prototype, in order.
        threads: default: as many as torch has.

    Raises:
        ArgumentError: it cannot take these.
    """
    work, check = bound(name)
    threads = threads or torch.get_num_threads()
    first = tensors[0] if tensors else None
    directions = len(first) if first is not None and first.dim() == 3 else 1
    try:
        given = check(sizes, tensors, threads, directions)
        made = work(*given)
    except (Unfit, TypeError, ValueError, IndexError, AttributeError, RuntimeError, ctypes.ArgumentError) as error:
        raise _refused(name, sizes, tensors, threads, directions) from error
    if directions > 1:
        _others(work, given, tensors, directions, name)
    return made


def _others(
    work: Callable[..., int], given: Given, tensors: Sequence[Tensor | None], directions: int, name: str
) -> None:
    """The calls of all directions but the first, each with every tensor a direction further on."""
    prototype = PROTOTYPES[name]
    moves, place = [], len(prototype.sizes)
    for tensor, argument in zip(tensors, prototype.tensors, strict=True):
        if tensor is not None:
            if tensor.shape[0] != directions:
                raise ArgumentError(
                    f"{name}: {argument.name} is {tuple(tensor.shape)}; expected {directions} directions first"
                )
            moves.append((place, tensor.stride(0) * tensor.element_size()))
        place += 2 if argument.layout == "/" else 1
    for _ in range(1, directions):
        for place, step in moves:
            given[place] += step  # type: ignore[operator]
        work(*given)


def _refused(
    name: str, sizes: Sequence[int | float], tensors: Sequence[Tensor | None], threads: int, directions: int
) -> ArgumentError:
    """The first argument that is not what the prototype says, and what it says."""
    prototype = PROTOTYPES[name]
    if len(sizes) != len(prototype.sizes) or len(tensors) != len(prototype.tensors):
        return ArgumentError(
            f"{name} was given {len(sizes)} sizes and {len(tensors)} tensors; it takes {len(prototype.sizes)} and "
            f"{len(prototype.tensors)}"
        )
    for size, kind, value in zip(prototype.sizes, prototype.kinds, sizes, strict=True):
        if not isinstance(value, kind) and not (kind is float and isinstance(value, int)):
            return ArgumentError(f"{name}: {size} is {value!r}; expected {kind.__name__}")
    wanted = extents(name, sizes, threads, directions)
    for tensor, argument, (dtype, numbers, width, layout, optional) in zip(
        tensors, prototype.tensors, wanted, strict=True
    ):
        kind_of = {"": "contiguous", "/": "rows of contiguous", "*": "strided"}[layout]
        told = f"{kind_of} {dtype} ({' '.join(argument.shape)}), {numbers} numbers on a CPU"
        if tensor is None:
            if not optional:
                return ArgumentError(f"{name}: {argument.name} is missing; expected {told}")
        elif not (
            tensor.dtype is dtype
            and tensor.is_cpu
            and numbers in (-1, tensor.numel())
            and (layout != "/" or (tensor.dim() > 1 and tensor.stride(-1) == 1 and tensor.shape[-1] == width))
            and (layout != "" or tensor.is_contiguous())
        ):
            got = f"{tensor.dtype} {tuple(tensor.shape)} with strides {tensor.stride()} on {tensor.device}"
            return ArgumentError(f"{name}: {argument.name} is {got}; expected {told}")
    return ArgumentError(f"{name} cannot be called with sizes {tuple(sizes)} in {directions} directions")
