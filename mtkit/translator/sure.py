"""How sure a model can be of a translation: what search tells of it as features, and the probability made of them.

Must not know how probabilities are fitted (`mtkit.metrics.confidence`), nor where they are kept.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import log

from mtkit.metrics.confidence import Estimator
from mtkit.translator import kept
from mtkit.translator.request import Candidate, Request, Translation

CERTAIN = 1e-3  # of which there is a logarithm, too
FEATURES = (
    "mean log-probability of a piece",
    "lowest log-probability of a piece",
    "log-probability of all",
    "logarithm of the mean",
    "logarithm of that of all",
    "margin to the second hypothesis",
    "no second hypothesis",
    "length of the source",
    "length beside the source's",
    "share of pieces that are bytes or unknown",
    "was broken",
)
"""Names of what `features` gives; an estimator is for these alone."""


def asked(request: Request) -> Request:
    """What is to be asked for so that there are features."""
    return replace(request, details=True)


def is_models(translation: Translation) -> bool:
    """Whether a model has said it, and not a memory or nobody."""
    return bool(translation.candidates and translation.candidates[0].token_logprobs)


def features(translation: Translation) -> list[float]:
    """Of a translation that a model has said."""
    best = translation.candidates[0]
    pieces = best.token_logprobs or [best.logprob]
    size, said = len(translation.source.strip()), len(best.text.strip())
    strange = sum(token.startswith("<0x") or token == "<unk>" for token in best.tokens)
    return [
        best.logprob / len(pieces),
        min(pieces),
        best.logprob,
        log(CERTAIN - best.logprob / len(pieces)),
        log(CERTAIN - best.logprob),
        best.margin or 0.0,
        float(best.margin is None),
        log(1 + size),
        abs(log((1 + said) / (1 + size))),
        strange / max(1, len(best.tokens)),
        float(bool(translation.broken)),
    ]


def told(translations: Iterable[Translation], estimator: Estimator, request: Request) -> Iterator[Translation]:
    """Translations with how sure one can be of them, and without what was asked for that alone.

    What no model has said, a memory has, or it is the line itself: of that one is sure.
    """
    for one in translations:
        nothing = not one.candidates and not kept.blank(one.source)
        sure = estimator.probability(features(one)) if is_models(one) else float(not nothing)
        if not request.details:
            one = replace(one, candidates=list(map(_plain, one.candidates)))
        yield replace(one, confidence=sure)


def _plain(candidate: Candidate) -> Candidate:
    return replace(candidate, token_logprobs=None)
