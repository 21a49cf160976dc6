"""Which pairs of the training text a model finds least likely, by files of scores; those with the worst of them go.

Only the numbers of a chunk are held in RAM; those of all pairs lie on disk.
"""

import json
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import inf
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mtkit.errors import DataError
from mtkit.jobs.preparing.chunks import Chunk
from mtkit.jobs.preparing.inputs import Entry, TrainingText
from mtkit.text.fold import fold
from mtkit.text.lines import lines

AT_ONCE = 1 << 20  # numbers
FORM = "lines of SCORE<TAB>TARGET, or JSON lines, as mtkit score writes both"
Numbers = NDArray[np.float32]


class Worst:
    """The pairs with the lowest scores, of all entries together.

    Args:
        scratch: a folder for the numbers.

    Raises:
        DataError: a file is not one of scores.
    """

    def __init__(self, text: TrainingText, scratch: Path) -> None:
        self._starts, path = [0], scratch / "scores"
        with path.open("wb") as file:
            for entry in text.entries:
                assert entry.scores is not None, "the config names a file for each entry, or none"
                block, count = array("f"), 0
                for score, _ in _read(entry.scores):
                    block.append(score)
                    count += 1
                    if len(block) == AT_ONCE:
                        block.tofile(file)
                        del block[:]
                block.tofile(file)
                self._starts.append(self._starts[-1] + count)
        self._scores: Numbers = np.memmap(path, np.float32, "r") if self._starts[-1] else np.empty(0, np.float32)
        self.limit = lowest(self._scores, int(text.worst * len(self._scores)))
        """A score below it is among the worst."""

    def marked(self, number: int, entry: Entry) -> Iterator[Chunk]:
        """The chunks of an entry, each with a flag a pair.

        Raises:
            DataError: its scores are of other pairs.
        """
        assert entry.scores is not None
        scored, at, end = _read(entry.scores), self._starts[number], self._starts[number + 1]
        for chunk in entry.chunks():
            flags = self._scores[at : min(at + len(chunk.pairs), end)] < self.limit
            if len(flags) < len(chunk.pairs):
                raise _other(entry, f"it has {end - self._starts[number]:,} scores, and the text more pairs")
            said_of = zip(chunk.pairs, scored)  # noqa: B905 - scores go on after the chunk
            for line, ((_, target), (_, said)) in enumerate(said_of, chunk.first + 1):
                if said != target and fold(said).split() != fold(target).split():
                    raise _other(entry, f"line {line} is of {said[:40]!r}, pair {line} of the text has {target[:40]!r}")
            at += len(chunk.pairs)
            yield replace(chunk, worst=flags.tobytes())
        if at < end:
            raise _other(entry, f"it has {end - at:,} scores more than the text has pairs")


def lowest(scores: Numbers, count: int) -> float:
    """The number below which at most so many stand: of equal ones all stay or all go.

    In two readings, one by the upper half of the bits and one by the lower half, so that memory does not grow.
    """
    if count <= 0:
        return -inf
    upper = np.zeros(1 << 16, np.int64)
    for keys in _keys(scores):
        upper += np.bincount(keys >> 16, minlength=1 << 16)
    first = int(np.searchsorted(np.cumsum(upper), count, side="right"))
    before = int(upper[:first].sum())
    lower = np.zeros(1 << 16, np.int64)
    for keys in _keys(scores):
        lower += np.bincount(keys[keys >> 16 == first] & 0xFFFF, minlength=1 << 16)
    last = int(np.searchsorted(np.cumsum(lower), count - before, side="right"))
    key = np.array([first << 16 | last], np.uint32)
    bits = np.where(key >> 31, key ^ 0x80000000, ~key).astype(np.uint32)
    return float(bits.view(np.float32)[0])


def _keys(scores: Numbers) -> Iterator[NDArray[np.uint32]]:
    """As whole numbers in the same order."""
    for start in range(0, len(scores), AT_ONCE):
        bits = np.ascontiguousarray(scores[start : start + AT_ONCE]).view(np.uint32)
        yield np.where(bits >> 31, ~bits, bits | 0x80000000).astype(np.uint32)


def _read(path: Path) -> Iterator[tuple[float, str]]:
    """Score and target of each line."""
    for number, (line, _) in enumerate(lines(path), 1):
        try:
            yield _parsed(line)
        except (ValueError, KeyError, TypeError):
            raise DataError(f"{path}, line {number}: expected {FORM}, got {line[:60]!r}") from None


def _parsed(line: str) -> tuple[float, str]:
    if line.startswith("{"):
        table = json.loads(line)
        return float(-inf if table["score"] is None else table["score"]), str(table["target"])
    score, tab, target = line.partition("\t")
    if not tab or (found := float(score)) != found:
        raise ValueError
    return found, target


def _other(entry: Entry, why: str) -> DataError:
    return DataError(f"{entry.scores} is not of the pairs of {entry.entry}: {why}; score that text anew")


def chunks(text: TrainingText, scratch: Path) -> Iterable[tuple[Entry, Iterable[Chunk]]]:
    """The entries with their chunks; these have flags where there are scores.

    Raises:
        DataError: as `Worst`.
    """
    if text.entries[0].scores is None:
        return [(entry, entry.chunks()) for entry in text.entries]
    worst = Worst(text, scratch)
    return [(entry, worst.marked(number, entry)) for number, entry in enumerate(text.entries)]
