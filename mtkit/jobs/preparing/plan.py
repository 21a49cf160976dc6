"""The first reading of the training text: what is kept, repeated and held out, and a sample for the tokenizer.

Only the sample and the smallest keys are held in RAM; a key a pair and a flag a pair lie on disk.
"""

import heapq
import itertools
import random
import shutil
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mtkit.errors import DataError
from mtkit.jobs.preparing.chunks import Chunk, Treatment
from mtkit.jobs.preparing.inputs import TrainingText
from mtkit.jobs.preparing.repeated import repeated
from mtkit.jobs.sharing import ALONE, Share
from mtkit.text import case, filters
from mtkit.text.fold import fold
from mtkit.text.readers.reader import Pair

HELD_OUT = (100, 2000)  # pairs of dev taken from train, at least and at most


@dataclass(frozen=True)
class Judged:
    """What one process finds out about a chunk."""

    kept: bytes
    """A flag a pair: 1 where it breaks no rule on text."""
    keys: "array[int]"
    """A key a kept pair."""
    copies: "array[int]"
    """A key a copy of a kept pair."""
    sources: "array[int]"
    """A key the source of a kept pair, if some are to be held out."""
    changed: int
    """Pairs that folding changed."""
    dropped: filters.Drops


@dataclass(frozen=True)
class Judge:
    """What is done to a chunk in the first reading."""

    treatment: Treatment
    hold_out: bool

    def __call__(self, chunk: Chunk) -> Judged:
        kept, keys, copies, sources = bytearray(), array("Q"), array("Q"), array("Q")
        changed, dropped = 0, filters.Drops()
        for raw, (pair, rule) in zip(chunk.pairs, self.treatment.judged(chunk.pairs), strict=True):
            if pair[0] is not raw[0] or pair[1] is not raw[1]:  # what has nothing to fold is given back
                changed += pair != raw
            kept.append(not rule)
            if rule:
                dropped.add(rule, *pair)
                continue
            keys.append(chunk.role.key(pair))
            copies.extend(chunk.role.key(copy) for _, copy in self.treatment.copies(pair))
            if self.hold_out and chunk.role.measures:
                sources.append(chunk.role.held_by(pair))
        return Judged(bytes(kept), keys, copies, sources, changed, dropped)


@dataclass
class Reading:
    """What became of an entry."""

    read: int = 0
    kept: int = 0
    """Pairs that break no rule on text."""
    changed: int = 0
    """Pairs that folding changed."""
    dropped: filters.Drops = field(default_factory=filters.Drops)
    chunks: "array[int]" = field(default_factory=lambda: array("I"))
    """For each chunk in turn, how many of its pairs are kept, and how many copies these have."""

    def see(self, judged: Judged) -> None:
        """Count a chunk."""
        self.read += len(judged.kept)
        self.kept += len(judged.keys)
        self.changed += judged.changed
        self.dropped += judged.dropped
        self.chunks.extend((len(judged.keys), len(judged.copies)))


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


def make_plan(text: TrainingText, *, hold_out: bool, sample_pairs: int, scratch: Path, share: Share = ALONE) -> Plan:
    """Read the training text.

    Args:
        hold_out: whether dev is made of it.
        sample_pairs: for the tokenizer, at most.
        scratch: a folder for what does not fit into RAM; it must stand as long as the plan is used.
        share: who reads it.

    Raises:
        DataError: no pair is kept, or too few to hold some out; or the text cannot be read.
        WorkerError: a process has died.
    """
    treatment = text.treatment
    copies_a_pair = len(case.CASES) * treatment.case_augment
    sample = _Sample(max(1, int(sample_pairs / (1 + copies_a_pair))))  # the rest is for copies of the sample
    sources = _SmallestSources()
    readings = tuple(Reading() for _ in text.entries)
    # Keys of copies come after all others, so that of an original and an equal copy it is the copy that goes.
    with (
        (scratch / "keys").open("wb") as keys,
        (scratch / "copies").open("w+b") as copies,
        share(Judge(treatment, hold_out)) as each,
    ):
        for entry, reading in zip(text.entries, readings, strict=True):
            for chunk, judged in each(entry.chunks()):
                reading.see(judged)
                judged.keys.tofile(keys)
                judged.copies.tofile(copies)
                sample.see(itertools.compress(chunk.pairs, judged.kept))
                sources.see(judged.sources)
            reading.dropped += entry.reader.low
            reading.read += entry.reader.low.total
        copies.seek(0)
        shutil.copyfileobj(copies, keys)
    kept = sum(reading.kept for reading in readings)
    if not kept:
        raise _nothing_left(readings)
    held_out = sources.held_out(kept) if hold_out else frozenset()
    sides = {entry.role.side for entry in text.entries}
    pairs = [pair for pair in sample.pairs if all(filters.key(pair[side]) not in held_out for side in sides)]
    more = [copy for pair in pairs for _, copy in treatment.copies(pair) if not treatment.rules.broken(*copy)]
    return Plan(readings, held_out, repeated(scratch / "keys"), (pairs + more)[:sample_pairs])


class _Sample:
    """Pairs drawn evenly from a stream of unknown length."""

    def __init__(self, limit: int) -> None:
        self.pairs: list[Pair] = []
        self._limit, self._seen = limit, 0
        self._rng = random.Random(0)  # not the run's seed: runs of any seed share a prepared corpus

    def see(self, pairs: Iterable[Pair]) -> None:
        """Look at pairs as they were read; those that are taken are folded."""
        for source, target in pairs:
            self._seen += 1
            if len(self.pairs) < self._limit:
                self.pairs.append((fold(source), fold(target)))
            elif (place := self._rng.randrange(self._seen)) < self._limit:
                self.pairs[place] = fold(source), fold(target)


class _SmallestSources:
    """How many pairs the sources with the smallest keys have."""

    def __init__(self) -> None:
        self._heap: list[int] = []  # of negated keys
        self._pairs_of: dict[int, int] = {}

    def see(self, keys: Iterable[int]) -> None:
        for key in keys:
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


def _nothing_left(readings: tuple[Reading, ...]) -> DataError:
    counts = sum((reading.dropped for reading in readings), filters.Drops()).counts
    dropped = ", ".join(f"{rule} {count}" for rule, count in counts.items() if count)
    return DataError(
        f"no training pair is left: {sum(reading.read for reading in readings)} read"
        + (f", dropped: {dropped}" if dropped else "")
        + "; check data.train"
        + (" and [filter]" if dropped else "")
    )
