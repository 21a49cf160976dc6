"""Changes of a safetensors file that know its header: names, types, shapes, places."""

import json
import struct
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.documents import Changed, dumped
from tests.fuzz.values import NUMBERS, names, values

Draw = st.DrawFn
Header = dict[str, dict[str, Any]]
SIZES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1,
    "U16": 2, "U32": 4, "U64": 8, "BOOL": 1, "C64": 8,
}  # fmt: skip
FILLS = {"NaN": b"\x00\x00\xc0\x7f", "infinite": b"\x00\x00\x80\x7f", "ones": b"\xff", "huge": b"\xff\xff\x7f\x7f"}


def parsed(content: bytes) -> tuple[Header, bytes]:
    """Header and data."""
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    return header, content[8 + length :]


def written(header: Any, data: bytes, length: int | None = None) -> bytes:
    """The file of both."""
    text = dumped(header)
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def rebuilt(tensors: dict[str, tuple[str, list[int], bytes]]) -> bytes:
    """A whole file of named tensors: type, shape, bytes."""
    header, data = {}, b""
    for name, (kind, shape, content) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    return written(header, data)


@st.composite
def changed(draw: Draw, content: bytes) -> Changed:
    """A change of a safetensors file: whole ones with other tensors, and damaged ones."""
    header, data = parsed(content)
    tensors = {
        name: (one["dtype"], one["shape"], data[slice(*one["data_offsets"])]) for name, one in sorted(header.items())
    }
    name = draw(st.sampled_from(sorted(tensors)))
    how = draw(st.sampled_from([*WHOLE, *WHOLE, *DAMAGED]))
    if how in WHOLE:
        before = _fit(tensors)
        WHOLE[how](draw, tensors, name)
        return Changed(rebuilt(tensors), f"{name}, {how}", how in NOTHING, breaks=_fit(tensors) != before)
    return Changed(DAMAGED[how](draw, header, data, name), f"{name}, {how}")


Tensors = dict[str, tuple[str, list[int], bytes]]
FREE = ("always",)  # may have any length


def _fit(tensors: Tensors) -> dict[str, tuple[list[int], bool]]:
    """What must be as it was: names and shapes, and whether numbers are whole ones."""
    return {
        name: ([] if name in FREE else shape, kind.startswith(("I", "U", "BOOL")))
        for name, (kind, shape, _) in tensors.items()
    }


def _remove(draw: Draw, tensors: Tensors, name: str) -> None:
    del tensors[name]


def _rename(draw: Draw, tensors: Tensors, name: str) -> None:
    tensors[draw(names)] = tensors.pop(name)


def _add(draw: Draw, tensors: Tensors, name: str) -> None:
    tensors[draw(st.one_of(names, st.just(name + "#scales"), st.just(name + ":step")))] = tensors[name]


def _swap(draw: Draw, tensors: Tensors, name: str) -> None:
    other = draw(st.sampled_from(sorted(tensors)))
    tensors[name], tensors[other] = tensors[other], tensors[name]


def _transpose(draw: Draw, tensors: Tensors, name: str) -> None:
    kind, shape, content = tensors[name]
    tensors[name] = kind, shape[::-1], content


def _flatten(draw: Draw, tensors: Tensors, name: str) -> None:
    kind, shape, content = tensors[name]
    count = len(content) // SIZES[kind]
    tensors[name] = kind, draw(st.sampled_from([[count], [1, count], [count, 1], [1, *shape, 1]])), content


def _scalar(draw: Draw, tensors: Tensors, name: str) -> None:
    kind, _, content = tensors[name]
    tensors[name] = kind, [], content[: SIZES[kind]].ljust(SIZES[kind], b"\0")


def _empty(draw: Draw, tensors: Tensors, name: str) -> None:
    kind, shape, _ = tensors[name]
    tensors[name] = kind, draw(st.sampled_from([[0], [0, *shape[1:]], [*shape, 0]])), b""


