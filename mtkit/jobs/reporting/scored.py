"""A system on a test set with all that is computed of its lines, for what is told of them."""

from dataclasses import dataclass

from mtkit.jobs.evaluate import Result
from mtkit.jobs.reporting.systems import System

SAMPLES = 8  # of each fault, over all systems; one of each at least, and four at most


@dataclass(frozen=True)
class Scored:
    """A system with all that is computed of its lines."""

    system: System
    result: Result
    chrf: list[float]
    faults: list[list[str]]


def samples(numbers: list[int], one: Scored, systems: int) -> list[int]:
    """The worst of some lines, fewer of each system the more there are."""
    return sorted(numbers, key=lambda number: one.chrf[number - 1])[: min(4, max(1, SAMPLES // systems))]
