"""Tensors in a file (safetensors), held against what is expected before memory is taken.

The header (names with type, shape and place) is read here: what the library takes and torch then trips over, a type
that nobody asked for, say, is refused by name. Must not know what the tensors are of.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from mtkit import reading
from mtkit.reading import Unreadable

LENGTH = 8  # bytes that say how long the header is
BITS = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U8": 8, "BOOL": 8}
TYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.bfloat16: "BF16",
    torch.float16: "F16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
HEADER = 512  # bytes of a header that a tensor takes, at most, besides its name


@dataclass(frozen=True)
class Spec:
    """What a tensor is, or is to be."""

    type: str
    """As the file says it: F32, BF16, I8."""
    shape: tuple[int, ...]

    @classmethod
    def of(cls, tensor: Tensor) -> "Spec":
        """That of a tensor."""
        return cls(TYPES[tensor.dtype], tuple(tensor.shape))

    @property
    def bytes(self) -> int:
        return prod(self.shape) * BITS[self.type] // 8

    def __str__(self) -> str:
        return f"{self.type} {'x'.join(map(str, self.shape)) or 'scalar'}"


def specs(values: Mapping[str, Tensor]) -> dict[str, Spec]:
    """What tensors are, which may have no memory (on the device "meta")."""
    return {name: Spec.of(value) for name, value in values.items()}


def largest(expected: Mapping[str, Spec]) -> int:
    """The bytes of a file that holds these tensors, at most."""
    return LENGTH + sum(spec.bytes + HEADER + 6 * len(name) for name, spec in expected.items()) + reading.SHOWN


def header(path: Path) -> dict[str, Spec]:
    """What a file says that it holds, by its first bytes alone.

    Raises:
        FileNotFoundError: there is no such file.
        Unreadable: it is no such file, or says what cannot be.
    """
    size = reading.size(path)
    with reading.opened(path, size) as file:
        start = file.read(LENGTH)
        length = int.from_bytes(start, "little")
        if len(start) < LENGTH or not 2 <= length <= min(size - LENGTH, reading.LIMIT):
            raise Unreadable(f"{path} is no safetensors file: its header has {length:,} bytes of {size:,}")
        table = reading.parse_json(file.read(length), str(path))
    if not isinstance(table, dict):
        raise Unreadable(f"{path} is no safetensors file: its header is {reading.shown(table)}, expected a table")
    about = table.pop("__metadata__", {})
    if not isinstance(about, dict) or not all(isinstance(text, str) for text in about.values()):
        raise Unreadable(f"{path}, __metadata__: found {reading.shown(about)}, expected a table of texts")
    places = {name: _place(f"{path}, tensor {reading.shown(name)}", entry) for name, entry in table.items()}
    end = 0
    for name, (spec, first, last) in sorted(places.items(), key=lambda item: item[1][1:]):
        if (first, last) != (end, end + spec.bytes):
            raise Unreadable(
                f"{path}, tensor {reading.shown(name)}: {spec} at bytes {first:,} to {last:,}, expected {end:,} to "
                f"{end + spec.bytes:,}"
            )
        end = last
    if size != LENGTH + length + end:
        raise Unreadable(f"{path} has {size:,} bytes, expected {LENGTH + length + end:,} by its header")
    return {name: spec for name, (spec, _, _) in places.items()}


def _place(where: str, entry: Any) -> tuple[Spec, int, int]:
    """What an entry of a header says: the tensor, and its first and last byte."""
    match entry:
        case {"dtype": str(kind), "shape": list(shape), "data_offsets": [int(first), int(last)]} if len(entry) == 3:
            if kind not in BITS:
                raise Unreadable(f"{where}: found type {reading.shown(kind)}, expected one of {', '.join(BITS)}")
            if len(shape) > 8 or not all(type(one) is int and 0 <= one < 1 << 48 for one in shape):
                raise Unreadable(f"{where}: its shape is none")
            return Spec(kind, tuple(shape)), first, last
    raise Unreadable(f"{where}: found {reading.shown(entry)}, expected dtype, shape and data_offsets")


def compare(path: Path, found: Mapping[str, Spec], expected: Mapping[str, Spec]) -> None:
    """Hold what a file says that it holds against what is expected.

    Raises:
        Unreadable: names the first tensor that is missing, too many or another one.
    """
    for name, spec in expected.items():
        if name not in found:
            raise Unreadable(f"{path}, tensor {reading.shown(name)}: it is missing, expected {spec}")
        if found[name] != spec:
            said = reading.line(str(found[name]), reading.SHOWN)
            raise Unreadable(f"{path}, tensor {reading.shown(name)}: found {said}, expected {spec}")
    for name in found.keys() - expected.keys():
        raise Unreadable(f"{path}, tensor {reading.shown(name)}: expected no tensor of this name")


def load(path: Path, device: str = "cpu") -> dict[str, Tensor]:
    """The tensors of a file whose header was looked at; in floating point, only of finite numbers.

    Raises:
        Unreadable: there is something else in it.
    """
    try:
        values = load_file(path, device)
    except (SafetensorError, OSError) as error:
        raise Unreadable(f"{path} cannot be read ({reading.line(str(error))})") from None
    floats = {name: value for name, value in values.items() if value.is_floating_point() and value.numel()}
    if floats:
        # A sum is finite only if all of it is; it may overflow where all of it is.
        sums = torch.stack([value.sum(dtype=torch.float32) for value in floats.values()])
        for name, fine in zip(floats, sums.isfinite().tolist(), strict=True):
            if not fine and not floats[name].isfinite().all():
                raise Unreadable(f"{path}, tensor {reading.shown(name)}: it holds NaN or infinity, expected numbers")
    return values
