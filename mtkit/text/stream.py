"""Lines of a stream, as many at a time as have arrived. Must not know what they are for."""

import contextlib
import os
import select
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from mtkit.errors import DataError
from mtkit.text.compression import SUFFIXES
from mtkit.text.lines import decode

READ = 1 << 16
WINDOW_BYTES = 1 << 21  # a window has no more lines than make so many bytes, or one line


@contextlib.contextmanager
def opened(file: Path | None) -> Iterator[tuple[BinaryIO, str]]:
    """A file, or stdin, and what it is called.

    Raises:
        DataError: it is closed, or compressed.
    """
    if file is None:
        if sys.stdin is None:
            raise DataError("stdin is closed: there is nothing to read; name a file, or pipe one in")
        yield sys.stdin.buffer, "stdin"
    elif file.suffix in SUFFIXES:
        raise DataError(f"{file} is compressed, expected plain text: decompress it into a pipe, as zcat does")
    else:
        with file.open("rb") as source:
            yield source, str(file)


def windows(source: BinaryIO, name: str, most: int, others: Sequence[Any] = ()) -> Iterator[list[str]]:
    """Yield the lines that have arrived, as many as there are at once, but no more than `most`.

    Args:
        others: what else is waited for: when one of them can be read while no line has come, no lines are yielded.

    Raises:
        DataError: a line is not UTF-8; those before it have been yielded.
    """
    number = 0

    def decoded(raw: list[bytes]) -> Iterator[list[str]]:
        nonlocal number
        lines: list[str] = []
        try:
            lines += (line for line, _ in decode(raw, name, first=number + 1))
        except DataError:
            if lines:
                yield lines  # what came before the error is good
            raise
        number += len(raw)
        yield lines

    pending: list[bytes] = []
    size = 0
    parts: list[bytes] = []  # of a line that has not ended yet
    handle = source.fileno()
    while True:
        waiting = bool(select.select([handle], [], [], 0)[0])
        if pending and (not waiting or len(pending) >= most or size >= WINDOW_BYTES):
            yield from decoded(pending[:most])
            del pending[:most]
            size = sum(map(len, pending))
            continue
        if handle not in select.select([handle, *others], [], [])[0]:
            yield []
            continue
        data = os.read(handle, READ)
        if not data:
            break
        *lines, rest = data.split(b"\n")
        for line in lines:
            parts.append(line + b"\n")
            pending.append(b"".join(parts))
            size += len(pending[-1])
            parts = []
        if rest:
            parts.append(rest)
    if parts:
        pending.append(b"".join(parts))
    for start in range(0, len(pending), most):
        yield from decoded(pending[start : start + most])
