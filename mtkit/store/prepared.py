"""A prepared corpus as it lies on disk: what its manifest and its report say, and how they are read again.

Must not know how a corpus is made, nor torch.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from mtkit import files, reading
from mtkit.corpus.shards import SIDES, Part, Split
from mtkit.errors import DataError
from mtkit.store.bundle_config import TagFacts
from mtkit.store.format import Format
from mtkit.store.typed import Count, FileName, Language, parsed

CORPUS = Format("corpus", 3, error=DataError)
"""In version 1 a split was one row of shards; versions 1 and 2 had no checksums."""
CORPUS_REPORT = Format("corpus report", 3, error=DataError)
"""Version 1 knew no parts, and did not say its version; versions 1 and 2 had the overlap with test, and no warnings."""
TEST_REPORT = Format("test report", 1, error=DataError)
MANIFEST, REPORT = "manifest.json", "report.json"
SHARD = ".npy"  # what the files of a shard end in
MOST = 1 << 32  # pieces of a shard: starts have 32 bits
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
    languages: tuple[Language, Language]
    identity: Annotated[str, Field(max_length=64)]
    """Over config and text, but for test sets; names the folder, and is what a run depends on."""
    inputs: dict[str, str]
    """File -> sha256."""
    tokenizers: Annotated[tuple[FileName, ...], Field(min_length=1, max_length=2)]
    """Files: one for both sides, or the source's and the target's."""
    splits: dict[Literal["train", "dev"], tuple[Part, ...]]
    """The parts of each split, in the order of `data.train`."""
    files: dict[FileName, Count]
    """Name -> size in bytes."""
    checksums: dict[FileName, Annotated[str, Field(pattern="^[0-9a-f]{8}$")]] = {}
    """Name -> CRC-32 in hex, of every file but this one; none in a corpus of version 1 or 2."""

    @model_validator(mode="after")
    def _agree(self) -> "Manifest":
        if len(self.splits) < 2:
            raise ValueError("splits train and dev")
        parts = [part for split in self.splits.values() for part in split]
        for part in parts:
            try:
                told = _told(part, self.languages)
            except ValueError:
                raise ValueError(f"a tag, its symbol and its languages of part {reading.shown(part.name)}") from None
            if bool(told.name) != bool(told.symbol):
                raise ValueError(f"a tag with a symbol, or neither, of part {reading.shown(part.name)}")
            if part.pairs != sum(shard.pairs for shard in part.shards):
                raise ValueError(f"part {reading.shown(part.name)} with as many pairs as its shards have together")
            for shard in part.shards:
                if not reading.plain(shard.name):
                    raise ValueError(f"names of files without folders, not {reading.shown(shard.name)}")
                if not (
                    1 <= shard.pairs <= MOST and 0 <= shard.source_pieces < MOST and 0 <= shard.target_pieces < MOST
                ):
                    raise ValueError(f"counts of shard {reading.shown(shard.name)} from 0 on, and pairs from 1")
        if self.checksums and (missing := {name for name in self.files if name != MANIFEST} - self.checksums.keys()):
            raise ValueError(f"a checksum of {reading.shown(min(missing))}")
        return self


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
    """What a text of dev or test has in common with train."""

    source: int
    """Training pairs whose source is one of that text's."""
    target: int
    pair: int
    found: int = 0
    """Pairs of that text that stand in train."""
    found_source: int = 0
    """Its pairs whose source does."""
    of: int = 0
    """Its pairs; in reports of before, these three were not counted."""


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
    repaired: Counts | None = None
    """By what repaired them: pairs; None: nothing was to repair."""
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
    repaired: Counts | None = None
    repaired_samples: Samples | None = None
    """A side before and after."""
    share_dropped: float
    duplicates: int
    crlf_lines: Counts
    """File -> lines that ended in CRLF."""
    folded: int = 0
    """Pairs of the training text that folding changed; not counted in reports of before."""
    splits: dict[str, Lengths]
    train_overlap: dict[str, Overlap]
    vocab_size: tuple[int, int]
    case_copies: CaseCopies | None = None
    parts: tuple[PartReport, ...] = ()
    """A part each entry of `data.train`; none in a report of version 1."""
    warnings: tuple[str, ...] = ()
    """What was odd about the text."""


