"""Work on chunks by this process or by several: each chunk with what became of it, in order.

Must not know what is worked on.
"""

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from mtkit.translator.workers import Workers

In = TypeVar("In")
Out = TypeVar("Out")
Each = Callable[[Iterable[In]], Iterator[tuple[In, Out]]]
"""A function from chunks to each of them with what was made of it; it may be called again when it is through."""


@contextlib.contextmanager
def shared(work: Callable[[In], Out], workers: int) -> Iterator[Each[In, Out]]:
    """Do something to chunks.

    Args:
        work: what is done to a chunk, which as a string is what messages call it. Both may go to other processes.
        workers: processes; 1: this one.

    Raises:
        WorkerError: a process has died.
    """
    if workers == 1:
        yield alone(work)
        return
    with Workers(workers, work, str, advice="use fewer workers") as pool:
        yield together(pool)


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
