"""How far scores can be trusted: intervals, and tests of whether two systems differ, as sacreBLEU makes them.

Intervals by bootstrap resampling (Koehn 2004), tests by paired bootstrap resampling and by paired approximate
randomization (Riezler and Maxwell 2005), with sacreBLEU's seed (12345, or SACREBLEU_SEED) and numbers of trials. Must
not know files or models.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from mtkit.errors import DataError
from mtkit.metrics.additive import Measured

LEVEL = 0.05  # a p-value below it is called significant
MOST_LINES = 20_000  # of which the tests take 2 GB
SEED = "SACREBLEU_SEED"
BOOTSTRAP, RANDOMIZATION = "bs", "ar"  # what sacreBLEU calls them


@dataclass(frozen=True)
class Confidence:
    """How far a score can be trusted, and whether it differs from that of the baseline."""

    mean: float
    """Of the scores of resampled texts."""
    half_width: float
    """Of the interval around it that 95 % of them lie in."""
    signature: str
    """Of these, and of `p_bootstrap`."""
    p_bootstrap: float | None = None
    """How likely a difference as large comes about by chance; None: of the baseline itself."""
    p_randomization: float | None = None
    signature_randomization: str = ""

    @property
    def differs(self) -> bool:
        """Whether both tests say so."""
        tests = (self.p_bootstrap, self.p_randomization)
        return all(p is not None and p < LEVEL for p in tests)


def confidence(systems: Sequence[Measured]) -> list[Confidence]:
    """The confidence in the scores of some systems; each is tested against the first, the baseline.

    Args:
        systems: measured by one metric against the same references.

    Raises:
        DataError: SACREBLEU_SEED is no whole number.
    """
    signature, resampled = _paired(systems, BOOTSTRAP)
    if len(systems) == 1:
        return [Confidence(resampled[0].mean, resampled[0].ci, signature)]
    signature_randomization, shuffled = _paired(systems, RANDOMIZATION)
    return [
        Confidence(float(one.mean), float(one.ci), signature, one.p_value, other.p_value, signature_randomization)
        for one, other in zip(resampled, shuffled, strict=True)
    ]


def between(systems: Sequence[Measured]) -> Iterator[tuple[int, int, float]]:
    """Yield each two systems with the p-value of their difference by paired bootstrap resampling.

    Raises:
        DataError: SACREBLEU_SEED is no whole number.
    """
    for one, other in combinations(range(len(systems)), 2):
        _, (_, tested) = _paired((systems[one], systems[other]), BOOTSTRAP)
        yield one, other, tested.p_value


def _paired(systems: Sequence[Measured], test: str) -> tuple[str, list[Any]]:
    """The signature of a test of sacreBLEU, and its result for each system."""
    from sacrebleu.significance import PairedTest

    seed = os.environ.get(SEED, "none")
    if seed.lower() != "none" and not seed.isdecimal():
        raise DataError(f"{SEED} is {seed!r} in the environment; expected a whole number, or none for chance")
    metric: Any = _Counted(systems[0].metric)
    named: Any = [(str(number), system.counts) for number, system in enumerate(systems)]
    signatures, found = PairedTest(named, {"": metric}, None, test)()
    (name,) = signatures
    return str(signatures[name]), list(found[name])


class _Counted:
    """A metric of sacreBLEU that is given counts in the place of texts, since they are made once for all tests."""

    def __init__(self, metric: Any) -> None:
        self._metric = metric

    def _extract_corpus_statistics(self, counts: Sequence[Sequence[float]], references: None) -> Any:
        return counts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._metric, name)
