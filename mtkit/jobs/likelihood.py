"""The job of scoring pairs: how likely a model finds a given translation, by forced decoding.

The same search that translates, with the whole target and its end as the prefix: so a translation's score here is the
score that it was found with.
"""

import functools
import math
from dataclasses import dataclass, field
from typing import Any

from mtkit.translator.forms import links
from mtkit.translator.parallel import shared
from mtkit.translator.request import Pair
from mtkit.translator.translator import Translator
from mtkit.translator.workers import Workers


@dataclass(frozen=True)
class Scored:
    """What a model says of a pair."""

    source: str
    target: str
    score: float
    """What search would rank it by; minus infinity where one side is blank."""
    logprob: float
    """Natural logarithm, the end of sentence included."""
    tokens: list[str] = field(default_factory=list)
    token_logprobs: list[float] | None = None
    """Of each token and of the end."""
    alignment: list[tuple[int, int]] | None = None
    attention: list[list[float]] | None = None
    """See `Candidate`, and so of the next two."""
    source_tokens: list[str] | None = None
    stride: int = 1
    warnings: list[str] = field(default_factory=list)

    def as_text(self, scores: bool, align: bool) -> str:
        """A line: the log-probability, or with `scores` SCORE<TAB>TARGET; with `align` the links between words."""
        line = f"{self.score:.4f}\t{self.target}" if scores else f"{self.logprob:.4f}"
        return line + (" ||| " + links(self.alignment) if align else "") + "\n"

    def as_json(self, number: int = 0) -> dict[str, Any]:
        """Plain values, the pair's number first; what is no number is None."""
        return {
            "id": number,
            "source": self.source,
            "target": self.target,
            "score": self.score if math.isfinite(self.score) else None,
            "logprob": self.logprob if math.isfinite(self.logprob) else None,
            "tokens": self.tokens,
            "token_logprobs": self.token_logprobs,
            "alignment": self.alignment,
            "attention": self.attention,
            "source_tokens": self.source_tokens,
            "stride": self.stride,
            "warnings": self.warnings,
        }


def score(translator: Translator, align: bool, pairs: list[Pair]) -> list[Scored]:
    """Score pairs together, in their order.

    Args:
        pairs: sources and targets.

    Raises:
        ConfigError: align without attention.
    """
    scored = []
    for pair, found in zip(pairs, translator.forced(pairs, align=align), strict=True):
        if not found.candidates:
            warnings = found.warnings or ["one side is blank: nothing to score"]
            scored.append(Scored(pair.text, pair.target, -math.inf, -math.inf, warnings=warnings))
            continue
        (one,) = found.candidates
        told = one.tokens, one.token_logprobs, one.alignment, one.attention, one.source_tokens, one.stride
        scored.append(Scored(pair.text, pair.target, one.score, one.logprob, *told, warnings=found.warnings))
    return scored


def in_parallel(
    translator: Translator, align: bool, workers: int, threads: int = 1
) -> Workers[list[Pair], list[Scored]]:
    """Processes that score windows of pairs, each with so many threads."""
    return shared(translator, functools.partial(score, translator, align), workers, threads)
