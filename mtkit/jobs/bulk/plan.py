"""How files are cut in chunks of lines: the same for every process, now and after a new start. Must not know what for.

A chunk is a range of lines and of bytes, of what a file holds when it is unpacked, so a plain file is read from there.
"""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from mtkit.errors import DataError
from mtkit.text import compression, plausibility
from mtkit.text.lines import check_length, lines

LINES = 4096  # of a chunk, at most, where nobody says another number
BYTES = 1 << 23  # of a chunk from which on it ends with the line


@dataclass(frozen=True)
class Chunk:
    """Lines that stand one after another in a file."""

    file: int
    number: int
    """Among those of its file, from 0."""
    first: int
    """Its first line, from 0."""
    lines: int
    start: int
    """Its first byte."""
    end: int


@dataclass(frozen=True)
class Input:
    """A file, and where its chunks begin."""

    path: Path
    size: int
    modified: int
    """When it was, in nanoseconds."""
    lines: int
    length: int
    """Bytes, unpacked."""
    starts: "array[int]"
    """The first byte of each chunk."""
    firsts: "array[int]"
    """The first line of each chunk."""

    @classmethod
    def scan(cls, path: Path, most: int) -> "Input":
        """Read a file as a whole, and cut it.

        Args:
            most: lines of a chunk.

        Raises:
            DataError: it is no text in UTF-8, as far as its first lines say, or a damaged archive.
        """
        status = path.stat()
        head = [line for line, _ in islice(lines(path), plausibility.LOOKED)]
        plausibility.refuse_other_encodings(head, str(path))
        starts, firsts = array("Q", [0]), array("Q", [0])
        length = count = last = 0  # bytes and lines before the block, and the end of the last line
        for block in compression.blocks(path):
            ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n")) + length + 1
            while True:
                enough = np.searchsorted(ends, starts[-1] + BYTES)
                at = min(firsts[-1] + most - count - 1, int(enough))
                if at >= len(ends):
                    break
                starts.append(int(ends[at]))
                firsts.append(count + at + 1)
            count += len(ends)
            length += len(block)
            last = int(ends[-1]) if len(ends) else last
            check_length(length - last, str(path), count + 1)
        if starts[-1] == length:
            starts.pop()
            firsts.pop()
        return cls(path, status.st_size, status.st_mtime_ns, count + (last < length), length, starts, firsts)

    def chunks(self, file: int) -> Iterator[Chunk]:
        """Its chunks, as of the file of this number."""
        for number, (start, first) in enumerate(zip(self.starts, self.firsts, strict=True)):
            last = number + 1 == len(self.starts)
            end, line = (self.length, self.lines) if last else (self.starts[number + 1], self.firsts[number + 1])
            yield Chunk(file, number, first, line - first, start, end)

    def read(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, bytes]]:
        """The bytes of chunks, which come in their order.

        Raises:
            DataError: the file has changed since it was cut.
        """
        try:
            with self.path.open("rb") as file:
                if not compression.kind(self.path, file.read(8)):
                    for chunk in chunks:
                        file.seek(chunk.start)
                        data = file.read(chunk.end - chunk.start)
                        if len(data) < chunk.end - chunk.start:
                            raise StopIteration
                        yield chunk, data
                    return
            unpacked = _Unpacked(self.path)
            for chunk in chunks:
                yield chunk, unpacked.read(chunk.start, chunk.end)
        except (StopIteration, FileNotFoundError):
            raise DataError(f"{self.path} has changed since this work was begun; give another folder for it") from None


class _Unpacked:
    """An archive, read from front to back."""

    def __init__(self, path: Path) -> None:
        self._blocks = compression.blocks(path)
        self._held, self._at = b"", 0  # bytes that were not asked for yet, and where they stand

    def read(self, start: int, end: int) -> bytes:
        while self._at + len(self._held) <= start:
            self._at += len(self._held)
            self._held = next(self._blocks)
        parts = [self._held[start - self._at :]]
        size = len(parts[0])
        while size < end - start:
            parts.append(next(self._blocks))
            size += len(parts[-1])
        whole = b"".join(parts)
        self._held, self._at = whole[end - start :], end
        return whole[: end - start]
