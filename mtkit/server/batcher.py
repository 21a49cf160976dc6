"""Lines of many requests through a model together, and each request its share. Must not know HTTP.

One thread computes. It takes lines from all requests that wait for the same model with the same settings, a few of each
in turn, so that one line is not held up by a file of ten thousand; what comes within some milliseconds goes together.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from mtkit.errors import MtkitError
from mtkit.ops.device import Threads
from mtkit.schema import Decode
from mtkit.server.models import Model
from mtkit.translator.request import Line, Request, Translation

TOGETHER = 64  # lines that are translated together, at most: what comes meanwhile waits for so many
TURN = 8  # lines of one request at a time, while others wait
PAUSE = 0.002  # seconds in which what comes goes together
MOST = 20_000  # lines that wait, at most, of all requests
LOG = logging.getLogger(__name__)


class Full(MtkitError):
    """So much waits that no more is taken."""


class Late(MtkitError):
    """A request was not done before its time was over."""


@dataclass(frozen=True)
class Asked:
    """What is wanted beside the model; requests that want the same are translated together."""

    request: Request = field(default_factory=Request)
    decode: Decode | None = None
    """None: as the bundle says."""


@dataclass(eq=False)
class _Work:
    """A request."""

    model: Model
    asked: Asked
    lines: Sequence[str]
    until: float
    done: "Future[list[Translation]]"
    taken: int = 0
    found: list[Translation | None] = field(default_factory=list)
    missing: int = 0


class Batcher:
    """Translates what requests ask for.

    Args:
        threads: to compute with; None: as fits the work.
        most: lines that wait, at most.
    """

    def __init__(self, threads: int | None = None, most: int = MOST, pause: float = PAUSE) -> None:
        self._threads, self._most, self._pause = Threads(threads), most, pause
        self._come = threading.Condition()
        self._waiting: deque[_Work] = deque()
        self._lines = 0
        self._closing = False
        self.translated = 0
        """Lines, since the beginning."""
        self._thread = threading.Thread(target=self._run, name="translate", daemon=True)
        self._thread.start()

    @property
    def lines_waiting(self) -> int:
        return self._lines

    def submit(self, model: Model, lines: Sequence[str], asked: Asked, seconds: float) -> "Future[list[Translation]]":
        """Have lines translated; what comes of it may be cancelled, and then is not begun, or not gone on with.

        Args:
            seconds: after which nobody waits any more.

        Raises:
            Full: too much waits.
        """
        work = _Work(model, asked, lines, time.monotonic() + seconds, Future(), 0, [None] * len(lines), len(lines))
        if not lines:
            work.done.set_result([])
            return work.done
        with self._come:
            if self._closing:
                raise Full("the server is being stopped: ask again in a moment")
            if self._lines and self._lines + len(lines) > self._most:
                raise Full(f"{self._lines:,} lines wait already: ask again in a moment")
            self._lines += len(lines)
            self._waiting.append(work)
            self._come.notify()
        return work.done

    def close(self, seconds: float = 30.0) -> None:
        """Take no more, and end when all that waits is done, or so many seconds have passed."""
        with self._come:
            self._closing = True
            self._come.notify()
        self._thread.join(seconds)

    def _run(self) -> None:
        while True:
            with self._come:
                while not self._waiting:
                    if self._closing:
                        return
                    self._come.wait()
                few = self._lines < TOGETHER
            if few:  # what others send at the same moment goes with it
                time.sleep(self._pause)
            taken = self._take()
            if taken:
                self._translate(taken)

    def _take(self) -> list[tuple[_Work, int]]:
        """Some lines of those that want what the first one wants, as (request, place), a few of each in turn."""
        with self._come:
            now = time.monotonic()
            for work in list(self._waiting):
                if work.done.cancelled() or now > work.until:
                    self._drop(work, Late("this took longer than a request may take: ask for less, or again later"))
            if not self._waiting:
                return []
            first = self._waiting[0]
            same = [work for work in self._waiting if work.model is first.model and work.asked == first.asked]
            room, taken = TOGETHER, list[tuple[_Work, int]]()
            while room and same:
                for work in list(same):
                    end = min(work.taken + min(TURN, room), len(work.lines))
                    taken += ((work, place) for place in range(work.taken, end))
                    room -= end - work.taken
                    work.taken = end
                    if end == len(work.lines):
                        same.remove(work)
                        self._waiting.remove(work)
                    if not room:
                        break
            # Whoever has more waits behind all others.
            for work in {id(work): work for work, _ in taken}.values():
                if work.taken < len(work.lines):
                    self._waiting.remove(work)
                    self._waiting.append(work)
            self._lines -= len(taken)
            return taken

    def _drop(self, work: _Work, why: Exception) -> None:
        self._waiting.remove(work)
        self._lines -= len(work.lines) - work.taken
        if not work.done.cancelled():
            _end(work, why)

    def _translate(self, taken: list[tuple[_Work, int]]) -> None:
        model, asked = taken[0][0].model, taken[0][0].asked
        lines = [Line(work.lines[place], number=place) for work, place in taken]
        try:
            translator = model.translator()
            self._threads.fit(translator.multiplications(len(lines)))
            made = list(translator.window(lines, asked.decode, asked.request))
        except Exception as error:
            works = list({id(work): work for work, _ in taken}.values())
            if len(works) > 1:  # whoever's line it was, the others have theirs
                for work in works:
                    self._translate([one for one in taken if one[0] is work])
                return
            if not isinstance(error, MtkitError):
                LOG.exception("translating failed")
            with self._come:
                if works[0] in self._waiting:
                    self._drop(works[0], error)
                elif not works[0].done.cancelled():
                    _end(works[0], error)
            return
        for (work, place), translation in zip(taken, made, strict=True):
            work.found[place] = translation
            work.missing -= 1
            if not work.missing and not work.done.cancelled():
                _end(work, [one for one in work.found if one is not None])
        self.translated += len(lines)


def _end(work: _Work, with_: list[Translation] | Exception) -> None:
    """Tell whoever waits, if anybody still does."""
    if work.done.set_running_or_notify_cancel():
        if isinstance(with_, Exception):
            work.done.set_exception(with_)
        else:
            work.done.set_result(with_)
