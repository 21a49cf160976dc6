"""How to compute: the precision of products, the forms that may be taken, and where chance comes from.

It belongs to whoever computes, not to the process: a context variable holds it, so that a thread begins with the
default and sees nothing of another's. Hand-written backward passes keep what they were run forward in, and enter it
again.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import torch

Kept = dict[int | tuple[int, ...], Any]
"""Operands by the id of the parameter that they are made of, or by those of several."""


@dataclass(frozen=True)
class Compute:
    """The way in which operations are done."""

    precision: str = "fp32"
    """Of products: "fp32" (the operands' own type), "bf16" or "int8"."""
    kept: Kept | None = None
    """Where parameters that do not change any more are kept as operands; there is no autograd then."""
    native: bool = True
    """Whether forms in C and in Triton may be taken."""
    generator: torch.Generator | None = None
    """Of the masks of dropout, on a CPU; None: torch's global one, which every thread draws from."""


_DEFAULT = Compute()
_current = ContextVar("mtkit.compute", default=_DEFAULT)
current = _current.get
"""The way that is entered here: `current()`."""


@contextlib.contextmanager
def using(compute: Compute) -> Iterator[None]:
    """Compute in this way while this is entered."""
    token = _current.set(compute)
    try:
        yield
    finally:
        _current.reset(token)


@contextlib.contextmanager
def changed(**settings: Any) -> Iterator[None]:
    """Compute as before, but for some settings."""
    with using(replace(current(), **settings)):
        yield
