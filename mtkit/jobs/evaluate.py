"""The job of evaluating: files against references, or the config's test sets through a run's best model.

Files are scored without torch.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from mtkit import files
from mtkit.config import Loaded
from mtkit.errors import DataError
from mtkit.jobs.trained import trained
from mtkit.metrics.bleu import tokenizer_for
from mtkit.metrics.metric import Score, Texts, cautions, scores, tokenizes
from mtkit.text import compression, languages
from mtkit.text.lines import lines, must_exist
from mtkit.text.readers.reader import locate

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
    problems: list[str] = field(default_factory=list)
    """What could not be kept, and why."""

    def as_json(self) -> dict[str, Any]:
        """{"bleu": {"score", "signature", ...}, ...}, unrounded."""
        return {
            score.name: {"score": score.score, "signature": score.signature, **score.details} for score in self.scores
        }


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
) -> Result:
    """Score hypotheses against one or more sets of references.

    Args:
        sources: what was translated; None: not known, and no metric may read them.

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
    texts = Texts(hypotheses, references, sources, chosen)
    followed = (watcher or Unwatched()).follow(f"scoring {name}", metrics, len(metrics), "metrics")
    found = [score for metric in followed for score in scores([metric], texts)]
    return Result(name, found, [*([warning] if warning else []), *cautions(metrics, texts)])


def score_files(
    hypothesis: Path,
    references: list[Path],
    source: Path | None = None,
    *,
    metrics: list[str],
    tokenize: str,
    target_lang: str = "",
    watcher: Watcher | None = None,
) -> Result:
    """Score text files (plain or compressed), or one from stdin.

    Where no target language is known, a suffix such as ".ko" or ".zho_Hans" of a file names it, a reference's first.

    Raises:
        DataError: a file is missing, not UTF-8 or of another length, or a metric reads sources that are not given.
    """
    given = [hypothesis, *references, *([source] if source else [])]
    for path in given:
        must_exist(path)
    if given.count(compression.STDIN) > 1:
        raise DataError("stdin can be read once: name files for all texts but one")
    named = (languages.in_name(compression.bare(path)) for path in (*references, hypothesis))
    language = target_lang or next(filter(None, named), "")
    texts = [[line for line, _ in lines(path)] for path in (hypothesis, *references)]
    sources = [line for line, _ in lines(source)] if source else None
    return score_lines(
        str(hypothesis),
        texts[0],
        texts[1:],
        sources,
        metrics=metrics,
        tokenize=tokenize,
        target_lang=language,
        watcher=watcher,
    )


def evaluate(
    loaded: Loaded, *, metrics: list[str], tokenize: str, device: str, watcher: Watcher | None = None
) -> list[Result]:
    """Translate the config's test sets with the run's best model, keep the output in runs/NAME/eval/, and score it.

    What cannot be kept is scored all the same (see `Result.problems`).

    Raises:
        DataError: the config names no test set.
        BundleError: there is no trained model.
    """
    from mtkit.translator.translator import Translator

    config = loaded.config
    if not config.data.test:
        raise DataError("the config names no test set: set data.test, or score files", remedy="files")
    if tokenizes(metrics):
        tokenizer_for(tokenize, config.data.target_lang)  # what is missing is said before any work
    sources = [
        (name, locate(loaded.path(name), config.data.source_lang, config.data.target_lang)) for name in config.data.test
    ]
    translator = Translator.load(trained(loaded.run_folder), device=device, decode=config.decode)
    watcher = watcher or Unwatched()
    results: list[Result] = []
    for name, source in sources:
        pairs = list(source)
        label = label_of(name, [result.name for result in results])
        translations = translator.translations(text for text, _ in pairs)
        hypotheses = [one.text for one in watcher.follow(f"translating {label}", translations, len(pairs), "lines")]
        folder, problems = loaded.run_folder / "eval", list[str]()
        text = "".join(line + "\n" for line in hypotheses)
        _keep(folder / f"{label}.{config.data.target_lang}", text, problems)
        result = score_lines(
            label,
            hypotheses,
            [[reference for _, reference in pairs]],
            [text for text, _ in pairs],
            metrics=metrics,
            tokenize=tokenize,
            target_lang=config.data.target_lang,
            watcher=watcher,
        )
        about = {"decode": translator.decode.model_dump(), "lines": len(hypotheses), "scores": result.as_json()}
        _keep(folder / f"{label}.json", files.to_json(about), problems)
        results.append(replace(result, problems=problems))
    return results


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
