"""Stdin, stdout and stderr as every command finds them, and the one way in which text is printed for people.

In any locale what is written is UTF-8. A stream may be closed, full, or nobody may listen: of stdout this is an error
that names it, of stderr no reason to end the work. What is printed is text and never markup, whoever wrote it. Must not
know any command.
"""

import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mtkit.errors import DataError

if TYPE_CHECKING:
    from rich.console import Console

STDOUT = "stdout"
_CONTROL = re.compile(r"(?<!\.)\n(?! )|[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
"""What would move the cursor or colour a terminal. The line breaks of messages end a sentence, or indent what follows;
those of file names seldom do."""


class Gone(Exception):
    """Whoever read our stdout has gone."""


def prepare() -> None:
    """Make the streams of this process what this module promises."""
    for number, mode in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:  # closed: the next file that is opened would take its number, and get what is meant for it
            os.open(os.devnull, mode)
    if sys.stdout is None:
        sys.stdout = _Closed()
    elif isinstance(sys.stdout, io.TextIOWrapper):
        lines = sys.stdout.line_buffering
        sys.stdout = _Stdout(sys.stdout.detach(), "utf-8", "backslashreplace", newline="\n", line_buffering=lines)
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
    elif isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = _Stderr(sys.stderr.detach(), "utf-8", "backslashreplace", newline="\n", line_buffering=True)


def open_for_writing() -> Any:
    """Stdout.

    Raises:
        DataError: it is closed.
    """
    if isinstance(sys.stdout, _Closed):
        sys.stdout.write("")
    return sys.stdout


def write_bytes(data: bytes) -> None:
    """Write to stdout what is no text of ours.

    Raises:
        DataError: it is closed.
    """
    out = open_for_writing()
    out.flush()
    with _named():
        out.buffer.write(data)
        out.buffer.flush()


def printable(text: str) -> str:
    r"""Text with its control characters spelled out: "\x1b"."""
    return text if text.isprintable() else _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


def console(*, stderr: bool = True) -> "Console":
    """A console that takes every string for what it is, in tables and in styles, too: no markup, no emoji codes."""
    from rich.console import Console
    from rich.text import Text

    class Plain(Console):
        def render_str(self, text: str, *, style: Any = "", justify: Any = None, **options: Any) -> Text:
            return Text(printable(text), style=style, justify=justify, overflow=options.get("overflow"))

    return Plain(stderr=stderr, highlight=False, markup=False, emoji=False)


class _Stdout(io.TextIOWrapper):
    """Stdout, whose errors say that it is stdout."""

    def write(self, text: str) -> int:
        with _named():
            return super().write(text)

    def flush(self) -> None:
        with _named():
            super().flush()


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        mute(1)
        raise Gone from None
    except OSError as error:
        mute(1)
        raise OSError(error.errno, error.strerror, STDOUT) from None


class _Stderr(io.TextIOWrapper):
    """Stderr; what cannot be said is not said."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError:
            mute(2)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            mute(2)


class _Closed(io.TextIOBase):
    """In the place of a stdout that is closed."""

    def write(self, text: str) -> int:
        raise DataError("stdout is closed: there is nowhere to write; name a file with --output, or open it")


def mute(number: int) -> None:
    """Let what is still to be written to a file vanish: Python would try again when it closes it, and complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)
