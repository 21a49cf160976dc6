"""What a report is made of: translations with their references, found in runs, results of `mtkit eval`, and files."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mtkit import reading
from mtkit.errors import DataError, MtkitError
from mtkit.jobs.evaluate import labels
from mtkit.jobs.reporting.runs import RunFolder
from mtkit.jobs.texts import read
from mtkit.text import compression, languages
from mtkit.text.lines import lines, must_exist

JSONL = ".jsonl"  # what `mtkit translate --format jsonl` writes


@dataclass(frozen=True)
class System:
    """Translations of a test set.

    Attributes:
        probabilities: of a piece, the geometric mean of each line, as its model says; None: that is not known.
        run: whose model it is; None: nobody knows.
    """

    name: str
    hypotheses: list[str]
    probabilities: list[float | None] | None = None
    run: RunFolder | None = None


@dataclass
class TestSet:
    """References, and systems that have as many lines.

    Attributes:
        references: a list a set.
        sources: None: they are not known.
        notes: what could not be used, and why.
    """

    __test__ = False  # for pytest

    name: str
    references: list[list[str]]
    sources: list[str] | None
    target_lang: str
    systems: list[System] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, system: System) -> None:
        """Take a system in, if it can be compared."""
        there, here = len(self.references[0]), len(system.hypotheses)
        if here == there:
            self.systems.append(system)
        else:
            self.notes.append(f"{system.name} has {here:,} lines, the reference {there:,}: it is left out")


@dataclass(frozen=True)
class Given:
    """References and sources that are named, rather than found by a run's config."""

    references: Sequence[Path]
    source: Path | None = None

    def read(self) -> TestSet:
        """Read them.

        Raises:
            DataError: a file is missing, empty or not UTF-8.
        """
        for path in (*self.references, *([self.source] if self.source else [])):
            must_exist(path)
        references = [[line for line, _ in lines(path)] for path in self.references]
        if not references[0]:
            raise DataError(f"{self.references[0]} is empty; expected a reference a line")
        name = compression.bare(self.references[0])
        named = (languages.in_name(compression.bare(path)) for path in self.references)
        found = TestSet(name, references, None, next(filter(None, named), ""))
        for path, reference in zip(self.references[1:], references[1:], strict=True):
            if len(reference) != len(references[0]):
                found.notes.append(
                    f"{path} has {len(reference):,} lines, the first reference {len(references[0]):,}: it is left out"
                )
        found.references = [one for one in references if len(one) == len(references[0])]
        if self.source:
            sources = [line for line, _ in lines(self.source)]
            if len(sources) == len(references[0]):
                found.sources = sources
            else:
                found.notes.append(
                    f"{self.source} has {len(sources):,} lines, the reference {len(references[0]):,}: "
                    "nothing is said of sources"
                )
        return found


def from_file(path: Path, name: str = "") -> System:
    """Translations in a file: plain lines, or what `mtkit translate --format jsonl` writes.

    Args:
        name: what they are called; "": as the file.

    Raises:
        DataError: it is missing, empty or not UTF-8, or a line of .jsonl is no translation.
    """
    must_exist(path)
    if compression.bare(path).endswith(JSONL):
        hypotheses, probabilities = _translations(path)
    else:
        hypotheses, probabilities = [line for line, _ in lines(path)], None
    if not hypotheses:
        raise DataError(f"{path} is empty; expected a hypothesis a line")
    return System(name or str(path), hypotheses, probabilities)


def _translations(path: Path) -> tuple[list[str], list[float | None]]:
    """Texts and probabilities of a file of JSON lines."""
    hypotheses, probabilities = list[str](), list[float | None]()
    for number, (line, _) in enumerate(lines(path), 1):
        try:
            table = reading.parse_json(line.encode(), f"{path}, line {number},")
        except reading.Unreadable as error:
            raise DataError(f"{error}; expected JSON lines of mtkit translate") from None
        if not isinstance(table, dict) or not isinstance(text := table.get("translation"), str):
            raise DataError(
                f"{path}, line {number}, has no text under the key translation; expected JSON lines of mtkit translate"
            )
        hypotheses.append(text)
        probabilities.append(_probability(table.get("logprob"), table.get("tokens")))
    return hypotheses, probabilities


def _probability(logprob: object, tokens: object) -> float | None:
    """Of a piece, the end among them; None: the line is blank, or this is not known."""
    if not isinstance(logprob, int | float) or not isinstance(tokens, list) or not tokens:
        return None
    return math.exp(min(0.0, logprob / (len(tokens) + 1)))


def from_run(run: RunFolder, notes: list[str], only: str = "") -> list[tuple[str, System]]:
    """What `mtkit eval` has kept in a run, with the label of each test set.

    Args:
        notes: are told what cannot be read.
        only: a label that alone is wanted; "": all.
    """
    folder, found = run.folder / "eval", []
    for path in sorted(folder.glob("*.json")):
        label = path.name.removesuffix(".json")
        if only not in ("", label):
            continue
        try:
            texts = _texts(folder, label, run)
            hypotheses = from_file(texts).hypotheses
        except (MtkitError, OSError) as error:
            notes.append(f"{run.name}: {reading.line(str(error))}")
            continue
        probabilities = None
        if (likely := folder / f"{label}{JSONL}").exists():
            try:
                again, probabilities = _translations(likely)
                if again != hypotheses:
                    probabilities = None
                    notes.append(f"{run.name}: {likely.name} is of other translations than {texts.name}; not used")
            except (MtkitError, OSError) as error:
                notes.append(f"{run.name}: {reading.line(str(error))}")
        found.append((label, System(run.name, hypotheses, probabilities, run)))
    return found


def _texts(folder: Path, label: str, run: RunFolder) -> Path:
    """The file of translations of a test set."""
    if run.config:
        data = run.config.config.data
        known = labels(data)
        return folder / f"{label}.{known[label][1].languages[1] if label in known else data.target_lang}"
    found = [path for path in sorted(folder.glob(f"{label}.*")) if path.suffix not in (".json", JSONL)]
    if len(found) != 1:
        raise DataError(f"{folder} has {len(found)} files for {label}; expected one with its translations")
    return found[0]


def known_test(run: RunFolder, label: str) -> TestSet:
    """The test set of a run's config that has this label.

    Raises:
        DataError: there is none, or its text is missing.
    """
    if run.config is None:
        raise DataError(f"what the test set {label} is cannot be told without the run's config; name its references")
    known = labels(run.config.config.data)
    if label not in known:
        raise DataError(f"the run's config names no test set {label}; name its references")
    text, tag = known[label]
    pairs = list(read(run.config, text, tag))
    return TestSet(label, [[target for _, target in pairs]], [source for source, _ in pairs], tag.languages[1])
