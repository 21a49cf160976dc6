"""The job of scoring pairs: how likely a model finds a given translation, by forced decoding.

The same search that translates, with the whole target and its end as the prefix: so a translation's score here is the
score that it was found with.
"""

import functools
import math
from dataclasses import dataclass, field

from mtkit.translator.request import Line, Request
from mtkit.translator.translator import Translator, shared
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
    warnings: list[str] = field(default_factory=list)


def score(translator: Translator, align: bool, pairs: list[Line]) -> list[Scored]:
    """Score pairs together, in their order.

    Args:
        pairs: sources, with their targets as prefixes.

    Raises:
        ConfigError: align without attention.
    """
    request = Request(align=align, details=True, forced=True)
    scored = []
    for pair, found in zip(pairs, translator.window(pairs, request=request), strict=True):
        if not found.candidates:
            warnings = ["one side is blank: nothing to score"]
            scored.append(Scored(pair.text, pair.prefix, -math.inf, -math.inf, warnings=warnings))
            continue
        (one,) = found.candidates
        parts = one.score, one.logprob, one.tokens, one.token_logprobs, one.alignment, one.attention
        scored.append(Scored(pair.text, pair.prefix, *parts, warnings=found.warnings))
    return scored


def in_parallel(
    translator: Translator, align: bool, workers: int, threads: int = 1
) -> Workers[list[Line], list[Scored]]:
    """Processes that score windows of pairs, each with so many threads."""
    return shared(translator, functools.partial(score, translator, align), workers, threads)
