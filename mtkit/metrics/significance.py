"""How far scores can be trusted: intervals, and tests of whether two systems differ, as sacreBLEU makes them.

Intervals by bootstrap resampling (Koehn 2004), tests by paired bootstrap resampling and by paired approximate
randomization (Riezler and Maxwell 2005), with sacreBLEU's seed (12345, or SACREBLEU_SEED) and numbers of trials. Must
not know files or models.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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
    same: bool = False
    """Whether it scores as the baseline in every line: sacreBLEU calls that significant."""

    @property
    def differs(self) -> bool:
        """Whether both tests say so."""
        tests = (self.p_bootstrap, self.p_randomization)
        return not self.same and all(p is not None and p < LEVEL for p in tests)

    def as_json(self) -> dict[str, Any]:
        """Plain values; of the baseline without what tests say."""
        known = ("mean", "half_width", "signature")
        return {key: value for key, value in vars(self).items() if key in known or self.p_bootstrap is not None}


def confidence(systems: Sequence[Measured]) -> list[Confidence]:
    """The confidence in the scores of some systems; each is tested against the first, the baseline.

    Args:
        systems: measured by one metric against the same references.

    Raises:
        DataError: SACREBLEU_SEED is no whole number.
    """
    signature, resampled = _paired(systems, BOOTSTRAP)
    signature_randomization, shuffled = _paired(systems, RANDOMIZATION) if len(systems) > 1 else ("", resampled)
    made = list[Confidence]()
    for system, one, other in zip(systems, resampled, shuffled, strict=True):
        known = Confidence(float(one.mean), float(one.ci), signature)
        if made:
            known = replace(
                known,
                p_bootstrap=one.p_value,
                p_randomization=other.p_value,
                signature_randomization=signature_randomization,
                same=same(systems[0], system),
            )
        made.append(known)
    return made


def same(one: Measured, other: Measured) -> bool:
    """Whether two systems score alike in every line."""
    return list(map(list, one.counts)) == list(map(list, other.counts))


def between(systems: Sequence[Measured]) -> Iterator[tuple[int, int, float]]:
    """Yield each two systems with the p-value of their difference by paired bootstrap resampling; 1 of equal ones.

    Raises:
        DataError: SACREBLEU_SEED is no whole number.
    """
    for one, other in combinations(range(len(systems)), 2):
        pair = systems[one], systems[other]
        yield one, other, 1.0 if same(*pair) else float(_paired(pair, BOOTSTRAP)[1][1].p_value)


def _paired(systems: Sequence[Measured], test: str) -> tuple[str, list[Any]]:
    """The signature of a test of sacreBLEU, and its result for each system."""
    import numpy as np
    from sacrebleu.significance import PairedTest

    seed = os.environ.get(SEED, "none")
    if seed.lower() != "none" and not seed.isdecimal():
        raise DataError(f"{SEED} is {seed!r} in the environment; expected a whole number, or none for chance")
    metric: Any = _Counted(systems[0].metric)
    # Whole numbers, as sacreBLEU has them, would be multiplied by no library, and five times as long.
    named: Any = [(str(number), np.array(system.counts, float)) for number, system in enumerate(systems)]
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
