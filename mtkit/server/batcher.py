"""Lines of many requests through a model together, and each request its share. Must not know HTTP.

One thread computes. It takes lines from all requests that wait for the same model with the same settings, a few of each
in turn, so that one line is not held up by a file of ten thousand. A step of search costs about the same for one line
and for thirty, so what comes at about the same moment goes together: who was answered together asks together.
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

TOGETHER = 256  # lines that are translated together, at most, ...
OF_ONE = 64  # ... and of one request: what comes meanwhile waits for so many of a file
TURN = 8  # lines of one request at a time, while others wait
PAUSE = 0.002  # seconds in which nothing comes, after which what has come goes, at least, ...
GAP, WIDEST = 0.05, 0.1  # ... or such a part of the time that the last ones took, and so many seconds at most
PATIENCE, LONGEST = 0.5, 0.5  # likewise, in which whoever was answered may come again
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
        pause: seconds in which nothing comes, after which what has come is translated.
    """

    def __init__(self, threads: int | None = None, most: int = MOST, pause: float = PAUSE) -> None:
        self._threads, self._most, self._pause = Threads(threads), most, pause
        self._come = threading.Condition()
        self._waiting: deque[_Work] = deque()
        self._lines = 0
        self._took = 0.0  # seconds for what was translated last
        self._expected = 0  # requests that were answered then, and that came meanwhile, ...
        self._until = 0.0  # ... which are waited for until then
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
            self._gather()
            if taken := self._take():
                began = time.monotonic()
                self._translate(taken)
                ended = time.monotonic()
                answered = {id(work) for work, _ in taken if work.taken == len(work.lines)}
                self._expected = len(answered) + len(self._waiting)
                self._until = ended + max(self._pause, min(LONGEST, PATIENCE * (ended - began)))
                self._took = ended - began

    def _gather(self) -> None:
        """Wait for as many requests as there were: whoever was just answered asks again, and others beside him.

        Whoever asks alone, or when nobody was answered for a while, is not kept waiting.
        """
        before, at = self._lines, time.monotonic()
        gap = max(self._pause, min(WIDEST, GAP * self._took))
        while len(self._waiting) < self._expected and self._lines < TOGETHER and time.monotonic() < self._until:
            time.sleep(self._pause)
            if self._lines != before:
                before, at = self._lines, time.monotonic()
            elif time.monotonic() - at >= gap:
                return

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
            left = {id(work): OF_ONE for work in same}
            while room and same:
                for work in list(same):
                    count = min(TURN, room, left[id(work)], len(work.lines) - work.taken)
                    taken += ((work, place) for place in range(work.taken, work.taken + count))
                    work.taken += count
                    room, left[id(work)] = room - count, left[id(work)] - count
                    if work.taken == len(work.lines):
                        self._waiting.remove(work)
                    if work.taken == len(work.lines) or not left[id(work)]:
                        same.remove(work)
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
        # Batches are of like lengths: who is in the first one is answered while the next one is searched.
        taken = sorted(taken, key=lambda one: len(one[0].lines[one[1]]))
        lines = [Line(work.lines[place], number=place) for work, place in taken]
        told = 0
        try:
            translator = model.translator()
            self._threads.fit(translator.multiplications(len(lines)))
            for translation in translator.window(lines, asked.decode, asked.request):
                self._put(*taken[told], translation)
                told += 1
            assert told == len(taken), f"{len(taken)} lines have {told} translations"
        except Exception as error:
            rest = taken[told:]
            works = list({id(work): work for work, _ in rest}.values())
            if len(works) > 1:  # whoever's line it was, the others have theirs
                for work in works:
                    self._translate([one for one in rest if one[0] is work])
                return
            if not isinstance(error, MtkitError):
                LOG.exception("translating failed")
            for work in works:
                with self._come:
                    if work in self._waiting:
                        self._drop(work, error)
                    elif not work.done.cancelled():
                        _end(work, error)

    def _put(self, work: _Work, place: int, translation: Translation) -> None:
        work.found[place] = translation
        work.missing -= 1
        self.translated += 1
        if not work.missing and not work.done.cancelled():
            _end(work, [one for one in work.found if one is not None])


def _end(work: _Work, with_: list[Translation] | Exception) -> None:
    """Tell whoever waits, if anybody still does."""
    if work.done.set_running_or_notify_cancel():
        if isinstance(with_, Exception):
            work.done.set_exception(with_)
        else:
            work.done.set_result(with_)
