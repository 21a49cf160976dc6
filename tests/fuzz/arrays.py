"""Changes of a .npy file of whole numbers that know its header, and what such numbers are for."""

import io
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.fuzz.documents import Changed

Draw = st.DrawFn
Numbers = NDArray[Any]


@st.composite
def changed(draw: Draw, content: bytes) -> Changed:
    """A change of an array of numbers: another array, or a damaged file."""
    array = np.load(io.BytesIO(content))
    how = draw(st.sampled_from([*ARRAYS, *ARRAYS, *BYTES]))
    if how in BYTES:
        return Changed(BYTES[how](draw, content), how)
    return Changed(_saved(ARRAYS[how](draw, array.copy())), how)


def _saved(array: Numbers) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def _one(draw: Draw, array: Numbers) -> Numbers:
    """A number that is too large, or another."""
    most = int(np.iinfo(array.dtype).max)
    array[draw(st.integers(0, len(array) - 1))] = draw(
        st.one_of(st.sampled_from([0, most, most // 2]), st.integers(0, most))
    )
    return array


def _all(draw: Draw, array: Numbers) -> Numbers:
    array[:] = draw(st.sampled_from([0, int(np.iinfo(array.dtype).max)]))
    return array


def _reverse(draw: Draw, array: Numbers) -> Numbers:
    return array[::-1]


def _swap(draw: Draw, array: Numbers) -> Numbers:
    first, second = (draw(st.integers(0, len(array) - 1)) for _ in range(2))
    array[[first, second]] = array[[second, first]]
    return array


def _shorter(draw: Draw, array: Numbers) -> Numbers:
    return array[: draw(st.integers(0, len(array) - 1))]


def _longer(draw: Draw, array: Numbers) -> Numbers:
    return np.concatenate([array, array[-1:].repeat(draw(st.integers(1, 9)))])


def _kind(draw: Draw, array: Numbers) -> Numbers:
    kinds = ["u1", "i2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "b1", "c8", "S4", "U2", "M8[s]", ">u2", ">u4"]
    return array.astype(draw(st.sampled_from(kinds)))


def _shape(draw: Draw, array: Numbers) -> Numbers:
    made: Numbers = draw(st.sampled_from([array[None], array[:, None], array[:1].reshape(()), array[:0]]))
    return made


ARRAYS: dict[str, Callable[[Draw, Numbers], Numbers]] = {
    "a number": _one,
    "another number": _one,
    "all numbers": _all,
    "reversed": _reverse,
    "two swapped": _swap,
    "shorter": _shorter,
    "longer": _longer,
    "of another type": _kind,
    "of another shape": _shape,
}


def _cut(draw: Draw, content: bytes) -> bytes:
    return content[: draw(st.integers(0, len(content) - 1))]


def _flipped(draw: Draw, content: bytes) -> bytes:
    made = bytearray(content)
    end = draw(st.sampled_from([min(128, len(made)), len(made)]))
    for _ in range(draw(st.integers(1, 3))):
        made[draw(st.integers(0, end - 1))] ^= 1 << draw(st.integers(0, 7))
    return bytes(made)


def _header(draw: Draw, content: bytes) -> bytes:
    """Another header: a shape of gigabytes, an object, an expression."""
    texts = [
        "{'descr': '<u2', 'fortran_order': False, 'shape': (4611686018427387904,), }",
        "{'descr': '<u2', 'fortran_order': False, 'shape': (1000000000,), }",
        "{'descr': '<u2', 'fortran_order': False, 'shape': (-1,), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (10,), }",
        "{'descr': [('a', '<u2')], 'fortran_order': True, 'shape': (3,), }",
        "__import__('os').system('touch ../outside/x')",
        "(" * 3000,
        "",
    ]
    text = draw(st.sampled_from(texts)).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + content[128:]


BYTES: dict[str, Callable[[Draw, bytes], bytes]] = {
    "cut": _cut,
    "bits flipped": _flipped,
    "another header": _header,
    "a pickle": lambda draw, content: b"cos\nsystem\n(S'touch ../outside/x'\ntR.",
    "an archive": lambda draw, content: b"PK\x03\x04" + content,
    "empty": lambda draw, content: b"",
}
