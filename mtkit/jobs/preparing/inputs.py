"""The text that a config names: where it is, what it is called, and its fingerprint."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mtkit import files
from mtkit.config import Loaded, digest
from mtkit.errors import DataError
from mtkit.store.prepared import Prepared
from mtkit.text import case, filters
from mtkit.text.readers.reader import Pair, Reader, locate


@dataclass(frozen=True)
class Entry:
    """An entry of data.train."""

    name: str
    """The last component of its path, made unique."""
    entry: str
    """As the config says it."""
    reader: Reader


@dataclass(frozen=True)
class TrainingText:
    """The training text, entry by entry, and the rules on it that need no tokenizer."""

    entries: tuple[Entry, ...]
    rules: filters.TextRules
    case_augment: float

    def judged(self, entry: Entry) -> Iterator[tuple[Pair, str | None]]:
        """Read an entry: each pair, and the rule that it breaks."""
        for pair in entry.reader:
            yield pair, self.rules.broken(*pair)

    def copies(self, pair: Pair) -> list[tuple[str, Pair]]:
        """The copies of a training pair in other cases, each with the name of its case."""
        return list(case.copies(pair, self.case_augment))


@dataclass(frozen=True)
class Corpus:
    """All text of a config, found on disk."""

    train: TrainingText
    dev: Reader | None
    test: list[Reader]
    fingerprint: str
    """Eight hex digits over [data], [filter], [tokenizer] and the contents of every file."""
    identity: str
    """The same without the test sets: what a run depends on."""
    hashes: dict[str, str]
    """File name -> sha256."""
    folder: Path
    """Where it is prepared."""


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
    settings = [config.data.model_dump(exclude={"test"}), config.filter.model_dump(), config.tokenizer.prepared()]
    named = [path for part in [*train, *([dev] if dev else [])] for path in part.files] + models
    sums = [files.sha256(path) for path in named]
    test_files = [path for part in test for path in part.files]
    test_sums = [files.sha256(path) for path in test_files]
    fingerprint = digest(settings, sums, config.data.test, test_sums)
    identity = digest(settings, sums)
    if len(train) > 1:  # an order of training that format 1, whose corpora have no parts, did not have
        identity = digest(identity, "parts")
    entries = zip(names(config.data.train), config.data.train, train, strict=True)
    return Corpus(
        TrainingText(
            tuple(Entry(*entry) for entry in entries),
            filters.TextRules(config.filter.max_chars, config.filter.drop_copies),
            config.data.case_augment,
        ),
        dev,
        test,
        fingerprint,
        identity,
        {shown(path): value for path, value in zip([*named, *test_files], [*sums, *test_sums], strict=True)},
        loaded.folder / "prepared" / f"{languages[0]}-{languages[1]}-{fingerprint}",
    )


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
