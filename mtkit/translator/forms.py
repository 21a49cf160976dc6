"""The forms in which translations are printed: plain text, scores, n-best lists, alignments, jsonl."""

import json
from collections.abc import Sequence
from typing import Any, Protocol

from mtkit.translator.request import Candidate, Translation


def text(number: int, translation: Translation, n_best: int, scores: bool, align: bool) -> str:
    """A translation as lines of text."""
    lines = []
    candidates: list[Candidate | None] = [*translation.candidates] or [None]
    for candidate in candidates:
        line, score = (candidate.text, candidate.score) if candidate else ("", 0.0)
        if translation.confidence is not None:
            line = f"{translation.confidence:.3f}\t{line}"
        if n_best > 1:
            line = f"{number} ||| {line} ||| {score:.4f}"
        elif scores:
            line = f"{score:.4f}\t{line}"
        if align:
            line += " ||| " + links(candidate.alignment if candidate else None)
        lines.append(line + "\n")
    return "".join(lines)


def links(alignment: Sequence[tuple[int, int]] | None) -> str:
    """0-0 1-2: source word, target word."""
    return " ".join(f"{source}-{target}" for source, target in alignment or [])


class Told(Protocol):
    """A translation, or what a model says of a pair."""

    def as_json(self, number: int) -> dict[str, Any]:
        """Plain values."""


def jsonl(number: int, told: Told, precision: str) -> str:
    """What is told of a line as a line of JSON, with the precision that it was made in."""
    return json.dumps(told.as_json(number) | {"precision": precision}, ensure_ascii=False) + "\n"
