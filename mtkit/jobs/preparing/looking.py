"""A reading of the training text that only counts: what each rule finds in it, with samples, and what comes twice.

The same is asked of each pair as when the text is prepared, so counts are those of the data report.
"""

import heapq
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import compress, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mtkit.jobs.preparing.chunks import Chunk, Treatment
from mtkit.jobs.preparing.inputs import TrainingText
from mtkit.jobs.preparing.plan import EQUAL, NEAR
from mtkit.jobs.preparing.repeated import repeated
from mtkit.jobs.preparing.scores import chunks
from mtkit.jobs.sharing import Share
from mtkit.report.audit import Row, Sample
from mtkit.text import filters
from mtkit.text.cleaning.near import near_key
from mtkit.text.cleaning.rules import Settings, cleaning
from mtkit.text.fold import fold
from mtkit.text.readers.reader import Pair

SAMPLES = 12  # of a rule and a corpus
TWICE = {"dedupe": EQUAL, "near_duplicates": NEAR}
"""Rule -> the flag of what it drops."""


class Found:
    """Of each rule how many pairs, and some of them, drawn evenly: those with the smallest keys."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._drawn: dict[str, list[tuple[int, Row]]] = {}

    def add(self, rule: str, row: Row) -> None:
        self.counts[rule] += 1
        self._draw(rule, (-filters.key(*row), row))

    def merge(self, other: "Found") -> None:
        """Count what is found elsewhere, too."""
        self.counts.update(other.counts)
        for rule, drawn in other._drawn.items():
            for one in drawn:
                self._draw(rule, one)

    def samples(self, rule: str) -> tuple[Sample, ...]:
        return tuple((row,) for _, row in sorted(self._drawn.get(rule, ()), reverse=True))

    def _draw(self, rule: str, one: tuple[int, Row]) -> None:
        drawn = self._drawn.setdefault(rule, [])
        if len(drawn) < SAMPLES:
            heapq.heappush(drawn, one)
        else:
            heapq.heappushpop(drawn, one)


@dataclass(frozen=True)
class Looked:
    """What one process finds out about a chunk."""

    kept: bytearray = field(default_factory=bytearray)
    """A flag a pair: 1 where it breaks no rule."""
    keys: "array[int]" = field(default_factory=lambda: array("Q"))
    near: "array[int]" = field(default_factory=lambda: array("Q"))
    dropped: Found = field(default_factory=Found)
    repaired: Found = field(default_factory=Found)
    off: Found = field(default_factory=Found)


@dataclass(frozen=True)
class Look:
    """What is done to a chunk.

    Attributes:
        off: rules that are off, with values that they might have.
    """

    treatment: Treatment
    off: Settings

    def __call__(self, chunk: Chunk) -> Looked:
        seen, off = Looked(), cleaning(self.off, chunk.languages)
        for raw, (pair, rule, names) in zip(chunk.pairs, self.treatment.judged(chunk), strict=True):
            for name in names:
                seen.repaired.add(name, _changed(raw, pair))
            seen.kept.append(not rule)
            if rule:
                seen.dropped.add(rule, pair)
                continue
            seen.keys.append(chunk.role.key(pair))
            seen.near.append(near_key(*pair) ^ chunk.role.apart)
            for name, check in off.checks:
                if check(*pair):
                    seen.off.add(name, pair)
            better, names, _ = off.repaired(*raw)
            for name in names:
                seen.off.add(name, _changed(raw, better))
        return seen


def _changed(before: Pair, after: Pair) -> Row:
    """A side that is another after it was repaired: the source, if both are."""
    side = fold(before[0]) == fold(after[0])
    return before[side], after[side]


@dataclass
class EntryLooked:
    """What was found out about an entry."""

    read: int = 0
    kept: int = 0
    """Pairs that break no rule on text; some of them may come twice."""
    dropped: Found = field(default_factory=Found)
    repaired: Found = field(default_factory=Found)
    off: Found = field(default_factory=Found)
    twice: dict[str, tuple[int, tuple[Sample, ...]]] = field(default_factory=dict)
    """Rule -> how many kept pairs stood before, and some of them, each after the one that it repeats."""

    def see(self, looked: Looked) -> None:
        """Count a chunk."""
        self.read += len(looked.kept)
        self.kept += len(looked.keys)
        self.dropped.merge(looked.dropped)
        self.repaired.merge(looked.repaired)
        self.off.merge(looked.off)


def look_at(text: TrainingText, look: Look, scratch: Path, share: Share) -> list[EntryLooked]:
    """Read a text; that of each entry.

    Args:
        scratch: a folder for what does not fit into RAM.
    """
    entries = [EntryLooked() for _ in text.entries]
    with (
        (scratch / "kept").open("wb") as kept,
        (scratch / "keys").open("wb") as keys,
        (scratch / "near").open("wb") as near,
        share(look) as each,
    ):
        for (_, some), entry in zip(chunks(text, scratch), entries, strict=True):
            for _, looked in each(some):
                entry.see(looked)
                kept.write(looked.kept)
                looked.keys.tofile(keys)
                looked.near.tofile(near)
    if any(entry.kept for entry in entries):
        _find_twice(text, entries, scratch)
    return entries


def _find_twice(text: TrainingText, entries: Sequence[EntryLooked], scratch: Path) -> None:
    """What of the kept pairs stood before, in all entries together."""
    flags = repeated(scratch / "keys")
    flags |= NEAR * repeated(scratch / "near")
    ends = np.cumsum([0] + [entry.kept for entry in entries])
    drawn: list[tuple[EntryLooked, str, int, list[tuple[int, int]]]] = []
    for entry, (start, end) in zip(entries, pairwise(map(int, ends)), strict=True):
        for rule, flag in TWICE.items():
            # What is equal is nearly equal, too; that counts where it is equal.
            mine = flags[start:end] & EQUAL if flag == EQUAL else flags[start:end] == NEAR
            places = start + np.flatnonzero(mine)
            some = np.unique(np.linspace(0, len(places) - 1, SAMPLES).astype(int)) if len(places) else places
            key = np.memmap(scratch / ("keys" if flag == EQUAL else "near"), np.uint64, "r")
            firsts = [(int(np.argmax(key == key[place])), int(place)) for place in places[some]]
            drawn.append((entry, rule, len(places), firsts))
    wanted = {place for *_, firsts in drawn for both in firsts for place in both}
    texts = _texts(text, np.memmap(scratch / "kept", np.uint8, "r"), wanted)
    for entry, rule, count, firsts in drawn:
        entry.twice[rule] = count, tuple((texts[first], texts[again]) for first, again in firsts)


def _texts(text: TrainingText, kept: NDArray[np.uint8], wanted: set[int]) -> dict[int, Pair]:
    """The kept pairs with some numbers, read again as far as it takes."""
    found: dict[int, Pair] = {}
    at = number = 0
    for entry in text.entries:
        for chunk in entry.chunks():
            if len(found) == len(wanted):
                return found
            flags = kept[at : at + len(chunk.pairs)].tobytes()
            mine = list(compress(chunk.pairs, flags))
            for place in wanted.intersection(range(number, number + len(mine))):
                found[place] = text.treatment.read(mine[place - number])
            at, number = at + len(chunk.pairs), number + len(mine)
    return found
