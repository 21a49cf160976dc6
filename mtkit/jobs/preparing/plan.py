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
from mtkit.jobs.preparing.scores import chunks
from mtkit.jobs.sharing import ALONE, Share
from mtkit.text import case, filters
from mtkit.text.cleaning.near import near_key
from mtkit.text.fold import fold
from mtkit.text.readers.reader import Pair

HELD_OUT = (100, 2000)  # pairs of dev taken from train, at least and at most
EQUAL, NEAR = 1, 2  # flags of what stood before


@dataclass(frozen=True)
class Judged:
    """What one process finds out about a chunk."""

    kept: bytes
    """A flag a pair: 1 where it breaks no rule on text."""
    keys: "array[int]"
    """A key a kept pair."""
    near: "array[int]"
    """Another one, which nearly equal pairs share, if these are looked for."""
    copies: "array[int]"
    """A key a copy of a kept pair."""
    sources: "array[int]"
    """A key the source of a kept pair, if some are to be held out."""
    changed: int
    """Pairs that folding changed."""
    dropped: filters.Drops
    repaired: filters.Drops
    """By what repaired them; samples are a side before and after."""


@dataclass(frozen=True)
class Judge:
    """What is done to a chunk in the first reading."""

    treatment: Treatment
    hold_out: bool
    near: bool = False

    def __call__(self, chunk: Chunk) -> Judged:
        kept, keys, near, copies, sources = bytearray(), array("Q"), array("Q"), array("Q"), array("Q")
        changed, dropped, repaired = 0, filters.Drops(), filters.Drops({}, {})
        for raw, (pair, rule, names) in zip(chunk.pairs, self.treatment.judged(chunk), strict=True):
            if names:
                side = pair[0] == fold(raw[0])  # where both sides were damaged, the source is shown
                for name in names:
                    repaired.add(name, raw[side], pair[side])
            elif pair[0] is not raw[0] or pair[1] is not raw[1]:  # what has nothing to fold is given back
                changed += pair != raw
            kept.append(not rule)
            if rule:
                dropped.add(rule, *pair)
                continue
            keys.append(chunk.role.key(pair))
            if self.near:
                near.append(near_key(*pair) ^ chunk.role.apart)
            copies.extend(chunk.role.key(copy) for _, copy in self.treatment.copies(pair))
            if self.hold_out and chunk.role.measures:
                sources.append(chunk.role.held_by(pair))
        return Judged(bytes(kept), keys, near, copies, sources, changed, dropped, repaired)


@dataclass
class Reading:
    """What became of an entry."""

    read: int = 0
    kept: int = 0
    """Pairs that break no rule on text."""
    changed: int = 0
    """Pairs that folding changed."""
    dropped: filters.Drops = field(default_factory=filters.Drops)
    repaired: filters.Drops = field(default_factory=lambda: filters.Drops({}, {}))
    chunks: "array[int]" = field(default_factory=lambda: array("I"))
    """For each chunk in turn, how many pairs it has, how many of them are kept, and how many copies these have."""

    def see(self, judged: Judged) -> None:
        """Count a chunk."""
        self.read += len(judged.kept)
        self.kept += len(judged.keys)
        self.changed += judged.changed
        self.dropped += judged.dropped
        self.repaired += judged.repaired
        self.chunks.extend((len(judged.kept), len(judged.keys), len(judged.copies)))


@dataclass(frozen=True)
class Plan:
    """What the second reading has to know."""

    readings: tuple[Reading, ...]
    """Of each entry."""
    held_out: frozenset[int]
    """Keys of the sources whose pairs make dev."""
    standing: NDArray[np.uint8]
    """A flag a pair: 1 where it is kept. Mapped from disk, and so is the next."""
    repeated: NDArray[np.uint8]
    """Of each kept pair, and then of each copy of a kept pair: 1 where an equal one stood before, and for pairs 2 more
    where a nearly equal one did, if these are looked for."""
    sample: list[Pair]
    """For the tokenizer: pairs that are not held out, and copies that come of them."""

    @property
    def kept(self) -> int:
        return sum(reading.kept for reading in self.readings)

    @property
    def duplicates(self) -> list[int]:
        """Of each entry, the kept pairs that stood before."""
        ends = np.cumsum([0] + [reading.kept for reading in self.readings])
        return [int((self.repeated[a:b] & EQUAL).sum()) for a, b in itertools.pairwise(ends)]


def make_plan(
    text: TrainingText, *, hold_out: bool, sample_pairs: int, scratch: Path, share: Share = ALONE, near: bool = False
) -> Plan:
    """Read the training text.

    Args:
        hold_out: whether dev is made of it.
        sample_pairs: for the tokenizer, at most.
        scratch: a folder for what does not fit into RAM; it must stand as long as the plan is used.
        share: who reads it.
        near: whether nearly equal pairs are looked for.

    Raises:
        DataError: no pair is kept, or too few to hold some out; or the text cannot be read.
        WorkerError: a process has died.
    """
    treatment = text.treatment
    copies_a_pair = len(case.CASES) * treatment.case_augment
    sample = _Sample(max(1, int(sample_pairs / (1 + copies_a_pair))), treatment)  # the rest is for copies of the sample
    sources = _SmallestSources()
    readings = tuple(Reading() for _ in text.entries)
    # Keys of copies come after all others, so that of an original and an equal copy it is the copy that goes.
    with (
        (scratch / "keys").open("wb") as keys,
        (scratch / "copies").open("w+b") as copies,
        (scratch / "near").open("wb") as nearly,
        (scratch / "kept").open("wb") as standing,
        share(Judge(treatment, hold_out, near)) as each,
    ):
        for (entry, some), reading in zip(chunks(text, scratch), readings, strict=True):
            for chunk, judged in each(some):
                reading.see(judged)
                standing.write(judged.kept)
                judged.keys.tofile(keys)
                judged.near.tofile(nearly)
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
    flags = repeated(scratch / "keys")
    if near:
        flags[:kept] |= NEAR * repeated(scratch / "near")
    return Plan(readings, held_out, np.memmap(scratch / "kept", np.uint8, "r"), flags, (pairs + more)[:sample_pairs])


class _Sample:
    """Pairs drawn evenly from a stream of unknown length."""

    def __init__(self, limit: int, treatment: Treatment) -> None:
        self.pairs: list[Pair] = []
        self._limit, self._seen, self._treatment = limit, 0, treatment
        self._rng = random.Random(0)  # not the run's seed: runs of any seed share a prepared corpus

    def see(self, pairs: Iterable[Pair]) -> None:
        """Look at pairs as they were read; those that are taken are made what models see."""
        for raw in pairs:
            self._seen += 1
            if len(self.pairs) < self._limit:
                self.pairs.append(self._treatment.read(raw))
            elif (place := self._rng.randrange(self._seen)) < self._limit:
                self.pairs[place] = self._treatment.read(raw)


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
