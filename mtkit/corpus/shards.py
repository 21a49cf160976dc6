"""Ids on disk in memory-mapped shards. Must not know where a corpus comes from, nor what it is used for.

A split (train, dev) is a row of parts, each with the name of the text that it was made of; a part is a row of shards. A
shard holds, for each side, all ids one after another and where each sentence starts. Reading maps the files, so that
RAM does not grow with the corpus.
"""

import re
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtkit import files, reading
from mtkit.errors import DataError

SHARD_PAIRS = 1 << 18
SIDES = ("source", "target")
Ids = NDArray[Any]
# The head of a .npy file of a row of unsigned numbers, which is all that is written here: nothing of it is evaluated.
HEADER_BYTES = 1024
HEADER = re.compile(
    rb"\x93NUMPY\x01\x00(..)\{'descr': '<(u[24])', 'fortran_order': False, 'shape': \((\d{1,15}),\), \} *\n", re.DOTALL
)


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
    tag: str = ""
    """What stands before its sources; "": nothing."""
    symbol: str = ""
    """The piece that each of its sources begins with, for the tag."""
    languages: tuple[str, str] | None = None
    """Of its sources and targets; None: those of the corpus."""

    @classmethod
    def of(cls, name: str, entry: str, shards: Sequence[ShardEntry], **more: Any) -> "Part":
        """A part of shards that were written; `more`: what is said of it besides."""
        return cls(name, entry, sum(shard.pairs for shard in shards), tuple(shards), **more)


@dataclass(frozen=True)
class Row:
    """Sentences of one side, all ids one after another: lists of a whole shard's would take gigabytes."""

    ids: "array[int]"
    lengths: "array[int]" = field(default_factory=lambda: array("I"))

    @classmethod
    def of(cls, vocab_size: int) -> "Row":
        """An empty one; the size of the vocabulary says how wide an id is."""
        return cls(array("H" if vocab_size <= 1 << 16 else "I"))

    def add(self, ids: Sequence[int]) -> None:
        """Append a sentence."""
        self.ids.extend(ids)
        self.lengths.append(len(ids))


class ShardWriter:
    """Writes pairs of id lists into the numbered shards of a part.

    Args:
        name: what the names of the files begin with.
        vocab_sizes: of source and target; says how wide an id is.
    """

    def __init__(self, folder: Path, name: str, vocab_sizes: tuple[int, int], shard_pairs: int = SHARD_PAIRS) -> None:
        self._folder, self._name, self._shard_pairs = folder, name, shard_pairs
        self._types = [np.uint16 if size <= 1 << 16 else np.uint32 for size in vocab_sizes]
        self._sides = (Row.of(vocab_sizes[0]), Row.of(vocab_sizes[1]))
        self._written: list[ShardEntry] = []

    def add(self, source: list[int], target: list[int]) -> None:
        """Append a pair of ids (without bos and eos)."""
        for side, ids in zip(self._sides, (source, target), strict=True):
            side.add(ids)
        if len(self._sides[0].lengths) == self._shard_pairs:
            self._write()

    def extend(self, source: Row, target: Row) -> None:
        """Append pairs, of vocabularies as large as this writer's."""
        first, count, begun = 0, len(source.lengths), [0, 0]
        while first < count:
            last = min(count, first + self._shard_pairs - len(self._sides[0].lengths))
            for number, (side, more) in enumerate(zip(self._sides, (source, target), strict=True)):
                lengths = more.lengths[first:last]
                end = begun[number] + sum(lengths)
                side.ids.extend(more.ids[begun[number] : end])
                side.lengths.extend(lengths)
                begun[number] = end
            first = last
            if len(self._sides[0].lengths) == self._shard_pairs:
                self._write()

    def close(self) -> tuple[ShardEntry, ...]:
        """Write what is pending; returns all shards."""
        if self._sides[0].lengths:
            self._write()
        return tuple(self._written)

    def _write(self) -> None:
        pairs = len(self._sides[0].lengths)
        name = f"{self._name}-{len(self._written):05d}"
        pieces = []
        for side, row, dtype in zip(SIDES, self._sides, self._types, strict=True):
            starts = np.zeros(pairs + 1, np.uint32)
            np.cumsum(np.array(row.lengths), out=starts[1:])
            _write(self._folder / f"{name}.{side}.npy", np.array(row.ids, dtype))
            _write(self._folder / f"{name}.{side}.starts.npy", starts)
            pieces.append(int(starts[-1]))
            del row.ids[:], row.lengths[:]
        self._written.append(ShardEntry(name, pairs, *pieces))


