"""The job of evaluating: files against references, or the config's test sets through a run's best model.

Files are scored without torch.
"""

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from mtkit import files
from mtkit.config import Loaded
from mtkit.errors import DataError
from mtkit.jobs.texts import read
from mtkit.jobs.trained import trained
from mtkit.metrics.additive import Additive, Measured
from mtkit.metrics.bleu import tokenizer_for
from mtkit.metrics.metric import Score, Texts, cautions, shown, tokenizes, wanted
from mtkit.metrics.significance import MOST_LINES, Confidence, confidence
from mtkit.registry import CHOICES
from mtkit.schema import Data, Tag, Text
from mtkit.text import compression, languages
from mtkit.text.lines import lines, must_exist

T = TypeVar("T")
LONGEST_LABEL = 100  # characters
UNSAFE = re.compile(r"[\s\0-\x1f\x7f-\x9f\ud800-\udfff\\]+")  # what names of files had better not have


class Watcher(Protocol):
    """Whoever is shown how far it is."""

    def follow(self, what: str, items: Iterable[T], total: int, of: str) -> Iterable[T]:
        """The items, as they are asked for; `total` of them, called `of`."""


class Unwatched:
    """Nobody."""

    def follow(self, what: str, items: Iterable[T], total: int, of: str) -> Iterable[T]:
        return items


@dataclass(frozen=True)
class Result:
    """Scores of one text."""

    name: str
    """The test set, or the file of hypotheses."""
    scores: list[Score]
    warnings: list[str]
    measured: dict[str, Measured] = field(default_factory=dict)
    """Metric -> its counts of lines, where it has some."""
    confidence: dict[str, Confidence] = field(default_factory=dict)
    """Metric -> how far its score can be trusted, where that was asked for and the metric has counts."""
    problems: list[str] = field(default_factory=list)
    """What could not be kept, and why."""
    direction: tuple[str, str] | None = None
    """The languages, where a model has several directions."""

    def as_json(self) -> dict[str, Any]:
        """{"bleu": {"score", "signature", ..., "confidence": {"mean", "half_width", ...}}, ...}, unrounded."""
        tables = {}
        for score in self.scores:
            tables[score.name] = {"score": score.score, "signature": score.signature, **score.details}
            if known := self.confidence.get(score.name):
                tables[score.name]["confidence"] = known.as_json()
        return tables


def score_lines(
    name: str,
    hypotheses: list[str],
    references: list[list[str]],
    sources: list[str] | None = None,
    *,
    metrics: list[str],
    tokenize: str,
    target_lang: str,
    watcher: Watcher | None = None,
    like: Result | None = None,
) -> Result:
    """Score hypotheses against one or more sets of references.

    Args:
        sources: what was translated; None: not known, and no metric may read them.
        like: another system's, by the same metrics against the same references.

    Raises:
        DataError: there is nothing to score, counts differ, or a metric reads sources that are not given.
    """
    if not hypotheses:
        raise DataError(f"{name} is empty; expected a hypothesis a line")
    for reference in references:
        if len(reference) != len(hypotheses):
            raise DataError(
                f"{name} has {len(hypotheses)} lines, its reference {len(reference)}: "
                "expected one hypothesis a reference"
            )
    if sources is not None and len(sources) != len(hypotheses):
        raise DataError(
            f"{name} has {len(hypotheses)} lines, its source {len(sources)}: expected one hypothesis a source"
        )
    chosen, warning = tokenizer_for(tokenize, target_lang) if tokenizes(metrics) else ("13a", "")
    watching = watcher or Unwatched()

    def follow(given: Iterable[str]) -> Iterable[str]:
        return watching.follow(f"scoring {name}", given, len(hypotheses), "lines")

    texts = Texts(hypotheses, references, sources, chosen)
    quick = [metric for metric in metrics if not CHOICES["metric"][metric].by_line]
    slow = [metric for metric in metrics if CHOICES["metric"][metric].by_line]
    found, measured = dict[str, Score](), dict[str, Measured]()
    for followed, given in (
        (watching.follow(f"scoring {name}", quick, len(quick), "metrics"), texts),
        (slow, replace(texts, follow=follow)),
    ):
        for metric in followed:
            by = wanted(metric, given)
            if isinstance(by, Additive):
                measured[metric] = by.measured(given, like.measured[metric] if like else None)
                found[metric] = replace(measured[metric].score(), name=metric)
            else:
                found[metric] = replace(by(given), name=metric)
    warnings = [*([warning] if warning else []), *cautions(metrics, texts)]
    return Result(name, [found[metric] for metric in metrics], warnings, measured)


def with_confidence(results: list[Result], watcher: Watcher | None = None) -> list[Result]:
    """The results of some systems, at least one, with intervals, and with tests of each against the first one.

    All are of the same metrics and references. What has no test is told in a warning of the first result.

    Raises:
        DataError: the seed that the environment sets is none.
    """
    first = results[0]
    without = [score.name for score in first.scores if score.name not in first.measured]
    warnings = [f"{shown(name)} has no interval and no test: its counts of lines are not known" for name in without]
    metrics = list(first.measured)
    if metrics and (lines := len(first.measured[metrics[0]].counts)) > MOST_LINES:
        warnings.append(f"no intervals and tests: {lines:,} lines are more than {MOST_LINES:,}, which take 2 GB")
        metrics = []
    watching = watcher or Unwatched()
    found = {
        metric: confidence([result.measured[metric] for result in results])
        for metric in watching.follow("testing", metrics, len(metrics), "metrics")
    }
    for number, result in enumerate(results):
        if found and all(known[number].same for known in found.values()):
            warnings.append(f"{result.name} scores as the baseline in every line: its p-values mean nothing")
    made = [
        replace(result, confidence={metric: known[number] for metric, known in found.items()})
        for number, result in enumerate(results)
    ]
    return [replace(made[0], warnings=[*made[0].warnings, *warnings]), *made[1:]]