def _longer(draw: Draw, tensors: Tensors, name: str) -> None:
    """A row more, or less."""
    kind, shape, content = tensors[name]
    rows = shape[0] if shape else 1
    row = len(content) // max(rows, 1)
    made = content + content[:row] if draw(st.booleans()) else content[row:]
    tensors[name] = kind, [len(made) // row if row else 0, *shape[1:]], made


def _kind(draw: Draw, tensors: Tensors, name: str) -> None:
    """Another type, its values all there."""
    kind, shape, content = tensors[name]
    other = draw(st.sampled_from(sorted(SIZES)))
    count = len(content) // SIZES[kind]
    tensors[name] = other, shape, (content * 8)[: count * SIZES[other]]


def _fill(draw: Draw, tensors: Tensors, name: str) -> None:
    """Values of no use, in one tensor or in all."""
    unit = FILLS[draw(st.sampled_from(sorted(FILLS)))]
    for each in draw(st.sampled_from([[name], sorted(tensors)])):
        kind, shape, content = tensors[each]
        tensors[each] = kind, shape, (unit * (len(content) // len(unit) + 1))[: len(content)]


def _negate(draw: Draw, tensors: Tensors, name: str) -> None:
    kind, shape, content = tensors[name]
    at = draw(st.integers(0, max(0, len(content) - 1)))
    tensors[name] = kind, shape, content[:at] + bytes(255 - byte for byte in content[at : at + 8]) + content[at + 8 :]


def _all_gone(draw: Draw, tensors: Tensors, name: str) -> None:
    tensors.clear()


def _reorder(draw: Draw, tensors: Tensors, name: str) -> None:
    """The same in another order."""
    for each in sorted(tensors, reverse=True):
        tensors[each] = tensors.pop(each)


WHOLE: dict[str, Callable[[Draw, Tensors, str], None]] = {
    "removed": _remove,
    "renamed": _rename,
    "a copy of it added": _add,
    "swapped with another": _swap,
    "transposed": _transpose,
    "of other dimensions": _flatten,
    "a scalar": _scalar,
    "without values": _empty,
    "a row more or less": _longer,
    "of another type": _kind,
    "values of no use": _fill,
    "some values changed": _negate,
    "all removed": _all_gone,
    "in another order": _reorder,
}
NOTHING = ("in another order",)


def _field(draw: Draw, header: Header, data: bytes, name: str) -> bytes:
    entry = header[name]
    field = draw(st.sampled_from(["dtype", "shape", "data_offsets"]))
    number = draw(st.sampled_from([*NUMBERS, -1]))
    changes = {
        "dtype": draw(st.sampled_from([*sorted(SIZES), "F4", "", "F32 ", "f32"])),
        "shape": draw(st.sampled_from([[number], [number, number], [number, *entry["shape"]], []])),
        "data_offsets": draw(st.sampled_from([[0, number], [number, number + 4], [4, 0], [0], [0, 0], [0, len(data)]])),
    }
    entry[field] = changes[field] if draw(st.integers(0, 3)) else draw(values)
    return written(header, data)


def _metadata(draw: Draw, header: Header, data: bytes, name: str) -> bytes:
    return written({"__metadata__": draw(values)} | header, data)


def _cut(draw: Draw, header: Header, data: bytes, name: str) -> bytes:
    whole = written(header, data)
    return whole[: draw(st.integers(0, len(whole) - 1))]


def _flipped(draw: Draw, header: Header, data: bytes, name: str) -> bytes:
    whole = bytearray(written(header, data))
    end = draw(st.sampled_from([8, len(whole) - len(data), len(whole)]))
    for _ in range(draw(st.integers(1, 4))):
        whole[draw(st.integers(0, end - 1))] ^= 1 << draw(st.integers(0, 7))
    return bytes(whole)


DAMAGED: dict[str, Callable[[Draw, Header, bytes, str], bytes]] = {
    "a field of its header": _field,
    "metadata": _metadata,
    "cut": _cut,
    "bits flipped": _flipped,
    "a header of another length": lambda draw, header, data, name: written(
        header, data, draw(st.sampled_from([*[n for n in NUMBERS if 0 <= n < 1 << 64], 8, 100]))
    ),
    "a header that is no table": lambda draw, header, data, name: written(draw(values), data),
    "something behind it": lambda draw, header, data, name: written(header, data + b"more"),
    "nothing behind its header": lambda draw, header, data, name: written(header, b""),
    "a header of great depth": lambda draw, header, data, name: struct.pack("<Q", 100_000) + b"[" * 100_000 + data,
}
