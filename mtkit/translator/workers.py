"""Work shared among processes: chunks go out in turn, results come back in the order of the chunks.

Where the system can, workers are forked from a process that has loaded everything, and share its memory. Must not know
what is worked on.
"""

import multiprocessing
import os
import queue
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from mtkit.errors import MtkitError, WorkerError, out_of_memory

AHEAD = 2  # chunks given to a worker at a time: it never waits for the next
STOP_SECONDS = 5
METHOD = "fork" if sys.platform.startswith("linux") else "spawn"

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass
class _Worker(Generic[In]):
    process: Any
    end: Connection
    """Ours of the pipe between us."""
    given: deque[tuple[int, In]] = field(default_factory=deque)
    """Chunks without a result yet, and their numbers."""


class Workers(Generic[In, Out]):
    """Some processes that do the same to chunks.

    Args:
        work: what is done to a chunk.
        name: what a chunk is called in the message if its worker dies.
        begin: what each does first.
        advice: what to do where memory is short.
    """

    def __init__(
        self,
        count: int,
        work: Callable[[In], Out],
        name: Callable[[In], str],
        begin: Callable[[], object] = bool,
        advice: str = "use fewer workers or a smaller decode.batch_tokens",
    ) -> None:
        self._name, self._advice = name, advice
        self._workers: list[_Worker[In]] = []
        self._done: dict[int, tuple[MtkitError | None, Out | None]] = {}
        self._following = 0
        context: Any = multiprocessing.get_context(METHOD)
        for _ in range(count):
            ours, theirs = context.Pipe()
            # A worker that held the others' ends would keep their pipes open when this process has gone.
            inherited = [ours, *(worker.end for worker in self._workers)] if METHOD == "fork" else []
            process = context.Process(target=_serve, args=(work, begin, advice, theirs, inherited), daemon=True)
            process.start()
            theirs.close()
            self._workers.append(_Worker(process, ours))

    def __enter__(self) -> "Workers[In, Out]":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.end.close()
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join(STOP_SECONDS)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()

    @property
    def ends(self) -> list[Connection]:
        """What can be read when a worker has said something: for whoever waits for input, too."""
        return [worker.end for worker in self._workers]

    def in_order(self, chunks: Iterable[In | None]) -> Iterator[Out]:
        """The results of chunks, each as soon as it and all before it are there.

        Args:
            chunks: None: no chunk has come, but perhaps a result.

        Raises:
            WorkerError: a worker has died.
            MtkitError: what a worker raised, or what `chunks` did, after all results before it.
        """
        count = self._following
        source, failure = iter(chunks), None
        while True:
            try:
                chunk = next(source)
            except StopIteration:
                break
            except MtkitError as error:
                failure = error
                break
            if chunk is not None:
                while not (worker := self._free()):
                    self._receive(wait_for_it=True)
                    yield from self._next()
                worker.given.append((count, chunk))
                count += 1
                try:
                    worker.end.send(chunk)
                except (BrokenPipeError, ConnectionResetError):
                    raise self._died(worker) from None
            self._receive(wait_for_it=False)
            yield from self._next()
        while self._following < count:
            self._receive(wait_for_it=True)
            yield from self._next()
        if failure is not None:
            raise failure

    def _free(self) -> _Worker[In] | None:
        """A worker that can take another chunk, unless there are results enough that cannot be told yet."""
        worker = min(self._workers, key=lambda worker: len(worker.given))
        return worker if len(worker.given) < AHEAD and len(self._done) < AHEAD * len(self._workers) else None

    def _next(self) -> Iterator[Out]:
        while self._following in self._done:
            error, result = self._done.pop(self._following)
            if error is not None:
                raise error
            self._following += 1
            yield result  # type: ignore[misc]

    def _receive(self, wait_for_it: bool) -> None:
        # Those without a chunk, too: they have nothing to say, so that one that can be read has died.
        ends = {worker.end: worker for worker in self._workers}
        for ready in wait(list(ends), None if wait_for_it else 0):
            worker = ends[ready]  # type: ignore[index]
            try:
                said = worker.end.recv()
            except (EOFError, ConnectionResetError):
                raise self._died(worker) from None
            number, _ = worker.given.popleft()
            self._done[number] = said

    def _died(self, worker: _Worker[In]) -> WorkerError:
        worker.process.join(STOP_SECONDS)
        code = worker.process.exitcode
        how = f"killed by signal {-code}" if code is not None and code < 0 else f"with exit code {code}"
        # Of several that die together any may be noticed first: what is not done is named in each case.
        at = f"at {self._name(worker.given[0][1])}" if worker.given else "while it had nothing to do"
        others = [other.given[0] for other in self._workers if other.given and not worker.given]
        if others:
            at += f"; not done: {self._name(min(others, key=lambda given: given[0])[1])}"
        return WorkerError(
            f"a worker died ({how}) {at}; if memory is short, {self._advice}",
            remedy="memory",
        )


def _serve(
    work: Callable[[In], Out],
    begin: Callable[[], object],
    advice: str,
    pipe: Connection,
    inherited: list[Connection],
) -> None:
    """A worker's life: until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the first process ends the others
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for end in inherited:
        end.close()
    begin()
    chunks: queue.SimpleQueue[In] = queue.SimpleQueue()

    def read() -> None:  # beside the work, so that who sends chunks never waits for one who sends results
        try:
            while True:
                chunks.put(pipe.recv())
        except (EOFError, OSError):
            os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            said: tuple[MtkitError | None, Out | None] = (None, work(chunks.get()))
        except MtkitError as error:
            said = (error, None)
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            said = (WorkerError(f"out of memory; {advice}", "memory"), None)
        try:
            pipe.send(said)
        except OSError:  # nobody listens any more
            os._exit(0)
