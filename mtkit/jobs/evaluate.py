"""The job of evaluating: files against references, or the config's test sets through a run's best model.

Files are scored without torch.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtkit import files
from mtkit.config import Loaded
from mtkit.errors import DataError
from mtkit.jobs.trained import trained
from mtkit.metrics.bleu import tokenizer_for
from mtkit.metrics.metric import Score, Texts, cautions, scores, tokenizes
from mtkit.text import compression, languages
from mtkit.text.lines import lines, must_exist
from mtkit.text.readers.reader import locate


@dataclass(frozen=True)
class Result:
    """Scores of one text."""

    name: str
    """The test set, or the file of hypotheses."""
    scores: list[Score]
    warnings: list[str]

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
    warnings = [*([warning] if warning else []), *cautions(metrics, texts)]
    return Result(name, scores(metrics, texts), warnings)


def score_files(
    hypothesis: Path,
    references: list[Path],
    source: Path | None = None,
    *,
    metrics: list[str],
    tokenize: str,
    target_lang: str = "",
) -> Result:
    """Score text files (plain or compressed).

    Where no target language is known, a suffix such as ".ko" or ".zho_Hans" of a file names it, a reference's first.

    Raises:
        DataError: a file is missing, not UTF-8 or of another length, or a metric reads sources that are not given.
    """
    for path in (hypothesis, *references, *([source] if source else [])):
        must_exist(path)
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
    )


def evaluate(loaded: Loaded, *, metrics: list[str], tokenize: str, device: str) -> list[Result]:
    """Translate the config's test sets with the run's best model, keep the output in runs/NAME/eval/, and score it.

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
    results: list[Result] = []
    for name, source in sources:
        pairs = list(source)
        label = name.rpartition(":")[2].replace("/", "_")
        if label in {result.name for result in results}:
            label = f"{label}.{len(results)}"
        hypotheses = [one.text for one in translator.translations(text for text, _ in pairs)]
        folder = loaded.run_folder / "eval"
        text = "".join(line + "\n" for line in hypotheses)
        files.write(folder / f"{label}.{config.data.target_lang}", text)
        result = score_lines(
            label,
            hypotheses,
            [[reference for _, reference in pairs]],
            [text for text, _ in pairs],
            metrics=metrics,
            tokenize=tokenize,
            target_lang=config.data.target_lang,
        )
        files.write_json(
            folder / f"{label}.json",
            {"decode": translator.decode.model_dump(), "lines": len(hypotheses), "scores": result.as_json()},
        )
        results.append(result)
    return results
