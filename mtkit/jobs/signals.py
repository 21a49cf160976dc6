"""Signals that end a job: noted, to be obeyed between two steps of work, or raised where there is nothing to save.

Beside those that end, those that schedulers send as a warning before they end a job. One that is ignored stays so: a
shell starts background jobs deaf to the Ctrl-C that is meant for others, and nohup to the end of its terminal.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from mtkit.errors import Interrupted

Handler = Callable[[int, FrameType | None], None]
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WARNING = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGXCPU)
IMPORT = "<frozen importlib._bootstrap>"  # where its code is from
TWICE = 0.5  # seconds between two signals that are not one: a terminal and a launcher may both send the same


class Raiser:
    """Raises `Interrupted`, in the process that it was made in.

    While something is imported, as in all of a command's first second, it ends the process instead: import calls what
    swallows errors (callbacks of its locks, initialisers of libraries), and nothing is half done then.
    """

    def __init__(self) -> None:
        self.process = os.getpid()

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self.process:  # a fork, which has nothing to clear up
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        if _importing(frame):
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(Exception):  # whatever it was in the middle of
                    stream.flush()
            os._exit(128 + number)
        raise Interrupted(number)


def _importing(frame: FrameType | None) -> bool:
    """Whether Python was importing something here."""
    while frame is not None:
        if frame.f_code.co_filename == IMPORT:
            return True
        frame = frame.f_back
    return False


class Signals:
    """Notes the signals; a second Ctrl-C, of somebody who will not wait, ends at once."""

    def __init__(self) -> None:
        self.received = 0
        self.at = 0.0

    @property
    def name(self) -> str:
        """Of the one that was received: SIGTERM."""
        return signal.Signals(self.received).name

    def note(self, number: int, frame: FrameType | None) -> None:
        if not self.received:
            self.received, self.at = number, time.monotonic()
        elif number == signal.SIGINT and time.monotonic() - self.at > TWICE:
            raise KeyboardInterrupt

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Catch signals while this is entered, where Python allows it (the main thread)."""
        with handled(self.note):
            yield


@contextmanager
def handled(handler: Handler) -> Iterator[None]:
    """Give the signals to a handler while this is entered, where Python allows it (the main thread)."""
    try:
        before = {number: signal.signal(number, handler) for number in _heard()}
    except ValueError:
        before = {}
    try:
        yield
    finally:
        for number, one in before.items():
            signal.signal(number, one)


def raised() -> None:
    """From now on signals raise `Interrupted` in this process, so that what is half done is cleared up."""
    handler = Raiser()
    for number in _heard():
        signal.signal(number, handler)


def _heard() -> list[signal.Signals]:
    """Those that are neither ignored nor, being mere warnings, somebody else's."""
    heard = [number for number in ENDING if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    for number in WARNING:
        handler = signal.getsignal(number)
        if handler is signal.SIG_DFL or isinstance(handler, Raiser):
            heard.append(number)
    return heard
