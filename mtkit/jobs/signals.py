"""Signals that end a job: noted, to be obeyed between two steps of work."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Signals:
    """Notes SIGINT and SIGTERM; a second one ends at once."""

    def __init__(self) -> None:
        self.received = 0

    def note(self, number: int, frame: FrameType | None) -> None:
        if self.received:
            raise KeyboardInterrupt
        self.received = number

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Catch signals while this is entered, where Python allows it (the main thread).

        One that is ignored stays so: a shell starts background jobs deaf to the Ctrl-C that is meant for others.
        """
        heard = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN]
        try:
            before = {number: signal.signal(number, self.note) for number in heard}
        except ValueError:
            before = {}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
