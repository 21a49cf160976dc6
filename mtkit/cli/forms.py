"""The forms in which translations and scores are printed: plain text, scores, n-best lists, alignments, jsonl."""

import json
import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from mtkit.jobs.likelihood import Scored
    from mtkit.translator.request import Candidate, Translation

FormatOption = Annotated[str, typer.Option("--format", metavar="text|jsonl", help="Form of the output.")]


def checked(form: str) -> str:
    """A name of a form, or wrong usage."""
    if form not in ("text", "jsonl"):
        raise typer.BadParameter(f"--format is text or jsonl, not {form!r}")
    return form


def text(number: int, translation: "Translation", n_best: int, scores: bool, align: bool) -> str:
    """A translation as lines of text."""
    lines = []
    candidates: list[Candidate | None] = [*translation.candidates] or [None]
    for candidate in candidates:
        line, score = (candidate.text, candidate.score) if candidate else ("", 0.0)
        if n_best > 1:
            line = f"{number} ||| {line} ||| {score:.4f}"
        elif scores:
            line = f"{score:.4f}\t{line}"
        if align:
            line += " ||| " + links(candidate.alignment if candidate else None)
        lines.append(line + "\n")
    return "".join(lines)


def links(alignment: list[tuple[int, int]] | None) -> str:
    """0-0 1-2: source word, target word."""
    return " ".join(f"{source}-{target}" for source, target in alignment or [])


def jsonl(number: int, translation: "Translation") -> str:
    """A translation as a line of JSON."""
    best = translation.candidates[0] if translation.candidates else None
    record: dict[str, Any] = {
        "id": number,
        "source": translation.source,
        "translation": translation.text,
        "score": best.score if best else 0.0,
        "logprob": best.logprob if best else 0.0,
        "tokens": best.tokens if best else [],
        "token_logprobs": best.token_logprobs if best else [],
        "nbest": [{"translation": c.text, "score": c.score, "logprob": c.logprob} for c in translation.candidates],
        "alignment": best.alignment if best else None,
        "attention": best.attention if best else None,
        "warnings": translation.warnings,
    }
    return json.dumps(record, ensure_ascii=False) + "\n"


def scored_text(scored: "Scored", scores: bool, align: bool) -> str:
    """The score of a pair as a line of text."""
    line = f"{scored.score:.4f}\t{scored.target}" if scores else f"{scored.logprob:.4f}"
    return line + (" ||| " + links(scored.alignment) if align else "") + "\n"


def scored_jsonl(number: int, scored: "Scored") -> str:
    """The score of a pair as a line of JSON; what is no number is null."""
    record = {
        "id": number,
        "source": scored.source,
        "target": scored.target,
        "score": scored.score if math.isfinite(scored.score) else None,
        "logprob": scored.logprob if math.isfinite(scored.logprob) else None,
        "tokens": scored.tokens,
        "token_logprobs": scored.token_logprobs,
        "alignment": scored.alignment,
        "attention": scored.attention,
        "warnings": scored.warnings,
    }
    return json.dumps(record, ensure_ascii=False) + "\n"
