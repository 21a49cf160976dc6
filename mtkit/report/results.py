"""The results of a study: what was measured of each run, and what follows from it by the rule. Must not know torch."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from mtkit.schema.study import AT, Figure

Outcome = Literal["holds", "does not hold here", "undecided"]
Number = float | None
"""None: there is none, or it is not finite."""


class Record(BaseModel):
    """Base of all that is noted here: frozen, and no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Measured(Record):
    """What was measured of a run."""

    run: str
    """Its folder; says its settings, too."""
    variant: tuple[str, ...]
    """A level of each axis."""
    seed: int
    base: str
    """The config that it was made of."""
    settings: tuple[str, ...]
    """KEY=VALUE lines on top of that."""
    values: dict[str, Number]
    series: dict[str, dict[str, Number]]
    """Name -> point -> number."""
    signatures: dict[str, str] = {}
    """Metric -> how its scores were computed."""
    ended: str = ""
    """Why training ended before its time; "": it did not."""

    def number(self, value: str) -> Number:
        """What a name stands for: of a value, or of a series at a point, NAME@POINT."""
        name, at, point = value.partition(AT)
        return self.series.get(name, {}).get(point) if at else self.values.get(value)


class Judged(Record):
    """A condition of the verdict, and what came of it."""

    says: str
    rule: str
    """What was compared, and the bound."""
    by_seed: dict[int, Number]
    """Seed -> what is held against the bound."""
    outcome: Outcome


class Results(Record):
    """All that is known of a study once its runs are made."""

    kind: Literal["study"] = "study"
    format_version: int
    mtkit_version: str
    name: str
    title: str
    claim: str
    method: str
    digest: str
    """Of the study and all settings of its runs."""
    changed: list[str]
    """Settings that were put on top of the study's own."""
    axes: list[str]
    figures: list[Figure]
    runs: list[Measured]
    judged: list[Judged]
    verdict: Outcome

    @property
    def variants(self) -> list[tuple[str, ...]]:
        """In the order of the file."""
        return list(dict.fromkeys(run.variant for run in self.runs))

    def of(self, variant: tuple[str, ...]) -> list[Measured]:
        """The runs of a variant, a seed each."""
        return [run for run in self.runs if run.variant == variant]


def outcome(met: Mapping[int, bool | None]) -> Outcome:
    """What follows from whether each seed meets a condition: all, none, or some of them; None: not known."""
    if all(met.values()):
        return "holds"
    return "does not hold here" if not any(one is None or one for one in met.values()) else "undecided"


def together(outcomes: list[Outcome]) -> Outcome:
    """What follows from the conditions: one that fails is enough, and all must hold."""
    for one in ("does not hold here", "undecided"):
        if one in outcomes:
            return one
    return "holds"
