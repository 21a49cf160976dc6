"""Work on chunks by this process or by several: each chunk with what became of it, in order.

Must not know what is worked on.
"""

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from mtkit.translator.workers import Workers

In = TypeVar("In")
Out = TypeVar("Out")
Each = Callable[[Iterable[In]], Iterator[tuple[In, Out]]]
"""A function from chunks to each of them with what was made of it; it may be called again when it is through."""


class Share(Protocol):
    """Who does something to chunks, given what: those of a cluster (`mtkit.jobs.cluster`), or `Processes` here."""

    def __call__(self, work: Callable[[In], Out]) -> AbstractContextManager[Each[In, Out]]:
        """Give a function from chunks to each of them with what was made of it, in order.

        Args:
            work: what is done to a chunk, which as a string is what messages call it. Both may go to other processes.

        Raises:
            WorkerError: a process has died.
        """


@dataclass(frozen=True)
class Processes:
    """Processes of this machine; 1: this one."""

    count: int

    @contextlib.contextmanager
    def __call__(self, work: Callable[[In], Out]) -> Iterator[Each[In, Out]]:
        if self.count == 1:
            yield alone(work)
            return
        with Workers(self.count, work, str, advice="use fewer workers") as pool:
            yield together(pool)


ALONE = Processes(1)


def alone(work: Callable[[In], Out]) -> Each[In, Out]:
    """What this process makes of each."""
    return lambda chunks: ((chunk, work(chunk)) for chunk in chunks)


def together(pool: Workers[In, Out]) -> Each[In, Out]:
    """What other processes make of each."""

    def each(chunks: Iterable[In]) -> Iterator[tuple[In, Out]]:
        given = deque[In]()

        def noted() -> Iterator[In]:
            for chunk in chunks:
                given.append(chunk)
                yield chunk

        for result in pool.in_order(noted()):
            yield given.popleft(), result

    return each


def in_order(each: Each[In, Out]) -> Each[In, Out]:
    """The same, of those who give chunks back in any order."""

    def ordered(chunks: Iterable[In]) -> Iterator[tuple[In, Out]]:
        given, made = deque[In](), dict[int, Out]()

        def noted() -> Iterator[In]:
            for chunk in chunks:
                given.append(chunk)
                yield chunk

        for chunk, result in each(noted()):
            made[id(chunk)] = result
            while given and id(given[0]) in made:
                first = given.popleft()
                yield first, made.pop(id(first))

    return ordered
