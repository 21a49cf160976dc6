"""What a report says, as plain numbers and strings: gathered by `mtkit.jobs.report`, shown by `mtkit.report.overview`.

Must not know where any of it comes from. Texts are as the data has them: nothing is escaped here.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Curve:
    """A number over the updates of a run; of many that were logged in training, means of a few each."""

    updates: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class SideLengths:
    """Lengths of one side of a text, in pieces of the model."""

    mean: float
    median: int
    p95: int
    longest: int
    pieces_per_word: float
    byte_share: float
    """Share of pieces that are single bytes."""


@dataclass(frozen=True)
class SplitFacts:
    """A part of the text: train, dev."""

    name: str
    pairs: int
    source: SideLengths
    target: SideLengths


@dataclass(frozen=True)
class Dropped:
    """Pairs of the training text that broke a rule."""

    rule: str
    pairs: int
    samples: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Overlap:
    """What a text of dev or test has in common with train."""

    name: str
    pairs: int
    """Of it that stand in train."""
    sources: int
    """Its pairs whose source stands in train."""
    of: int
    """Its pairs; 0: they were not counted."""


@dataclass(frozen=True)
class Bars:
    """A histogram: from each edge to the next, the last one without end."""

    edges: tuple[int, ...]
    source: tuple[int, ...]
    target: tuple[int, ...]


@dataclass(frozen=True)
class TextFacts:
    """What a run was trained on."""

    name: str
    """Of the languages, and where it is prepared."""
    pairs_read: int
    splits: tuple[SplitFacts, ...]
    dropped: tuple[Dropped, ...]
    duplicates: int
    overlap: tuple[Overlap, ...]
    lengths: Bars | None
    """Of training sentences, in pieces; None: they cannot be read."""
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class RunFacts:
    """A training run."""

    name: str
    about: Mapping[str, str]
    """What it is, in words: "encoder" -> "1 layer of gru, both ways"."""
    curves: Mapping[str, Curve]
    """"loss", "lr", "grad_norm", "tokens_per_second" of updates; "dev loss", "dev BLEU", … of validations."""
    best: Mapping[str, float]
    """Metric -> score of the best model, on dev."""
    ended: str
    """Why; "": it has not, or that is not known."""
    minutes: float | None
    text: TextFacts | None
    notes: tuple[str, ...]
    """What is missing or damaged, a sentence each."""


@dataclass(frozen=True)
class ScoreFacts:
    """A score of a system, as `mtkit eval` has it."""

    score: float
    signature: str
    mean: float | None = None
    half_width: float | None = None
    p_bootstrap: float | None = None
    p_randomization: float | None = None
    differs: bool = False


@dataclass(frozen=True)
class Fault:
    """Lines with a fault, and some of them by number, from 1."""

    name: str
    lines: int
    share: float
    samples: tuple[int, ...]


@dataclass(frozen=True)
class CalibrationFacts:
    """Probability beside quality; see `mtkit.metrics.calibration`."""

    probabilities: tuple[float, ...]
    qualities: tuple[float, ...]
    correlation: float


@dataclass(frozen=True)
class SystemFacts:
    """A system on a test set."""

    name: str
    scores: Mapping[str, ScoreFacts]
    """Metric -> score."""
    length_ratio: float | None
    """Words over the reference's."""
    faults: tuple[Fault, ...]
    calibration: CalibrationFacts | None
    model: str = ""
    """Where it can be looked into; "": nowhere."""


@dataclass(frozen=True)
class Buckets:
    """Scores of groups of lines or words."""

    by: str
    """What makes the groups: "length of the source"."""
    unit: str
    """In what: "words"."""
    what: str
    """What the values are: "chrF"."""
    of: str
    """What is counted: "lines"."""
    names: tuple[str, ...]
    counts: tuple[int, ...]
    values: Mapping[str, tuple[float | None, ...]]
    """System -> a value a group; None: there is none."""


@dataclass(frozen=True)
class Attention:
    """Where a model looked."""

    source: tuple[str, ...]
    """Pieces and the end; after a convolution a column may have several."""
    target: tuple[str, ...]
    """Pieces and the end."""
    weights: tuple[tuple[float, ...], ...]
    """A row a target piece, a column a source piece; a row adds up to 1."""


@dataclass(frozen=True)
class Sentence:
    """A line of a test set with what became of it."""

    number: int
    """From 1."""
    source: str | None
    references: tuple[str, ...]
    hypotheses: Mapping[str, str]
    scores: Mapping[str, float]
    """System -> chrF of the line."""
    faults: Mapping[str, tuple[str, ...]]
    attention: Mapping[str, Attention] = field(default_factory=dict)
    """System -> attention of its model, where there is one."""


@dataclass(frozen=True)
class Difference:
    """Two systems, tested against each other by paired bootstrap resampling."""

    metric: str
    one: str
    other: str
    p_value: float


@dataclass(frozen=True)
class TestFacts:
    """Systems on a test set."""

    __test__ = False  # for pytest

    name: str
    lines: int
    systems: tuple[SystemFacts, ...]
    """The first one is the baseline."""
    differences: tuple[Difference, ...]
    buckets: tuple[Buckets, ...]
    sentences: Mapping[str, tuple[Sentence, ...]]
    """"worst", "best", "most different", "faults" -> lines."""
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Findings:
    """All of a report."""

    runs: tuple[RunFacts, ...] = ()
    tests: tuple[TestFacts, ...] = ()
    notes: tuple[str, ...] = ()
    fault_meanings: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain values, unrounded; what is no finite number is None."""
        made: dict[str, Any] = _plain(asdict(self))
        return made


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {key: _plain(one) for key, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case float() if not math.isfinite(value):
            return None
    return value
