"""Lines of a stream, as many at a time as have arrived. Must not know what they are for."""

import contextlib
import os
import select
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mtkit.errors import DataError
from mtkit.text import compression
from mtkit.text.compression import STDIN, Unpacker
from mtkit.text.lines import check_length, decode
from mtkit.text.plausibility import refuse_other_encodings

READ = 1 << 16
WINDOW_BYTES = 1 << 21  # a window has no more lines than make so many bytes, or one line


class Source:
    """What lines are read from, and how far.

    Args:
        path: None: stdin.

    Attributes:
        name: what messages call it.
        lines: that have been read.
        status: of the file, as the system has it.
    """

    def __init__(self, handle: int, path: Path | None) -> None:
        self.handle, self.path, self.name = handle, path, str(path or "stdin")
        self.lines = 0
        self.status = os.fstat(handle)
        self._size = self.status.st_size - os.lseek(handle, 0, os.SEEK_CUR) if self.is_file else 0
        self._read = 0
        self._ended = False

    @property
    def is_file(self) -> bool:
        """Whether it has a size, and is the same tomorrow."""
        return stat.S_ISREG(self.status.st_mode)

    @property
    def is_terminal(self) -> bool:
        """Whether somebody types."""
        return os.isatty(self.handle)

    @property
    def identity(self) -> tuple[str, int, int]:
        """Of a file: its place, its size, and when it was changed."""
        place = os.path.realpath(self.path) if self.path else f"{self.status.st_dev}:{self.status.st_ino}"
        return place, self.status.st_size, self.status.st_mtime_ns

    @property
    def expected(self) -> int:
        """About how many lines there are in all; 0: nobody knows."""
        if self._ended:
            return self.lines
        return round(self.lines * self._size / self._read) if self._read else 0

    def read(self) -> bytes:
        """What has arrived, as it is; nothing at the end."""
        try:
            data = os.read(self.handle, READ)
        except OSError as error:
            raise OSError(error.errno, error.strerror, self.name) from None
        self._read += len(data)
        self._ended = not data
        return data


@contextlib.contextmanager
def opened(file: Path | None) -> Iterator[Source]:
    """A file, or stdin.

    Raises:
        DataError: it is closed.
    """
    if file is None or file == STDIN:
        yield Source(compression.stdin().fileno(), None)
    else:
        with file.open("rb", buffering=0) as raw:
            yield Source(raw.fileno(), file)


def windows(source: Source, most: int, others: Sequence[Any] = ()) -> Iterator[list[str]]:
    """Yield the lines that have arrived, as many as there are at once, but no more than `most`.

    Args:
        others: what else is waited for: when one of them can be read while no line has come, no lines are yielded.

    Raises:
        DataError: a line is not UTF-8, or a damaged archive; lines before it have been yielded. Or the first ones are
            those of another encoding, or of other line ends.
    """
    number = 0

    def decoded(raw: list[bytes]) -> Iterator[list[str]]:
        nonlocal number
        lines: list[str] = []
        try:
            lines += (line for line, _ in decode(raw, source.name, first=number + 1))
        except DataError:
            if lines:
                yield lines  # what came before the error is good
            raise
        if number == 0:
            refuse_other_encodings(lines, source.name)
        number += len(raw)
        yield lines

    pending: list[bytes] = []
    size = 0
    parts: list[bytes] = []  # of a line that has not ended yet
    begun = 0  # bytes of these

    def first() -> Iterator[list[str]]:
        nonlocal size
        window = pending[:most]
        del pending[:most]
        size -= sum(map(len, window))
        yield from decoded(window)

    start: bytes | None = b""  # of the stream; None: it is known whether it is compressed
    unpacker = Unpacker("", source.name)
    while True:
        waiting = bool(select.select([source.handle], [], [], 0)[0])
        if pending and (not waiting or len(pending) >= most or size >= WINDOW_BYTES):
            yield from first()
            continue
        if source.handle not in select.select([source.handle, *others], [], [])[0]:
            yield []
            continue
        data = source.read()
        ended = not data
        if start is not None:
            data = start + data
            if not ended and compression.undecided(data):
                start = data
                continue
            start, unpacker = None, Unpacker(compression.kind(source.path, data), source.name)
        for block in unpacker.feed(data):
            *lines, rest = block.split(b"\n")
            for line in lines:
                parts.append(line + b"\n")
                pending.append(b"".join(parts))
                size += len(pending[-1])
                parts = []
            if rest:
                parts.append(rest)
                begun = check_length(begun * (len(parts) > 1) + len(rest), source.name, source.lines + len(lines) + 1)
            source.lines += len(lines)
            while size >= WINDOW_BYTES:  # an archive gives a lot at once
                yield from first()
        if ended:
            break
    while pending:
        yield from first()
    unpacker.end()
    if parts:
        source.lines += 1
        yield from decoded([b"".join(parts)])
