"""Metrics of sacreBLEU: what they count of each line adds up, so that any choice of lines has a score.

That is what intervals and tests are made of (`mtkit.metrics.significance`), and scores of groups of lines.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mtkit.metrics.metric import Score, Texts


def _nothing(result: Any) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Additive:
    """A metric of the registry, as every function from `Texts` to `Score`, that has counts of lines besides."""

    make: Callable[[Texts], Any]
    """sacreBLEU's metric with the references of these texts, and settings from them."""
    details: Callable[[Any], dict[str, Any]] = _nothing
    """What its result says besides the number; see `Score`."""

    def __call__(self, texts: Texts) -> Score:
        return self.measured(texts).score()

    def measured(self, texts: Texts, like: "Measured | None" = None) -> "Measured":
        """Count the lines of a text.

        Args:
            like: another system's, against the same references, which need not be looked through again.
        """
        metric = like.metric if like else self.make(texts)
        return Measured(metric, metric._extract_corpus_statistics(texts.follow(texts.hypotheses), None), self.details)


@dataclass(frozen=True)
class Measured:
    """A text as a metric sees it: its counts, a row a line."""

    metric: Any
    """sacreBLEU's."""
    counts: Sequence[Sequence[float]]
    details: Callable[[Any], dict[str, Any]] = _nothing

    def score(self) -> Score:
        """Of all lines."""
        result = self.metric._aggregate_and_compute(self.counts)
        return Score(result.score, str(self.metric.get_signature()), str(result), self.details(result))

    def of(self, lines: Iterable[int]) -> float:
        """The score of some lines, at least one."""
        return float(self.metric._aggregate_and_compute([self.counts[line] for line in lines]).score)
