"""A prepared corpus: ids on disk in memory-mapped shards, described by a manifest.

A split (train, dev) is a row of shards; a shard holds, for each side, all ids one after another and where
each sentence starts. Reading maps the files, so that RAM does not grow with the corpus.
"""

import json
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtkit.errors import DataError

FORMAT = 1
SHARD_PAIRS = 1 << 18
SIDES = ("source", "target")
Ids = NDArray[Any]


class ShardWriter:
    """Writes pairs of id lists into numbered shards of a folder."""

    def __init__(self, folder: Path, split: str, vocab_sizes: tuple[int, int], shard_pairs: int = SHARD_PAIRS) -> None:
        self._folder, self._split, self._shard_pairs = folder, split, shard_pairs
        self._types = [np.uint16 if size <= 1 << 16 else np.uint32 for size in vocab_sizes]
        # Compact arrays, since lists of a whole shard's ids would take gigabytes.
        self._ids = [array("H" if dtype is np.uint16 else "I") for dtype in self._types]
        self._lengths = [array("I"), array("I")]
        self.shards: list[dict[str, Any]] = []
        """What the manifest says of each shard written so far."""

    def add(self, source: list[int], target: list[int]) -> None:
        """Append a pair of ids (without bos and eos)."""
        for side, ids in enumerate((source, target)):
            self._ids[side].extend(ids)
            self._lengths[side].append(len(ids))
        if len(self._lengths[0]) == self._shard_pairs:
            self.close()

    def close(self) -> None:
        """Write what is pending."""
        pairs = len(self._lengths[0])
        if not pairs:
            return
        name = f"{self._split}-{len(self.shards):05d}"
        entry: dict[str, Any] = {"name": name, "pairs": pairs}
        for side, ids, lengths, dtype in zip(SIDES, self._ids, self._lengths, self._types, strict=True):
            starts = np.zeros(pairs + 1, np.uint32)
            np.cumsum(np.array(lengths), out=starts[1:])
            np.save(self._folder / f"{name}.{side}.npy", np.array(ids, dtype))
            np.save(self._folder / f"{name}.{side}.starts.npy", starts)
            entry[f"{side}_pieces"] = int(starts[-1])
            del ids[:], lengths[:]
        self.shards.append(entry)


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
    """Some pairs of a split."""

    source: Side
    target: Side

    def __len__(self) -> int:
        return len(self.source.starts) - 1


class Split:
    """All shards of a split, opened when used."""

    def __init__(self, folder: Path, shards: list[dict[str, Any]]) -> None:
        self._folder, self._shards = folder, shards

    def __len__(self) -> int:
        return sum(shard["pairs"] for shard in self._shards)

    @property
    def shard_sizes(self) -> list[int]:
        return [shard["pairs"] for shard in self._shards]

    @property
    def target_pieces(self) -> int:
        return sum(shard["target_pieces"] for shard in self._shards)

    @property
    def longest_source(self) -> int:
        """Pieces of the longest source."""
        return max((int(self.open(i).source.lengths.max()) for i in range(len(self._shards))), default=0)

    def open(self, number: int) -> Shard:
        """Map a shard.

        Raises:
            DataError: a file is missing or damaged.
        """
        name = self._shards[number]["name"]
        try:
            sides = [
                Side(
                    np.load(self._folder / f"{name}.{side}.npy", mmap_mode="r"),
                    np.load(self._folder / f"{name}.{side}.starts.npy"),
                )
                for side in SIDES
            ]
        except (OSError, EOFError, ValueError) as error:
            raise DataError(
                f"{self._folder}: shard {name} cannot be read ({error}); remove the folder and run mtkit preprocess"
            ) from None
        return Shard(*sides)


@dataclass(frozen=True)
class Prepared:
    """A prepared corpus folder."""

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: Path) -> "Prepared":
        """Read the manifest.

        Raises:
            DataError: it is missing, damaged or of another version.
        """
        path = folder / "manifest.json"
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
            version = manifest["format_version"]
        except (OSError, ValueError, KeyError, TypeError):
            raise DataError(f"{path} is missing or damaged; remove {folder} and run mtkit preprocess") from None
        if version != FORMAT:
            raise DataError(f"{path} has format {version}, expected {FORMAT}; remove {folder} and run mtkit preprocess")
        return cls(folder, manifest)

    def split(self, name: str) -> Split:
        return Split(self.folder, self.manifest["splits"][name])

    @property
    def tokenizer_files(self) -> list[Path]:
        """One .model for both sides, or the source's and the target's."""
        return [self.folder / name for name in self.manifest["tokenizers"]]

    def dev_text(self) -> tuple[list[str], list[str]]:
        """The raw sources and references of dev, line by line."""
        sides = [(self.folder / f"dev.{side}.txt").read_bytes().decode().split("\n")[:-1] for side in SIDES]
        return sides[0], sides[1]
