"""The verdict of a study, by the rule that its file fixed: a condition holds where every seed meets it.

A condition that compares two trainings says that the first is the better one; of two, one that diverged is the worse.
"""

import math
import sys

from mtkit.report.results import Judged, Measured, Number, outcome
from mtkit.schema.study import Condition, Study

LEAST = 1e-300  # what is divided by: a gradient may have vanished altogether


def judge(study: Study, condition: Condition, runs: list[Measured]) -> Judged:
    """Hold what was measured against a condition, seed by seed."""
    by_seed = {seed: _compared(study, condition, seed, runs) for seed in study.seeds}
    met = {
        seed: _outlived(study, condition, seed, runs) if number is None else _within(condition, number)
        for seed, number in by_seed.items()
    }
    return Judged(says=condition.says, rule=rule(study, condition), by_seed=by_seed, outcome=outcome(met))


def rule(study: Study, condition: Condition) -> str:
    """A condition in words and signs."""
    bound, sign = (condition.at_least, "≥") if condition.at_least is not None else (condition.at_most, "≤")
    first = _named(study, condition.value, condition.of)
    if condition.alone:
        return f"{first} {sign} {bound:g}"
    second = _named(study, condition.against_value or condition.value, condition.against or condition.of)
    return f"{first} {'−' if condition.compare == 'difference' else '/'} {second} {sign} {bound:g}"


def _named(study: Study, value: str, levels: list[str]) -> str:
    return f"{value} of {', '.join(study.meant(levels)[0])}"


def _compared(study: Study, condition: Condition, seed: int, runs: list[Measured]) -> Number:
    """The number that is held against the bound; None: it is not known, or not finite."""

    def number(value: str, levels: list[str]) -> Number:
        (variant,) = study.meant(levels)
        return next(run.number(value) for run in runs if (run.variant, run.seed) == (variant, seed))

    first = number(condition.value, condition.of)
    if condition.alone or first is None:
        return first
    second = number(condition.against_value or condition.value, condition.against or condition.of)
    if second is None:
        return None
    if condition.compare == "difference":
        return first - second
    return min(first / max(second, LEAST), sys.float_info.max)


def _outlived(study: Study, condition: Condition, seed: int, runs: list[Measured]) -> bool | None:
    """Which of two trainings is better where one has diverged: the other one. None: neither has, or both."""
    if condition.alone or not condition.against:
        return None
    ended = [
        next(bool(run.ended) for run in runs if (run.variant, run.seed) == (study.meant(levels)[0], seed))
        for levels in (condition.of, condition.against)
    ]
    return None if ended[0] == ended[1] else ended[1]


def _within(condition: Condition, number: float) -> bool:
    assert math.isfinite(number)
    if condition.at_least is not None:
        return number >= condition.at_least
    assert condition.at_most is not None
    return number <= condition.at_most
