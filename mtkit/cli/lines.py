"""Lines in and out: read as they come, written so that nothing half-done passes for whole."""

import contextlib
import os
import select
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TextIO, TypeVar

from mtkit.cli.options import Messages

READ = 1 << 16
WINDOW_BYTES = 1 << 21  # a window has no more lines than make so many bytes, or one line


class Warned(Protocol):
    """A result."""

    @property
    def warnings(self) -> list[str]:
        """What to tell the user of it."""


Result = TypeVar("Result", bound=Warned)


class Target:
    """Where lines go: stdout, or a file that appears when it is whole; until then it is called FILE.part."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def __enter__(self) -> TextIO:
        if self.path is None:
            if sys.stdout is None:
                from mtkit.errors import DataError

                raise DataError("stdout is closed: there is nowhere to write; name a file with --output")
            sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
            return sys.stdout
        # A device, a pipe or a link is written as it is; to put a file in its place would be to destroy it.
        special = self.path.is_symlink() or (self.path.exists() and not self.path.is_file())
        self.part = self.path if special else self.path.with_name(self.path.name + ".part")
        self.file = self.part.open("w", encoding="utf-8", newline="\n")
        return self.file

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.path is not None:
            self.file.close()
            if self.part == self.path:
                return
            if kind is None:
                self.part.replace(self.path)
            else:  # hours of work may lie in it
                print(f"what was done so far is in {self.part}", file=sys.stderr)


def write(
    results: "Generator[Iterable[Result], None, None]",
    output: Path | None,
    messages: Messages,
    shown: Callable[[int, Result], str],
) -> int:
    """Write results as their windows come, and say their warnings; returns how many there were.

    Args:
        shown: number (from 0) and result -> lines.
    """
    number = 0
    with Target(output) as out, contextlib.closing(results):
        for window in results:
            for result in window:
                for warning in result.warnings:
                    messages.say(f"WARNING: line {number + 1}: {warning}")
                out.write(shown(number, result))
                number += 1
            out.flush()
    return number


@contextlib.contextmanager
def opened(file: Path | None) -> Iterator[tuple[BinaryIO, str]]:
    """A file, or stdin, and what it is called.

    Raises:
        DataError: it is closed, or compressed.
    """
    from mtkit.errors import DataError
    from mtkit.text.compression import SUFFIXES

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
    from mtkit.errors import DataError
    from mtkit.text.lines import decode

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
