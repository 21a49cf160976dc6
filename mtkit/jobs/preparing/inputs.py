"""The text that a config names: where it is, what it is called, and its fingerprint."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mtkit import files
from mtkit.config import Loaded, digest
from mtkit.errors import DataError
from mtkit.jobs import texts
from mtkit.jobs.preparing.chunks import Chunk, Role, Treatment, cut
from mtkit.jobs.texts import Use
from mtkit.schema import Config, Tag
from mtkit.store.prepared import Prepared
from mtkit.text import filters, fold
from mtkit.text.readers.reader import Reader

PREPARED = 3
"""Of how text is prepared: goes up where the same text and settings come out in another way."""


@dataclass(frozen=True)
class Entry:
    """An entry of data.train."""

    name: str
    """The last component of its path, made unique."""
    entry: str
    """Its path, as the config says it."""
    reader: Reader
    tag: Tag
    symbol: str
    """The reserved piece of the tag; "": none stands before its sources."""
    measures: bool
    """Whether a model is validated on what is held out of it."""
    scores: Path | None = None
    """What a model says of its pairs."""

    @property
    def role(self) -> Role:
        """What it is for."""
        return Role(self.tag.name, int(self.reader.turned), self.measures)

    def chunks(self) -> Iterator[Chunk]:
        """Read it."""
        return cut(self.reader, self.entry, self.role, self.tag.languages)


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

    @property
    def symbols(self) -> dict[str, str]:
        """The reserved piece of each tag."""
        return {entry.tag.name: entry.symbol for entry in self.entries if entry.symbol}


@dataclass(frozen=True)
class Corpus:
    """All text of a config, found on disk."""

    train: TrainingText
    dev: tuple[Use, ...]
    """None: some of train is held out."""
    test: tuple[Use, ...]
    directions: tuple[Tag, ...]
    """Of each pair of languages the tag that is taken where none is said; first that of the model."""
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
    data = config.data
    symbols = texts.symbols(loaded)
    train = texts.trained(loaded)
    dev, test = texts.used(loaded, data.dev), texts.used(loaded, data.test)
    models = [loaded.path(name) for name in config.tokenizer.model]
    for path in models:
        if not path.is_file():
            raise DataError(f"{path} does not exist; tokenizer.model expects a SentencePiece .model file")
    scores = [loaded.path(name) for name in config.filter.score] if config.filter.worst else []
    for path in scores:
        if not path.is_file():
            raise DataError(f"{path} does not exist; filter.score expects what mtkit score writes")
    given = [path for part in [*train, *(use.reader for use in dev)] for path in part.files]
    hashes = _hashes(given + models + scores)
    test_hashes = _hashes([path for use in test for path in use.reader.files])
    sums = [value for _, value in hashes]
    settings = [data.prepared(), config.filter.prepared(), config.tokenizer.prepared()]
    versions: dict[str, Any] = {"fold": fold.VERSION, "prepared": PREPARED}
    identity = digest(settings, sums, versions | ({"tags": symbols} if symbols else {}))
    root, prefix = loaded.folder / "prepared", "-".join(data.own)
    earlier, fingerprint = _earlier(config, settings, sums, [value for _, value in test_hashes])
    paths = [text.path for text in data.train]
    likelihoods: Sequence[Path | None] = scores or [None] * len(train)
    entries = [
        Entry(name, text.path, reader, tag := data.tag(text), symbols.get(tag.name, ""), tag in data.directions, likely)
        for name, text, reader, likely in zip(texts.names(paths), data.train, train, likelihoods, strict=True)
    ]
    rules = filters.TextRules(config.filter.max_chars, config.filter.drop_copies)
    treatment = Treatment(rules, data.case_augment, tuple(config.filter.cleaning().items()))
    return Corpus(
        TrainingText(tuple(entries), treatment, config.filter.worst),
        tuple(dev),
        tuple(test),
        tuple(data.directions),
        identity,
        {shown(path): value for path, value in hashes},
        {shown(path): value for path, value in test_hashes},
        root / f"{prefix}-{identity}",
        (earlier, root / f"{prefix}-{fingerprint}"),
    )


def _hashes(paths: Sequence[Path]) -> list[tuple[Path, str]]:
    sums = {path: files.sha256(path) for path in dict.fromkeys(paths)}  # a text of two directions is read once for it
    return [(path, sums[path]) for path in paths]


def _earlier(config: Config, settings: list[Any], sums: list[str], test_sums: list[str]) -> tuple[str, str]:
    """What the text was known by before corpora had checksums, and what its folder was called."""
    data, rules, tokenizer = settings
    tokenizer = tokenizer | {"vocab_size": tokenizer["vocab_size"] or 8000}  # as it was where nobody asked for another
    identity = digest([data, rules, tokenizer], sums)
    if len(config.data.train) > 1:  # an order of training that format 1, whose corpora have no parts, did not have
        identity = digest(identity, "parts")
    return identity, digest([data, rules, tokenizer], sums, [text.path for text in config.data.test], test_sums)


def shown(path: Path) -> str:
    """A file as reports and cards name it: with its folder, since names alone repeat, and without the rest."""
    return f"{path.parent.name}/{path.name}"


def standing(corpus: Corpus) -> Prepared | None:
    """The prepared corpus if it is there and whole."""
    return Prepared.open(corpus.folder) if Prepared.is_complete(corpus.folder) else None


def usable(corpus: Corpus) -> Prepared | None:
    """The prepared corpus, or else what an earlier mtkit made of the same text."""
    return standing(corpus) or (standing(corpus.known_as(corpus.earlier[0])) if corpus.earlier else None)
