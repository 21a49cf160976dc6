"""Where results are written: so that nothing half-done passes for whole."""

import contextlib
import sys
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Protocol, TextIO, TypeVar

from mtkit.cli.options import Messages


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
                    messages.warn(f"line {number + 1}: {warning}")
                out.write(shown(number, result))
                number += 1
            out.flush()
    return number
