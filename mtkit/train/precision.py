"""In which precision a training computes: what the names mean, and which one a model is given on a device."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from mtkit.model.seq2seq import Seq2Seq
from mtkit.ops import products

LARGE = 500_000
"""Numbers in the matrices of a model from which on bf16 is worth its rounding: 1.1 to 1.7 times as fast on a CPU, timed
beside other work."""


@dataclass(frozen=True)
class Way:
    """What a precision means.

    Attributes:
        products: of matrices; see `mtkit.ops.products`.
        tf32: whether CUDA may round the operands of fp32 products to 10 bits (sums stay in fp32).
        activations: whether all between products is bf16, too; the parameters stay in fp32.
    """

    products: str = "fp32"
    tf32: bool = False
    activations: bool = False


WAYS = {
    "fp32": Way(),
    "tf32": Way(tf32=True),
    "bf16": Way("bf16"),
    "amp": Way(tf32=True, activations=True),
}
ON_CUDA = [name for name, way in WAYS.items() if way.tf32]


def on(device: torch.device, name: str) -> str:
    """The precision in which a run of this one computes on a device: what is CUDA's alone is fp32 elsewhere."""
    return name if device.type == "cuda" or name not in ON_CUDA else "fp32"


@dataclass(frozen=True)
class Choice:
    """A precision, and why."""

    name: str
    reason: str


@contextlib.contextmanager
def entered(name: str) -> Iterator[None]:
    """Compute in a precision of training while this is entered; but for its activations, which are the caller's matter.

    Whether CUDA may take TF32 is a switch of torch's own, for the whole process: it is put back.
    """
    way = WAYS[name]
    with products.precision(way.products), _tf32() if way.tf32 else contextlib.nullcontext():
        yield


@contextlib.contextmanager
def _tf32() -> Iterator[None]:
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def has_bf16(device: torch.device) -> bool:
    """Whether the device has units for products in bf16."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    units = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(getattr(torch.cpu, unit, bool)() for unit in units)


def choose(device: torch.device, model: Seq2Seq, native: bool) -> Choice:
    """The precision for a model on a device: by what both are, and not by a measurement, which is another each time.

    The same seed so gives the same run wherever processors have the same abilities.

    Args:
        native: whether there is compiled code; without it bf16 makes a kernel for each new shape on a CPU.
    """
    units = has_bf16(device)
    if device.type == "cuda":
        if not units:
            return Choice("tf32", "this device has no units for bf16")
        return Choice("amp", "a Transformer") if model.rounds else Choice("tf32", "a recurrence adds rounding up")
    if not units:
        return Choice("fp32", "this processor has no units for bf16")
    if not native:
        return Choice("fp32", "without compiled code bf16 is no faster")
    numbers = sum(parameter.numel() for parameter in model.parameters() if parameter.dim() > 1)
    if numbers < LARGE:
        return Choice("fp32", f"matrices of {numbers:,} numbers, and bf16 gains from {LARGE:,} on")
    return Choice("bf16", f"matrices of {numbers:,} numbers, on a processor with units for bf16")
