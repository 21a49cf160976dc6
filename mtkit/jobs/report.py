"""The job of reporting: gathers what there is to say of runs, results of `mtkit eval`, and files of translations.

What is missing or damaged is noted, and all else is said. Loads torch only to ask models where they looked, and knows
no page.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from mtkit import reading
from mtkit.errors import DataError, MtkitError
from mtkit.jobs.evaluate import Unwatched, Watcher
from mtkit.jobs.reporting.comparing import compare
from mtkit.jobs.reporting.groups import Vocabulary
from mtkit.jobs.reporting.runs import RunFolder, is_run, run_facts
from mtkit.jobs.reporting.sentences import Attend
from mtkit.jobs.reporting.systems import Given, TestSet, from_file, from_run, known_test
from mtkit.jobs.texts import trained
from mtkit.metrics.faults import MEANS
from mtkit.metrics.words import Words
from mtkit.report.findings import Findings, TestFacts
from mtkit.text.readers.reader import Pair

MOST_PAIRS = 1_000_000  # of a training text whose words are counted


class Report:
    """What a report is of; gathered as often as it is asked for.

    Args:
        paths: runs, and results of `mtkit eval`: an eval folder, or a LABEL.json in one.
        hypotheses: files of translations of the references in `given`.
        given: references of all that is translated; None: those that the configs of runs name.
        metrics, tokenize: as of `mtkit eval`.
        attention: whether models are asked where they looked, which loads torch.

    Raises:
        DataError: something is neither, a file is missing, or there are hypotheses without references.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        hypotheses: Sequence[Path] = (),
        given: Given | None = None,
        *,
        metrics: Sequence[str],
        tokenize: str = "auto",
        attention: bool = False,
        watcher: Watcher | None = None,
    ) -> None:
        if hypotheses and given is None:
            raise DataError("hypotheses are compared with references, and none are given", remedy="references")
        self._attention = attention
        self._metrics, self._tokenize, self._watcher = metrics, tokenize, watcher or Unwatched()
        self._wanted = [_found(path) for path in dict.fromkeys(paths)]
        names = _names([folder for folder, _ in self._wanted])
        self._runs = {folder: RunFolder.open(folder, name) for folder, name in names.items()}
        self._hypotheses = [from_file(path, name) for path, name in _tails(hypotheses).items()]
        self._given = given.read() if given else None
        self._counted: dict[tuple[object, ...], Vocabulary] = {}

    def findings(self) -> Findings:
        """All that is known now: of runs that go on, what they have logged until now.

        Raises:
            DataError: a metric cannot be computed.
        """
        runs = tuple(run_facts(run) for run in self._runs.values())
        notes = list[str]()
        sets = list(self._sets(notes))
        for one in sets:  # what was left out of them
            notes += [note for note in one.notes if note not in notes]
            one.notes.clear()
        tests = tuple(self._compared(one, notes) for one in sets if one.systems)
        return Findings(runs, tests, tuple(notes), MEANS if tests else {})

    def following(self, findings: Findings) -> Findings:
        """The same with the curves of now; translations are not looked at again."""
        return replace(findings, runs=tuple(run_facts(run) for run in self._runs.values()))

    @property
    def title(self) -> str:
        """What it is of."""
        names = [*(run.name for run in self._runs.values()), *(system.name for system in self._hypotheses)]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return ", ".join(names[:3]) + more

    def _sets(self, notes: list[str]) -> Iterator[TestSet]:
        """The test sets with all systems that have translated them."""
        given = self._given and replace(self._given, systems=[], notes=list(self._given.notes))
        for system in self._hypotheses:
            assert given, "there are no hypotheses without references"
            given.add(system)
        found: dict[tuple[object, ...], TestSet] = {}
        for folder, label in self._wanted:
            run = self._runs[folder]
            for name, system in from_run(run, notes, label):
                test = given
                if test is None:
                    try:
                        own = known_test(run, name)
                    except (MtkitError, OSError) as error:
                        notes.append(f"{run.name}: {reading.line(str(error))}")
                        continue
                    test = found.setdefault((name, tuple(own.references[0]), tuple(own.sources or ())), own)
                if not any(one.name == system.name for one in test.systems):
                    test.add(system)
        if given:
            yield given
        yield from found.values()

    def _compared(self, test: TestSet, notes: list[str]) -> TestFacts:
        runs = [system.run for system in test.systems if system.run and system.run.config]

        def vocabulary(source: Words, target: Words) -> Vocabulary | None:
            if not runs:
                return None
            if any(_text_of(run) != _text_of(runs[0]) for run in runs):
                notes.append(f"{test.name}: words are those of the training text of {runs[0].name}; others had another")
            return self._vocabulary(runs[0], source, target, notes)

        attend: Attend | None = None
        if self._attention and runs:
            from mtkit.jobs.reporting.attention import attention as attend

        return compare(
            test,
            metrics=self._metrics,
            tokenize=self._tokenize,
            vocabulary=vocabulary,
            attend=attend,
            watcher=self._watcher,
        )

    def _vocabulary(self, run: RunFolder, source: Words, target: Words, notes: list[str]) -> Vocabulary:
        key = (*_text_of(run), source, target)
        if key not in self._counted:
            text = islice(_training(run), MOST_PAIRS)
            made, read = Vocabulary(Counter(), Counter()), 0
            for one, other in self._watcher.follow("counting words", text, MOST_PAIRS, "pairs at most"):
                made.source.update(source(one))
                made.target.update(target(other))
                read += 1
            if read == MOST_PAIRS:
                notes.append(f"{run.name}: words are counted in the first {MOST_PAIRS:,} pairs of the training text")
            self._counted[key] = made
        return self._counted[key]


