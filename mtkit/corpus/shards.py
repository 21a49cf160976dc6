"""Ids on disk in memory-mapped shards. Must not know where a corpus comes from, nor what it is used for.

A split (train, dev) is a row of parts, each with the name of the text that it was made of; a part is a row of shards. A
shard holds, for each side, all ids one after another and where each sentence starts. Reading maps the files, so that
RAM does not grow with the corpus.
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtkit import files
from mtkit.errors import DataError

SHARD_PAIRS = 1 << 18
SIDES = ("source", "target")
Ids = NDArray[Any]


@dataclass(frozen=True)
class ShardEntry:
    """What is known of a shard without opening it."""

    name: str
    """Of its files, but for their endings."""
    pairs: int
    source_pieces: int
    target_pieces: int


@dataclass(frozen=True)
class Part:
    """The pairs of a split that were made of one text."""

    name: str
    """Unique within the split."""
    entry: str
    """What the config says of the text; "": not known, or held out of train."""
    pairs: int
    shards: tuple[ShardEntry, ...]

    @classmethod
    def of(cls, name: str, entry: str, shards: Sequence[ShardEntry]) -> "Part":
        """A part of shards that were written."""
        return cls(name, entry, sum(shard.pairs for shard in shards), tuple(shards))


class ShardWriter:
    """Writes pairs of id lists into the numbered shards of a part.

    Args:
        name: what the names of the files begin with.
        vocab_sizes: of source and target; says how wide an id is.
    """

    def __init__(self, folder: Path, name: str, vocab_sizes: tuple[int, int], shard_pairs: int = SHARD_PAIRS) -> None:
        self._folder, self._name, self._shard_pairs = folder, name, shard_pairs
        self._types = [np.uint16 if size <= 1 << 16 else np.uint32 for size in vocab_sizes]
        # Compact arrays, since lists of a whole shard's ids would take gigabytes.
        self._ids = [array("H" if dtype is np.uint16 else "I") for dtype in self._types]
        self._lengths = [array("I"), array("I")]
        self._written: list[ShardEntry] = []

    def add(self, source: list[int], target: list[int]) -> None:
        """Append a pair of ids (without bos and eos)."""
        for side, ids in enumerate((source, target)):
            self._ids[side].extend(ids)
            self._lengths[side].append(len(ids))
        if len(self._lengths[0]) == self._shard_pairs:
            self._write()

    def close(self) -> tuple[ShardEntry, ...]:
        """Write what is pending; returns all shards."""
        if self._lengths[0]:
            self._write()
        return tuple(self._written)

    def _write(self) -> None:
        pairs = len(self._lengths[0])
        name = f"{self._name}-{len(self._written):05d}"
        pieces = []
        for side, ids, lengths, dtype in zip(SIDES, self._ids, self._lengths, self._types, strict=True):
            starts = np.zeros(pairs + 1, np.uint32)
            np.cumsum(np.array(lengths), out=starts[1:])
            np.save(self._folder / f"{name}.{side}.npy", np.array(ids, dtype))
            np.save(self._folder / f"{name}.{side}.starts.npy", starts)
            pieces.append(int(starts[-1]))
            del ids[:], lengths[:]
        self._written.append(ShardEntry(name, pairs, *pieces))


@dataclass(frozen=True)
class Side:
    """One side of a shard, memory-mapped."""

    ids: Ids
    starts: NDArray[np.uint32]

    def __getitem__(self, index: int) -> Ids:
        return self.ids[self.starts[index] : self.starts[index + 1]]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Pieces of each sentence, eos not counted."""
        starts = self.starts.astype(np.int64)
        return starts[1:] - starts[:-1]


@dataclass(frozen=True)
class Shard:
    """Some pairs of a part."""

    source: Side
    target: Side

    def __len__(self) -> int:
        return len(self.source.starts) - 1


@dataclass(frozen=True)
class Split:
    """All parts of a split; their shards are numbered through, and opened when used.

    Attributes:
        checksums: file -> its CRC-32, to be compared when it is read first; of what is not named nothing is known.
    """

    folder: Path
    parts: tuple[Part, ...]
    checksums: Mapping[str, str] = field(default_factory=dict)
    _checked: set[str] = field(default_factory=set, compare=False, repr=False)

    def __len__(self) -> int:
        return sum(part.pairs for part in self.parts)

    @cached_property
    def shards(self) -> list[ShardEntry]:
        """The shards of all parts, part after part."""
        return [shard for part in self.parts for shard in part.shards]

    @property
    def target_pieces(self) -> int:
        return sum(shard.target_pieces for shard in self.shards)

    @property
    def longest_source(self) -> int:
        """Pieces of the longest source."""
        return max((int(self.map(i).source.lengths.max()) for i in range(len(self.shards))), default=0)

    def open(self, number: int) -> Shard:
        """Map a shard whose ids are to be read.

        Raises:
            DataError: a file is missing or damaged.
        """
        for side in SIDES:
            self._check(number, f"{side}.npy")
        return self.map(number)

    def map(self, number: int) -> Shard:
        """Map a shard of which no more than the lengths are to be read: the ids of a large corpus are gigabytes.

        Raises:
            DataError: a file is missing or damaged.
        """
        name = self.shards[number].name
        for side in SIDES:
            self._check(number, f"{side}.starts.npy")
        try:
            sides = [
                Side(  # as a plain array: slices of a mapped one take ten times as long
                    np.load(self.folder / f"{name}.{side}.npy", mmap_mode="r").view(np.ndarray),
                    np.load(self.folder / f"{name}.{side}.starts.npy"),
                )
                for side in SIDES
            ]
        except (OSError, EOFError, ValueError) as error:
            raise self._unreadable(number, str(error)) from None
        return Shard(*sides)

    def _check(self, number: int, ending: str) -> None:
        """Compare a file of a shard with its checksum, once."""
        name = f"{self.shards[number].name}.{ending}"
        if name in self._checked or name not in self.checksums:
            return
        try:
            found = files.crc32(self.folder / name)
        except OSError as error:
            raise self._unreadable(number, str(error)) from None
        if found != self.checksums[name]:
            raise self._unreadable(number, f"{name} has changed: its checksum is not the one noted")
        self._checked.add(name)

    def _unreadable(self, number: int, why: str) -> DataError:
        return DataError(
            f"{self.folder}: shard {self.shards[number].name} cannot be read ({why}); "
            "remove the folder and run mtkit preprocess"
        )
