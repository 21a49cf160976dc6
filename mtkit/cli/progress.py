"""How far a long work is: a line at the foot of a terminal, elsewhere a line a minute. Must not change the work."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from mtkit.cli.options import Messages
from mtkit.cli.streams import console

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

T = TypeVar("T")
LINE_SECONDS = 60.0  # between plain lines
A_SECOND = 2  # times that the line at the foot is drawn


def duration(seconds: float) -> str:
    """1:02:03, or 2:03."""
    whole = int(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


class Expected(Protocol):
    """What says how many there are about, as far as is known; 0: nobody knows."""

    @property
    def expected(self) -> int: ...


class Total(NamedTuple):
    """A number that is known."""

    expected: int


class Progress:
    """Shows how many of something are done.

    Args:
        messages: where plain lines go; quiet: nothing is shown.
        what: is done, in a word: "translated".
        there: how many there are.
        of: what is counted.
        done: before it begins.
        below: whether a terminal has room for it: it has not where results are printed on it.
    """

    def __init__(
        self,
        messages: Messages,
        what: str,
        there: Expected,
        of: str,
        done: int = 0,
        below: bool = True,
    ) -> None:
        self._messages, self._what, self._there, self._of = messages, what, there, of
        self._before = self.done = done
        self._below = below and sys.stderr.isatty()
        self._began = self._said = time.monotonic()
        self._live: Live | None = None

    def begin(self) -> None:
        """Show it from now on; whatever forks has forked."""
        self._began = self._said = time.monotonic()
        if self._below and not self._messages.quiet:
            from rich.live import Live

            self._live = Live(
                get_renderable=self._drawn,
                console=console(),
                refresh_per_second=A_SECOND,
                transient=True,
                redirect_stdout=False,
            )
            self._live.start()

    def tell(self) -> None:
        """Say it where nothing is drawn, if it is time."""
        if self._live or time.monotonic() - self._said < LINE_SECONDS or self.done >= self._there.expected:
            return
        self._said = time.monotonic()
        self._messages.say(", ".join(self._words()))

    def end(self) -> None:
        """Show nothing any more."""
        if self._live:
            self._live.stop()
            self._live = None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _words(self) -> list[str]:
        """What is done, how fast, and how long it takes."""
        expected, seconds = max(self._there.expected, self.done), time.monotonic() - self._began
        whole = f" of about {expected:,}" if self._there.expected else ""
        words = [f"{self._what}: {self.done:,}{whole} {self._of}"]
        if self.done > self._before:
            speed = (self.done - self._before) / max(seconds, 1e-3)
            words.append(f"{speed:,.0f} {self._of}/s" if speed >= 10 else f"{speed:.1f} {self._of}/s")
            if whole:
                words.append(f"{duration((expected - self.done) / speed)} left")
        else:
            words.append(duration(seconds))
        return words

    def _drawn(self) -> "Table":
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        table = Table.grid(padding=(0, 1))
        text = ", ".join(self._words())
        if expected := self._there.expected:
            table.add_row(ProgressBar(total=max(expected, self.done), completed=self.done, width=20), text)
        else:
            table.add_row(text)
        return table


class Watched:
    """Whoever evaluates is watched by this."""

    def __init__(self, messages: Messages) -> None:
        self.messages = messages

    def warn(self, message: str) -> None:
        """A line of something that is perhaps not as it should be."""
        self.messages.warn(message)

    def follow(self, what: str, items: Iterable[T], total: int, of: str) -> Iterator[T]:
        """The items, with how far they are shown meanwhile."""
        with Progress(self.messages, what, Total(total), of) as progress:
            progress.begin()
            for item in items:
                yield item
                progress.done += 1
                progress.tell()
