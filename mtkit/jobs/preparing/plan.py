"""The first reading of the training text: what is kept, repeated and held out, and a sample for the tokenizer.

Only the sample and the smallest keys are held in RAM; a key a pair and a flag a pair lie on disk.
"""

import heapq
import itertools
import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from mtkit.errors import DataError
from mtkit.jobs.preparing.inputs import Entry, TrainingText
from mtkit.text import case, filters
from mtkit.text.readers.reader import Pair

HELD_OUT = (100, 2000)  # pairs of dev taken from train, at least and at most


@dataclass(frozen=True)
class Reading:
    """What became of an entry."""

    read: int
    kept: int
    """Pairs that break no rule on text."""
    dropped: filters.Drops


@dataclass(frozen=True)
class Plan:
    """What the second reading has to know."""

    readings: tuple[Reading, ...]
    """Of each entry."""
    held_out: frozenset[int]
    """Keys of the sources whose pairs make dev."""
    repeated: NDArray[np.uint8]
    """A flag a kept pair, and then one a copy of a kept pair: 1 where an equal one stood before. Mapped from disk."""
    sample: list[Pair]
    """For the tokenizer: pairs that are not held out, and copies that come of them."""

    @property
    def kept(self) -> int:
        return sum(reading.kept for reading in self.readings)

    @property
    def duplicates(self) -> list[int]:
        """Of each entry, the kept pairs that stood before."""
        ends = np.cumsum([0] + [reading.kept for reading in self.readings])
        return [int(self.repeated[a:b].sum()) for a, b in itertools.pairwise(ends)]


def make_plan(text: TrainingText, *, hold_out: bool, sample_pairs: int, scratch: Path) -> Plan:
    """Read the training text.

    Args:
        hold_out: whether dev is made of it.
        sample_pairs: for the tokenizer, at most.
        scratch: a folder for what does not fit into RAM; it must stand as long as the plan is used.

    Raises:
        DataError: no pair is kept, or too few to hold some out; or the text cannot be read.
    """
    copies_a_pair = len(case.CASES) * text.case_augment
    sample = _Sample(max(1, int(sample_pairs / (1 + copies_a_pair))))  # the rest is for copies of the sample
    sources = _SmallestSources() if hold_out else None
    # Keys of copies come after all others, so that of an original and an equal copy it is the copy that goes.
    with (scratch / "keys").open("wb") as keys, (scratch / "copies").open("w+b") as copies:
        readings = tuple(_read(entry, text, keys, copies, sample, sources) for entry in text.entries)
        copies.seek(0)
        shutil.copyfileobj(copies, keys)
    kept = sum(reading.kept for reading in readings)
    if not kept:
        raise _nothing_left(readings)
    held_out = sources.held_out(kept) if sources else frozenset()
    pairs = [pair for pair in sample.pairs if filters.key(pair[0]) not in held_out]
    more = [copy for pair in pairs for _, copy in text.copies(pair) if not text.rules.broken(*copy)]
    return Plan(readings, held_out, _repeated(scratch), (pairs + more)[:sample_pairs])


def _read(
    entry: Entry,
    text: TrainingText,
    keys: BinaryIO,
    copies: BinaryIO,
    sample: "_Sample",
    sources: "_SmallestSources | None",
) -> Reading:
    """Read an entry, and show each pair that is kept to all who want to see it."""
    read = kept = 0
    dropped = filters.Drops()
    for pair, rule in text.judged(entry):
        read += 1
        if rule:
            dropped.add(rule, *pair)
            continue
        kept += 1
        sample.see(pair)
        keys.write(filters.key(*pair).to_bytes(8, "little"))
        for _, copy in text.copies(pair):
            copies.write(filters.key(*copy).to_bytes(8, "little"))
        if sources:
            sources.see(pair[0])
    return Reading(read, kept, dropped)


class _Sample:
    """Pairs drawn evenly from a stream of unknown length."""

    def __init__(self, limit: int) -> None:
        self.pairs: list[Pair] = []
        self._limit, self._seen = limit, 0
        self._rng = random.Random(0)  # not the run's seed: runs of any seed share a prepared corpus

    def see(self, pair: Pair) -> None:
        self._seen += 1
        if len(self.pairs) < self._limit:
            self.pairs.append(pair)
        elif (place := self._rng.randrange(self._seen)) < self._limit:
            self.pairs[place] = pair


class _SmallestSources:
    """How many pairs the sources with the smallest keys have."""

    def __init__(self) -> None:
        self._heap: list[int] = []  # of negated keys
        self._pairs_of: dict[int, int] = {}

    def see(self, source: str) -> None:
        key = filters.key(source)
        if key in self._pairs_of:
            self._pairs_of[key] += 1
        elif len(self._heap) < HELD_OUT[1] or key < -self._heap[0]:
            self._pairs_of[key] = 1
            heapq.heappush(self._heap, -key)
            if len(self._heap) > HELD_OUT[1]:
                del self._pairs_of[-heapq.heappop(self._heap)]

    def held_out(self, total: int) -> frozenset[int]:
        """Keys of whole sources, until there are pairs enough for dev.

        Raises:
            DataError: nothing would be left to train on.
        """
        wanted = min(max(total // 100, HELD_OUT[0]), HELD_OUT[1], max(1, total // 10))
        chosen: set[int] = set()
        held = 0
        for key in sorted(self._pairs_of):
            if held < wanted:
                chosen.add(key)
                held += self._pairs_of[key]
        if held >= total:
            raise DataError(
                f"too little text to hold out data.dev: {total} training pair(s) of {len(chosen)} source(s); "
                "give more text, or set data.dev"
            )
        return frozenset(chosen)


def _repeated(scratch: Path) -> NDArray[np.uint8]:
    """A flag a key: 1 where an equal one stood before."""
    keys = np.memmap(scratch / "keys", np.uint64, "r")
    flags = np.memmap(scratch / "repeated", np.uint8, "w+", shape=keys.shape)
    for position, _ in filters.first_of_each(keys):
        flags[position] = 1
    return flags


def _nothing_left(readings: tuple[Reading, ...]) -> DataError:
    counts = sum((reading.dropped for reading in readings), filters.Drops()).counts
    dropped = ", ".join(f"{rule} {count}" for rule, count in counts.items() if count)
    return DataError(
        f"no training pair is left: {sum(reading.read for reading in readings)} read"
        + (f", dropped: {dropped}" if dropped else "")
        + "; check data.train"
        + (" and [filter]" if dropped else "")
    )