def score_files(
    hypotheses: list[Path],
    references: list[Path],
    source: Path | None = None,
    *,
    metrics: list[str],
    tokenize: str,
    target_lang: str = "",
    tested: bool = False,
    watcher: Watcher | None = None,
) -> list[Result]:
    """Score text files (plain or compressed), or one from stdin; of several systems the first is the baseline.

    Where no target language is known, a suffix such as ".ko" or ".zho_Hans" of a file names it, a reference's first.

    Args:
        hypotheses: a file a system.
        tested: whether intervals and tests are made.

    Raises:
        DataError: a file is missing, empty, not UTF-8, of another length or given twice, or a metric reads sources that
            are not given.
    """
    given = [*hypotheses, *references, *([source] if source else [])]
    for path in given:
        must_exist(path)
    if given.count(compression.STDIN) > 1:
        raise DataError("stdin can be read once: name files for all texts but one")
    seen = dict[str, Path]()
    for path in hypotheses:
        if path != compression.STDIN and (before := seen.setdefault(os.path.realpath(path), path)) is not path:
            also = f" (as {before})" if before != path else ""
            raise DataError(f"{path} is given twice{also}: a system cannot be compared with itself; name another file")
    named = (languages.in_name(compression.bare(path)) for path in (*references, *hypotheses))
    language = target_lang or next(filter(None, named), "")
    texts = [[line for line, _ in lines(path)] for path in (*hypotheses, *references)]
    sources = [line for line, _ in lines(source)] if source else None
    results: list[Result] = []
    for path, text in zip(hypotheses, texts, strict=False):
        result = score_lines(
            str(path),
            text,
            texts[len(hypotheses) :],
            sources,
            metrics=metrics,
            tokenize=tokenize,
            target_lang=language,
            watcher=watcher,
            like=results[0] if results else None,
        )
        results.append(result)
    return with_confidence(results, watcher) if tested else results


def evaluate(
    loaded: Loaded,
    *,
    metrics: list[str],
    tokenize: str,
    device: str,
    tested: bool = False,
    watcher: Watcher | None = None,
) -> list[Result]:
    """Translate the config's test sets with the run's best model, keep the output in runs/NAME/eval/, and score it.

    What cannot be kept is scored all the same (see `Result.problems`).

    Args:
        tested: whether intervals are made.

    Raises:
        DataError: the config names no test set.
        BundleError: there is no trained model.
    """
    from mtkit.translator.translator import Translator

    config = loaded.config
    if not config.data.test:
        raise DataError("the config names no test set: set data.test, or score files", remedy="files")
    tests = [(label, tag, read(loaded, text, tag)) for label, (text, tag) in labels(config.data).items()]
    if tokenizes(metrics):
        for _, tag, _ in tests:
            tokenizer_for(tokenize, tag.languages[1])  # what is missing is said before any work
    translator = Translator.load(trained(loaded.run_folder), device=device, decode=config.decode)
    watcher = watcher or Unwatched()
    results: list[Result] = []
    for label, tag, reader in tests:
        pairs, target_lang = list(reader), tag.languages[1]
        told = translator.tagged(tag.name) if translator.tags else translator
        translations = told.translations(text for text, _ in pairs)
        made = list(watcher.follow(f"translating {label}", translations, len(pairs), "lines"))
        hypotheses = [one.text for one in made]
        folder, problems = loaded.run_folder / "eval", list[str]()
        text = "".join(line + "\n" for line in hypotheses)
        _keep(folder / f"{label}.{target_lang}", text, problems)
        likely = (json.dumps(one.as_json(number), ensure_ascii=False) + "\n" for number, one in enumerate(made))
        _keep(folder / f"{label}.jsonl", "".join(likely), problems)
        result = score_lines(
            label,
            hypotheses,
            [[reference for _, reference in pairs]],
            [text for text, _ in pairs],
            metrics=metrics,
            tokenize=tokenize,
            target_lang=target_lang,
            watcher=watcher,
        )
        if tested:
            (result,) = with_confidence([result], watcher)
        about = {"decode": translator.decode.model_dump(), "lines": len(hypotheses), "scores": result.as_json()}
        _keep(folder / f"{label}.json", files.to_json(about), problems)
        direction = tag.languages if len(config.data.directions) > 1 else None
        results.append(replace(result, problems=problems, direction=direction))
    return results


def labels(data: Data) -> dict[str, tuple[Text, Tag]]:
    """Test sets by what they are called, in the names of files, too: with their direction where there are several."""
    made = dict[str, tuple[Text, Tag]]()
    for text in data.test:
        for tag in data.uses(text):
            name = f"{text.path}.{tag.direction}" if len(data.directions) > 1 else text.path
            made[label_of(name, list(made))] = text, tag
    return made


def label_of(name: str, taken: list[str]) -> str:
    """What a test set is called, in the names of files, too: its path without what would hide or move a file.

    Args:
        taken: labels of other test sets.
    """
    parts = [part for part in name.rpartition(":")[2].split("/") if part not in ("", ".", "..")]
    label = UNSAFE.sub("_", "_".join(parts)).lstrip(".-~")[-LONGEST_LABEL:] or "test"
    number, free = 0, label
    while free in taken:
        number += 1
        free = f"{label}.{number}"
    return free


def _keep(path: Path, text: str, problems: list[str]) -> None:
    """Write a file, or note why not."""
    try:
        files.write(path, text)
    except OSError as error:
        problems.append(f"{path} could not be written: {error.strerror or error}")
