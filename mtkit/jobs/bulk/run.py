"""A start of bulk work: what is missing is read, given to whoever does it, and kept. Must not know who does it."""

from collections import Counter
from collections.abc import Iterator
from typing import Protocol

from mtkit.jobs.bulk.results import Results
from mtkit.jobs.bulk.work import Done, Piece
from mtkit.jobs.sharing import Each


class View(Protocol):
    """What is told of each piece."""

    def done(self, piece: Piece, done: Done) -> None:
        """It is done, and kept."""

    def failed(self, piece: Piece, why: str) -> None:
        """It could not be done; the others are."""


def run(results: Results, each: Each[Piece, Done], view: View, shard: int = 0, shards: int = 1) -> None:
    """Do what is missing of the part of a process, and put together what is whole then.

    Args:
        each: who does it; may give pieces in any order.
        shard: which part it is, from 0.
        shards: how many parts there are.

    Raises:
        DataError: a file has changed, or is damaged.
    """
    left: Counter[int] = Counter()  # pieces of a file that were given away

    def pieces() -> Iterator[Piece]:
        for file, one in enumerate(results.inputs):
            left[file] += 1  # until all are given
            for chunk, data in one.read(results.missing(file, results.chunks(file, shard, shards))):
                left[file] += 1
                yield Piece(str(one.path), chunk, data)
            through(file)

    def through(file: int) -> None:
        left[file] -= 1
        if not left[file]:
            del left[file]
            results.join(file)

    for piece, done in each(pieces()):
        if done.error:
            view.failed(piece, done.error)
        else:
            results.write(piece.chunk, done.text)
            view.done(piece, done)
        through(piece.chunk.file)


def lines(results: Results, shard: int = 0, shards: int = 1) -> tuple[int, int]:
    """How many lines the part of a process has, and of how many there are results."""
    whole = missing = 0
    for file in range(len(results.inputs)):
        whole += sum(chunk.lines for chunk in results.chunks(file, shard, shards))
        missing += sum(chunk.lines for chunk in results.missing(file, results.chunks(file, shard, shards)))
    return whole, whole - missing
