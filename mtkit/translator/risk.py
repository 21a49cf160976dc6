"""Of the translations of a line the one of the least risk: the nearest to all others (`mtkit.metrics.risk`).

Must not know how translations are found.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import exp, fsum

from mtkit.metrics.risk import expected
from mtkit.schema import Decode
from mtkit.text import languages
from mtkit.translator.request import Candidate, Line, Request, Search, Translation, distinct


class Risk:
    """What becomes of lists of translations.

    Args:
        request: what is wanted, with the metric.
        language: of the translations.
    """

    def __init__(self, request: Request, language: str) -> None:
        self._request = request
        spoken = languages.language(language)
        # Words of Korean and Japanese need a package: characters do for single sentences.
        self._tokenize = "char" if spoken.tokenizer.endswith("mecab") else spoken.tokenizer

    def ranked(self, search: Search) -> Search:
        """A search whose lists begin with the translation of the least risk."""

        def searched(lines: Sequence[Line], decode: Decode, request: Request) -> Iterator[Translation]:
            many = self._request.draws if request.sampling else decode.beam_size
            for one in search(lines, decode, replace(request, n_best=max(many, request.n_best))):
                yield self.by_risk(one) if one.candidates else one

        return searched

    def by_risk(self, translation: Translation) -> Translation:
        """Its translations, the one of the least risk first, no text twice."""
        candidates = translation.candidates
        means = expected([one.text for one in candidates], self._weights(candidates), self._request.mbr, self._tokenize)
        order = sorted(range(len(candidates)), key=lambda place: (-means[place], -candidates[place].score))
        ranked = distinct([candidates[place] for place in order], self._request.n_best)
        return replace(translation, candidates=ranked[: self._request.n_best])

    def _weights(self, candidates: Sequence[Candidate]) -> list[float]:
        """Draws come as often as they are likely; what search finds counts by its probability among the others."""
        if self._request.sampling:
            return [1.0] * len(candidates)
        best = max(one.logprob for one in candidates)
        weights = [exp(one.logprob - best) for one in candidates]
        return [weight / fsum(weights) for weight in weights]