def _found(path: Path) -> tuple[Path, str]:
    """The folder of a run, and the label of the test set that is meant; "": all.

    Raises:
        DataError: it is neither a run nor a result.
    """
    wanted = "expected the folder of a run, or what mtkit eval keeps in it: eval/, eval/LABEL.json"
    if not path.exists():
        raise DataError(f"{path} does not exist; {wanted}")
    whole = Path(os.path.abspath(path))
    if path.is_dir() and is_run(path):
        return whole, ""
    if path.is_dir() and whole.name == "eval":
        return whole.parent, ""
    if path.is_file() and whole.suffix == ".json" and whole.parent.name == "eval":
        return whole.parent.parent, whole.stem
    if path.is_file():
        raise DataError(f"{path} is a file; {wanted}, or files of text", remedy="files")
    raise DataError(f"{path} is no run; {wanted}")


def _names(folders: Sequence[Path]) -> dict[Path, str]:
    """What runs are called: by their folder, or by its path where two have the same name."""
    last = Counter(folder.name for folder in dict.fromkeys(folders))
    return {folder: folder.name if last[folder.name] == 1 else os.path.relpath(folder) for folder in folders}


def _tails(paths: Sequence[Path]) -> dict[Path, str]:
    """What files are called: by their name, with as many folders before it as tell them apart."""
    unique = list(dict.fromkeys(paths))
    names = {}
    for path in unique:
        lengths = range(1, len(path.parts) + 1)
        others = [other for other in unique if other != path]
        apart = (n for n in lengths if all(other.parts[-n:] != path.parts[-n:] for other in others))
        names[path] = str(Path(*path.parts[-next(apart, len(path.parts)) :]))
    return names


def _text_of(run: RunFolder) -> tuple[object, ...]:
    assert run.config, "whoever asks has looked"
    data = run.config.config.data
    return (*(run.config.path(text.path) for text in data.train), *map(data.tag, data.train))


def _training(run: RunFolder) -> Iterator[Pair]:
    """The training text of a run, as models see it."""
    assert run.config, "whoever asks has looked"
    for reader in trained(run.config):
        yield from reader.folded()