class TestReport(Record):
    """What the test sets of a config have in common with train; beside the data report, since others may follow."""

    __test__: ClassVar[bool] = False  # for pytest

    kind: Literal["test report"] = "test report"
    format_version: int
    mtkit_version: str = ""
    inputs: dict[str, str]
    """File -> sha256."""
    overlap: dict[str, Overlap]
    """Test set -> what of it is there."""
    warnings: tuple[str, ...] = ()


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
                _check(folder, name, expected)
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

    def test_report(self, name: str) -> TestReport | None:
        """Read a report on test sets, if there is one that can be read: it is made again in moments."""
        try:
            return _read(self.folder / name, TestReport)
        except DataError:
            return None

    def split(self, name: Literal["train", "dev"]) -> Split:
        return Split(self.folder, self.manifest.splits[name], self.manifest.checksums)

    @property
    def tags(self) -> list[TagFacts]:
        """All that a model learns on it to be told, first what it takes where nothing is said; []: nothing."""
        own = self.manifest.languages
        made = dict[str, TagFacts]()
        for part in self.manifest.splits["train"]:
            made.setdefault(part.tag, _told(part, own))
        return sorted(made.values(), key=lambda tag: tag.languages != own) if any(made) else []

    @property
    def tokenizer_files(self) -> list[Path]:
        """One .model for both sides, or the source's and the target's."""
        return [self.folder / name for name in self.manifest.tokenizers]

    def dev_text(self) -> tuple[list[str], list[str]]:
        """The raw sources and references of dev, line by line."""
        pairs = sum(part.pairs for part in self.manifest.splits["dev"])
        sides = []
        for side in SIDES:
            name = f"dev.{side}.txt"
            path = self.folder / name
            try:
                found = reading.read_bytes(reading.member(self.folder, name), self.manifest.files.get(name, MOST))
                sides.append(found.decode().split("\n")[:-1])
            except (OSError, ValueError) as error:
                raise _damaged(path, str(error)) from None
            if len(sides[-1]) != pairs:
                raise _damaged(path, f"{len(sides[-1]):,} lines, expected {pairs:,}")
        return sides[0], sides[1]


Read = TypeVar("Read", Manifest, Report, TestReport)
FORMATS: dict[type[Record], Format] = {Manifest: CORPUS, Report: CORPUS_REPORT, TestReport: TEST_REPORT}


def _told(part: Part, own: tuple[str, str]) -> TagFacts:
    """What stands before the sources of a part."""
    return TagFacts(name=part.tag, symbol=part.symbol, languages=part.languages or own)


def _damaged(path: Path, why: str = "") -> DataError:
    said = f" ({reading.line(why)})" if why else ""
    return DataError(f"{path} is missing or damaged; remove {path.parent} and run mtkit preprocess{said}")


def _check(folder: Path, name: str, expected: str) -> None:
    try:
        found = files.crc32(reading.member(folder, name))
    except (OSError, reading.Unreadable) as error:
        raise _damaged(folder / name, str(error)) from None
    if found != expected:
        raise _damaged(folder / name, "its checksum is not the one noted")


def _read(path: Path, kind: type[Read]) -> Read:
    try:
        table = reading.read_json(path)
    except FileNotFoundError:
        raise _damaged(path) from None
    except reading.Unreadable as error:
        raise _damaged(path, str(error)) from None
    version = FORMATS[kind].check(table, path, unversioned=1 if kind is Report else None)
    try:
        now = table if version == FORMATS[kind].version else _upgraded(table, version)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _damaged(path, "as one of an earlier version") from None
    try:
        return parsed(TypeAdapter(kind), now, path.name)
    except reading.Unreadable as error:
        raise _damaged(path, str(error)) from None


def _upgraded(table: dict[str, Any], version: int) -> dict[str, Any]:
    """A manifest or report of an earlier version as one of this: in 1 nothing was noted of the texts of a split, and
    until 2 a fingerprint over test sets, too, named the folder."""
    splits = table["splits"]
    if "tokenizers" in table and version == 1:
        splits = {
            name: [{"name": name, "entry": "", "pairs": sum(shard["pairs"] for shard in shards), "shards": shards}]
            for name, shards in splits.items()
        }
    known = {key: value for key, value in table.items() if key != "fingerprint"}
    return known | {"format_version": CORPUS.version, "splits": splits}