def _write(path: Path, numbers: NDArray[Any]) -> None:
    """Write a row of numbers as a .npy file; numpy itself does not say of a full disk that it is full."""
    with files.as_os_error(path), path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(numbers))
        file.write(numbers.data)


def _map(path: Path, kinds: Sequence[str], count: int) -> NDArray[Any]:
    """Map a .npy file of a row of so many numbers.

    Raises:
        FileNotFoundError, Unreadable: there is none, or it holds something else.
    """
    size = reading.size(path)
    with reading.opened(path, size) as file:
        found = HEADER.match(file.read(HEADER_BYTES))
    if not found or found.end() != 10 + int.from_bytes(found[1], "little"):
        raise reading.Unreadable(f"{path} is no .npy file of a row of whole numbers")
    kind, length = found[2].decode(), int(found[3])
    if kind not in kinds or length != count:
        raise reading.Unreadable(f"{path} has {length:,} numbers of type {kind}, expected {count:,} of {kinds[0]}")
    dtype = np.dtype(kind)
    if size != found.end() + count * dtype.itemsize:
        raise reading.Unreadable(f"{path} has {size:,} bytes, expected {found.end() + count * dtype.itemsize:,}")
    # As a plain array: slices of a mapped one take ten times as long.
    return np.memmap(path, dtype, "r", found.end(), (count,)).view(np.ndarray)


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
        vocab_sizes: of source and target, if ids are to be held against them.
        longest: pieces of the longest sentence; 0: any.
    """

    folder: Path
    parts: tuple[Part, ...]
    checksums: Mapping[str, str] = field(default_factory=dict)
    vocab_sizes: tuple[int, int] | None = None
    longest: int = 0
    _checked: set[str] = field(default_factory=set, compare=False, repr=False)
    _seen: set[tuple[str, int]] = field(default_factory=set, compare=False, repr=False)

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
        shard = self.map(number)
        if self.vocab_sizes and ("ids", number) not in self._seen:
            for some, name, size in zip((shard.source, shard.target), SIDES, self.vocab_sizes, strict=True):
                if len(some.ids) and (largest := int(some.ids.max())) >= size:
                    raise self._unreadable(number, f"{name} has the id {largest:,}, expected less than {size:,}")
            self._seen.add(("ids", number))
        return shard

    def map(self, number: int) -> Shard:
        """Map a shard of which no more than the lengths are to be read: the ids of a large corpus are gigabytes.

        Raises:
            DataError: a file is missing or damaged.
        """
        shard = self.shards[number]
        for side in SIDES:
            self._check(number, f"{side}.starts.npy")
        try:
            sides = [
                Side(
                    _map(reading.member(self.folder, f"{shard.name}.{side}.npy"), ("u2", "u4"), pieces),
                    np.array(
                        _map(reading.member(self.folder, f"{shard.name}.{side}.starts.npy"), ("u4",), shard.pairs + 1)
                    ),
                )
                for side, pieces in zip(SIDES, (shard.source_pieces, shard.target_pieces), strict=True)
            ]
        except (OSError, ValueError) as error:
            raise self._unreadable(number, str(error)) from None
        self._check_numbers(number, sides)
        return Shard(*sides)

    def within(self, vocab_sizes: tuple[int, int], longest: int = 0) -> "Split":
        """The same, whose ids and lengths are held against what they are to be, when they are read first.

        Args:
            vocab_sizes: of source and target.
            longest: pieces of the longest sentence; 0: any.
        """
        return replace(self, vocab_sizes=vocab_sizes, longest=longest, _seen=set())

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

    def _check_numbers(self, number: int, sides: Sequence[Side]) -> None:
        """Refuse starts that are none, once."""
        if ("starts", number) in self._seen:
            return
        for side, name in zip(sides, SIDES, strict=True):
            lengths = side.lengths
            if side.starts[0] or side.starts[-1] != len(side.ids) or (len(lengths) and lengths.min() < 0):
                raise self._unreadable(
                    number, f"{name} has starts that do not rise from 0 to its {len(side.ids):,} ids"
                )
            if self.longest and len(lengths) and lengths.max() > self.longest:
                raise self._unreadable(
                    number, f"{name} has a sentence of {lengths.max():,} pieces, expected at most {self.longest:,}"
                )
        self._seen.add(("starts", number))

    def _unreadable(self, number: int, why: str) -> DataError:
        return DataError(
            f"{self.folder}: shard {self.shards[number].name} cannot be read ({why}); "
            "remove the folder and run mtkit preprocess"
        )
