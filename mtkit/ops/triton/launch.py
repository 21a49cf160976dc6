"""Starts kernels by name, on the device of their tensors."""

import functools
from importlib import import_module
from typing import Any

import torch


def launch(where: str, programs: tuple[int, ...], *arguments: Any, **constants: Any) -> None:
    """Start a kernel.

    Args:
        where: "module:function", in `mtkit.ops.triton.kernels`.
        programs: how many there are in each dimension.
        arguments: its own; a tensor first.
        constants: what it is compiled for.
    """
    started, first = _kernel(where)[programs], arguments[0]
    if not first.is_cuda or first.get_device() == torch.cuda.current_device():  # on a CPU: Triton's interpreter
        started(*arguments, **constants)
        return
    with torch.cuda.device(first.device):
        started(*arguments, **constants)


def blocks(size: int, block: int) -> int:
    """How many blocks cover a size."""
    return -(-size // block)


def power(size: int) -> int:
    """The least power of two that is no less: blocks have no other sizes."""
    return 1 << max(0, size - 1).bit_length()


@functools.cache
def _kernel(where: str) -> Any:
    module, _, name = where.partition(":")
    return getattr(import_module(f"mtkit.ops.triton.kernels.{module}"), name)
