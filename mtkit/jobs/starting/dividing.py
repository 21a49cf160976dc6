"""A text is read once: counted, and, where nothing is there to measure on, some of it held out, by hash of the source.

What is held out, and what is left to learn from, is written as line files into a folder beside the config.
"""

import heapq
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from mtkit import files, reading
from mtkit.config import digest
from mtkit.errors import ConfigError, DataError
from mtkit.jobs.starting.looking import Text
from mtkit.schema import Filter
from mtkit.text import filters
from mtkit.text.fold import fold
from mtkit.text.readers.reader import Pair, locate

NOTE = "divided.json"
LEAST = 20  # pairs that anything can be learnt from
HELD_OUT = (20, 2000)  # pairs, at least and at most: a hundredth of the text, and of little a tenth at most
RULES = filters.TextRules(Filter().max_chars, Filter().drop_copies)
VERSION = 1  # of how text is divided


@dataclass
class Counts:
    """What a text has.

    Attributes:
        read: pairs.
        usable: pairs of which both sides have text, and the like.
        characters: of source and target, of usable pairs.
    """

    read: int = 0
    usable: int = 0
    characters: list[int] = field(default_factory=lambda: [0, 0])

    def add(self, pair: Pair, usable: bool) -> None:
        """Count a pair."""
        self.read += 1
        if usable:
            self.usable += 1
            for side in (0, 1):
                self.characters[side] += len(pair[side])


class Smallest:
    """The smallest of many keys, each once."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._heap: list[int] = []  # of negated keys
        self._there: set[int] = set()

    def see(self, key: int) -> None:
        """Look at a key."""
        if key in self._there or (len(self._heap) == self._count and key > -self._heap[0]):
            return
        self._there.add(key)
        heapq.heappush(self._heap, -key)
        if len(self._heap) > self._count:
            self._there.remove(-heapq.heappop(self._heap))

    def least(self, count: int) -> frozenset[int]:
        """So many of them."""
        return frozenset(sorted(self._there)[:count])


@dataclass(frozen=True)
class Counted:
    """Texts that were read.

    Attributes:
        counts: of each.
        smallest: the smallest keys of sources of all of them.
    """

    counts: list[Counts]
    smallest: Smallest

    @property
    def usable(self) -> int:
        """Pairs of all texts."""
        return sum(one.usable for one in self.counts)


def count(texts: Sequence[Text], languages: Pair) -> Counted:
    """Read texts.

    Raises:
        DataError: one cannot be read.
    """
    counts, smallest = [], Smallest(HELD_OUT[1])
    for text in texts:
        one = Counts()
        for _, pair, usable in _pairs(text, languages):
            one.add(pair, usable)
            if usable:
                smallest.see(filters.key(pair[0]))
        counts.append(one)
    return Counted(counts, smallest)


def held_out(counted: Counted) -> frozenset[int]:
    """Keys of the sources that are held out to measure on.

    Raises:
        DataError: there is too little text.
    """
    total = counted.usable
    if total < LEAST:
        raise DataError(f"{total} pair(s) to learn from, expected {LEAST} or more: give more text")
    return counted.smallest.least(min(max(total // 100, HELD_OUT[0]), HELD_OUT[1], total // 10))


def divide(
    texts: Sequence[Text], names: Sequence[str], languages: Pair, held: frozenset[int], folder: Path, force: bool
) -> dict[str, int]:
    """Write what is left of each text under its name, and what is held out as "test"; what stands there is taken.

    Args:
        force: write over what was divided there before, of other text.

    Returns:
        The pairs of each.

    Raises:
        ConfigError: there is something else in that folder.
    """
    sums = [files.sha256(path) for text in texts for path in text.files]
    identity = digest(VERSION, list(names), list(languages), sums)
    found, pairs = _standing(folder)
    if found == identity:
        return pairs
    if folder.exists() and not found:
        raise ConfigError(f"{folder} is there, and is not what mtkit init divides text into: give it another name")
    if found and not force:
        raise ConfigError(f"{folder} holds other text that was divided before", remedy="force")
    pairs = dict.fromkeys(["test", *names], 0)
    with files.publish(folder) as path, ExitStack() as stack:
        parts = {name: _Written(path / name, languages, stack) for name in pairs}
        for text, name in zip(texts, names, strict=True):
            for raw, pair, usable in _pairs(text, languages):
                part = name if filters.key(pair[0]) not in held else "test" if usable else ""
                if part:
                    parts[part].add(raw)
                    pairs[part] += 1
        (path / NOTE).write_text(files.to_json({"identity": identity, "pairs": pairs}), encoding="utf-8")
    return pairs


def _standing(folder: Path) -> tuple[str, dict[str, int]]:
    """The identity of what was divided into a folder before, and its pairs; "": nothing was."""
    try:
        noted = reading.read_json(folder / NOTE)
        return str(noted["identity"]), {str(name): int(count) for name, count in noted["pairs"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "", {}


class _Written:
    """Two files with a sentence a line."""

    def __init__(self, prefix: Path, languages: Pair, stack: ExitStack) -> None:
        paths = [Path(f"{prefix}.{code}") for code in languages]
        opened = (path.open("w", encoding="utf-8", newline="") for path in paths)
        self._files = [stack.enter_context(file) for file in opened]

    def add(self, pair: Pair) -> None:
        for file, side in zip(self._files, pair, strict=True):
            file.write(side + "\n")


def _pairs(text: Text, languages: Pair) -> Iterator[tuple[Pair, Pair, bool]]:
    """Each pair as it was read and folded, and whether it can be learnt from."""
    for raw in locate(text.entry, *languages):
        pair = fold(raw[0]), fold(raw[1])
        yield raw, pair, not RULES.broken(*pair)
