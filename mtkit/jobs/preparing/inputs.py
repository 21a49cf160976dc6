"""The text that a config names: where it is, what it is called, and its fingerprint."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mtkit import files
from mtkit.config import Loaded, digest
from mtkit.errors import DataError
from mtkit.jobs.preparing.chunks import Chunk, Treatment, cut
from mtkit.schema import Config
from mtkit.store.prepared import Prepared
from mtkit.text import filters, fold
from mtkit.text.readers.reader import Reader, locate

PREPARED = 3
"""Of how text is prepared: goes up where the same text and settings come out in another way."""


@dataclass(frozen=True)
class Entry:
    """An entry of data.train."""

    name: str
    """The last component of its path, made unique."""
    entry: str
    """As the config says it."""
    reader: Reader
    scores: Path | None = None
    """What a model says of its pairs."""

    def chunks(self) -> Iterator[Chunk]:
        """Read it."""
        return cut(self.reader, self.entry, self.reader.languages)


@dataclass(frozen=True)
class TrainingText:
    """The training text, entry by entry, and what is done to each of its pairs."""

    entries: tuple[Entry, ...]
    treatment: Treatment
    worst: float = 0.0
    """Share of the pairs that go for their scores."""

    @property
    def files(self) -> list[Path]:
        """What is read."""
        return [path for entry in self.entries for path in entry.reader.files]


@dataclass(frozen=True)
class Corpus:
    """All text of a config, found on disk."""

    train: TrainingText
    dev: Reader | None
    test: dict[str, Reader]
    """What each test set is called -> its text."""
    identity: str
    """Eight hex digits over [data] but its test sets, [filter], [tokenizer] and the contents of every file of these:
    what is prepared and what a run depends on."""
    hashes: dict[str, str]
    """File name -> sha256."""
    test_hashes: dict[str, str]
    folder: Path
    """Where it is prepared."""
    earlier: tuple[str, Path] | None
    """Identity and folder by which earlier versions of mtkit knew the same text; None: this one is known by these."""

    def known_as(self, identity: str) -> "Corpus":
        """The corpus as a run has it: that of an earlier mtkit is read for the runs that were begun on it."""
        if self.earlier is None or identity != self.earlier[0]:
            return self
        return replace(self, identity=identity, folder=self.earlier[1], earlier=None)


def find(loaded: Loaded) -> Corpus:
    """Locate and fingerprint the text of a config.

    Raises:
        DataError: a file does not exist.
    """
    config = loaded.config
    languages = (config.data.source_lang, config.data.target_lang)

    def reader(name: str) -> Reader:
        return locate(loaded.path(name), *languages)

    train = [reader(name) for name in config.data.train]
    dev = reader(config.data.dev) if config.data.dev else None
    test = [reader(name) for name in config.data.test]
    models = [loaded.path(name) for name in config.tokenizer.model]
    for path in models:
        if not path.is_file():
            raise DataError(f"{path} does not exist; tokenizer.model expects a SentencePiece .model file")
    scores = [loaded.path(name) for name in config.filter.score] if config.filter.worst else []
    for path in scores:
        if not path.is_file():
            raise DataError(f"{path} does not exist; filter.score expects what mtkit score --scores writes")
    hashes = _hashes([path for part in [*train, *([dev] if dev else [])] for path in part.files] + models + scores)
    test_hashes = _hashes([path for part in test for path in part.files])
    sums = [value for _, value in hashes]
    settings = [config.data.prepared(), config.filter.prepared(), config.tokenizer.prepared()]
    identity = digest(settings, sums, {"fold": fold.VERSION, "prepared": PREPARED})
    root, prefix = loaded.folder / "prepared", "-".join(languages)
    earlier, fingerprint = _earlier(config, settings, sums, [value for _, value in test_hashes])
    scored: list[Path | None] = [*scores] or [None] * len(train)
    entries = zip(names(config.data.train), config.data.train, train, scored, strict=True)
    rules = filters.TextRules(config.filter.max_chars, config.filter.drop_copies)
    treatment = Treatment(rules, config.data.case_augment, tuple(config.filter.cleaning().items()))
    return Corpus(
        TrainingText(tuple(Entry(*entry) for entry in entries), treatment, config.filter.worst),
        dev,
        dict(zip(names(config.data.test), test, strict=True)),
        identity,
        {shown(path): value for path, value in hashes},
        {shown(path): value for path, value in test_hashes},
        root / f"{prefix}-{identity}",
        (earlier, root / f"{prefix}-{fingerprint}"),
    )


def _hashes(paths: Sequence[Path]) -> list[tuple[Path, str]]:
    return [(path, files.sha256(path)) for path in paths]


def _earlier(config: Config, settings: list[Any], sums: list[str], test_sums: list[str]) -> tuple[str, str]:
    """What the text was known by before corpora had checksums, and what its folder was called."""
    data, rules, tokenizer = settings
    tokenizer = tokenizer | {"vocab_size": tokenizer["vocab_size"] or 8000}  # as it was where nobody asked for another
    identity = digest([data, rules, tokenizer], sums)
    if len(config.data.train) > 1:  # an order of training that format 1, whose corpora have no parts, did not have
        identity = digest(identity, "parts")
    return identity, digest([data, rules, tokenizer], sums, config.data.test, test_sums)


def names(entries: Sequence[str]) -> list[str]:
    """What the parts of a corpus are called: the last component of each path, numbered where one was there before."""
    given: list[str] = []
    for entry in entries:
        name = last = Path(entry.rpartition(":")[2]).name or entry
        number = 2
        while name in given:
            name, number = f"{last}-{number}", number + 1
        given.append(name)
    return given


def shown(path: Path) -> str:
    """A file as reports and cards name it: with its folder, since names alone repeat, and without the rest."""
    return f"{path.parent.name}/{path.name}"


def standing(corpus: Corpus) -> Prepared | None:
    """The prepared corpus if it is there and whole."""
    return Prepared.open(corpus.folder) if Prepared.is_complete(corpus.folder) else None


def usable(corpus: Corpus) -> Prepared | None:
    """The prepared corpus, or else what an earlier mtkit made of the same text."""
    return standing(corpus) or (standing(corpus.known_as(corpus.earlier[0])) if corpus.earlier else None)
