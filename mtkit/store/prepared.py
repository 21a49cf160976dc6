"""A prepared corpus as it lies on disk: what its manifest and its report say, and how they are read again.

Must not know how a corpus is made, nor torch.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from mtkit import files
from mtkit.corpus.shards import SIDES, Part, Split
from mtkit.errors import DataError
from mtkit.store.format import Format

CORPUS = Format("corpus", 3, error=DataError)
"""In version 1 a split was one row of shards; versions 1 and 2 had no checksums."""
CORPUS_REPORT = Format("corpus report", 2, error=DataError)
"""Version 1 knew no parts, and did not say its version."""
MANIFEST, REPORT = "manifest.json", "report.json"
SHARD = ".npy"  # what the files of a shard end in
Counts = dict[str, int]
Samples = dict[str, list[tuple[str, str]]]


class Record(BaseModel):
    """Base of all that is noted here: frozen, and no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Manifest(Record):
    """What a prepared corpus holds, and what it was made of."""

    kind: Literal["corpus"] = "corpus"
    format_version: int
    mtkit_version: str = ""
    languages: tuple[str, str]
    fingerprint: str
    """Over config and text; names the folder."""
    identity: str
    """The same without the test sets: what a run depends on."""
    inputs: dict[str, str]
    """File -> sha256."""
    tokenizers: tuple[str, ...]
    """Files: one for both sides, or the source's and the target's."""
    splits: dict[Literal["train", "dev"], tuple[Part, ...]]
    """The parts of each split, in the order of `data.train`."""
    files: Counts
    """Name -> size in bytes."""
    checksums: dict[str, str] = {}
    """Name -> CRC-32 in hex, of every file but this one; none in a corpus of version 1 or 2."""


class SideLengths(Record):
    """Lengths of one side of a split, in pieces."""

    words: int
    pieces: int
    mean_pieces: float
    median_pieces: int
    p95_pieces: int
    max_pieces: int
    pieces_per_word: float
    share_of_byte_pieces: float


class Lengths(Record):
    """Lengths of a split or a part."""

    pairs: int
    target_to_source_pieces: float
    source: SideLengths
    target: SideLengths


class Overlap(Record):
    """Training pairs that share a side with dev or test."""

    source: int
    target: int
    pair: int


class CaseCopies(Record):
    """Copies of training pairs in other cases."""

    upper: int
    title: int
    dropped: Counts
    """Rule -> copies that broke it; those of pairs that were dropped themselves have gone with them."""


class PartReport(Record):
    """What became of one entry of `data.train`: pairs_read = pairs + dropped + held_out - copies."""

    name: str
    entry: str
    pairs_read: int
    pairs: int
    """Written, copies included."""
    held_out: int
    dropped: Counts
    """Rule -> pairs that broke it."""
    dropped_samples: Samples
    duplicates: int
    """Pairs that stood before, in this part or another."""
    lengths: Lengths
    case_copies: CaseCopies | None = None


class Report(Record):
    """The data report."""

    kind: Literal["corpus report"] = "corpus report"
    format_version: int
    mtkit_version: str = ""
    pairs_read: int
    pairs: Counts
    """Split -> pairs written."""
    held_out: bool
    """Whether dev was taken from train."""
    dropped: Counts
    dropped_samples: Samples
    share_dropped: float
    duplicates: int
    crlf_lines: Counts
    """File -> lines that ended in CRLF."""
    splits: dict[str, Lengths]
    train_overlap: dict[str, Overlap]
    vocab_size: tuple[int, int]
    case_copies: CaseCopies | None = None
    parts: tuple[PartReport, ...] = ()
    """A part each entry of `data.train`; none in a report of version 1."""


@dataclass(frozen=True)
class Prepared:
    """A prepared corpus folder."""

    folder: Path
    manifest: Manifest

    @classmethod
    def open(cls, folder: Path) -> "Prepared":
        """Read the manifest, and compare all that is small with its checksum; shards are, when they are read.

        Raises:
            DataError: it is missing, damaged, of a newer version or something else; or another file is damaged.
        """
        found = cls(folder, _read(folder / MANIFEST, Manifest))
        for name, expected in found.manifest.checksums.items():
            if not name.endswith(SHARD):
                _check(folder / name, expected)
        return found

    @staticmethod
    def is_complete(folder: Path) -> bool:
        """Whether a folder has a manifest and all files that this names, as large as they were.

        Raises:
            DataError: the manifest is damaged, of a newer version or something else.
        """
        if not (folder / MANIFEST).exists():
            return False
        sizes = _read(folder / MANIFEST, Manifest).files
        return all((path := folder / name).is_file() and path.stat().st_size == size for name, size in sizes.items())

    def report(self) -> Report:
        """Read the data report.

        Raises:
            DataError: it is missing, damaged, of a newer version or something else.
        """
        return _read(self.folder / REPORT, Report)

    def split(self, name: Literal["train", "dev"]) -> Split:
        return Split(self.folder, self.manifest.splits[name], self.manifest.checksums)

    @property
    def tokenizer_files(self) -> list[Path]:
        """One .model for both sides, or the source's and the target's."""
        return [self.folder / name for name in self.manifest.tokenizers]

    def dev_text(self) -> tuple[list[str], list[str]]:
        """The raw sources and references of dev, line by line."""
        sides = [(self.folder / f"dev.{side}.txt").read_bytes().decode().split("\n")[:-1] for side in SIDES]
        return sides[0], sides[1]


Read = TypeVar("Read", Manifest, Report)


def _damaged(path: Path) -> DataError:
    return DataError(f"{path} is missing or damaged; remove {path.parent} and run mtkit preprocess")


def _check(path: Path, expected: str) -> None:
    try:
        found = files.crc32(path)
    except OSError:
        raise _damaged(path) from None
    if found != expected:
        raise _damaged(path)


def _read(path: Path, kind: type[Read]) -> Read:
    damaged = _damaged(path)
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise damaged from None
    form, unversioned = (CORPUS, None) if kind is Manifest else (CORPUS_REPORT, 1)
    version = form.check(table, path, unversioned)
    try:
        return kind.model_validate(_upgraded(table) if version == 1 else table)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise damaged from None


def _upgraded(table: dict[str, Any]) -> dict[str, Any]:
    """A manifest or report of version 1 as one of this version: of the texts of a split nothing was noted."""
    splits = table["splits"]
    if "tokenizers" in table:
        splits = {
            name: [{"name": name, "entry": "", "pairs": sum(shard["pairs"] for shard in shards), "shards": shards}]
            for name, shards in splits.items()
        }
    return table | {"format_version": CORPUS.version, "splits": splits}
