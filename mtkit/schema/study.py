"""What a study's file may say: the claim, the runs, what is measured and drawn, and how the verdict is found.

A study is fixed before its runs. Each run is an ordinary config: `base`, with the settings of `set` and of one level of
each axis on top, as `--set` has them. Must not know files, torch, nor how anything is measured.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from mtkit.schema.section import Positive, Section, choice

Word = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^@\n]+$")]
Sentence = Annotated[str, Field(min_length=1)]
Points = Annotated[list[Positive], Field(min_length=1)]
Minutes = Annotated[float, Field(gt=0)]
AT = "@"  # between the name of a series and one of its points: "recall_by_distance@100"
Names = dict[str, list[str]]
"""Of what a measure gives: name -> the points of a series; of a single number none."""


class Level(Section):
    name: Word
    """What it is called in figures and verdicts."""
    set: list[str] = []
    """KEY=VALUE lines that it stands for."""


class Axis(Section):
    name: Word
    """What is varied."""
    levels: Annotated[list[Level], Field(min_length=1)]
    """What it is varied between."""


class Recall(Section):
    """Text to be made: words to be kept in mind, so many others, and the first ones are asked for.

    The source is `items` words out of `kinds` and then words of no importance, as many as the distance says; the target
    is the first words again.
    """

    kind: Literal["recall"] = "recall"
    distances: Points
    """Words between what is to be kept and the end, by pair."""
    far: Annotated[int, Field(ge=0)] = 0
    """Beside train, `{text}/far` is text to train on whose distances are so great; 0: there is none."""
    items: Positive = 1
    """Words to be kept."""
    kinds: Annotated[int, Field(ge=2, le=400)] = 16
    """Words that they are drawn from."""
    fillers: Annotated[int, Field(ge=1, le=400)] = 16
    """Words that the others are drawn from."""
    alike: bool = False
    """Draw the others from the same words, too: only its place tells a word to be kept from them."""
    train: Positive = 1000
    """Pairs of the greatest distance to train on; of the others as many words."""
    dev: Positive = 30
    """Pairs of each distance to validate on."""
    test: Positive = 60
    """Pairs of each distance to measure on."""
    seed: Annotated[int, Field(ge=0, lt=1 << 31)] = 1
    """Of what is drawn."""

    @model_validator(mode="after")
    def _agree(self) -> "Recall":
        if self.far > max(self.distances):
            raise ValueError(f"far: found {self.far}, expected at most {max(self.distances)}, the greatest distance")
        return self


class Scores(Section):
    """Scores of the translations of data.test."""

    metrics: Annotated[list[Annotated[str, choice("metric")]], Field(min_length=1)] = ["bleu", "chrf"]
    """Scores to compute."""
    lengths: list[Positive] = []
    """Greatest numbers of source words of buckets that are scored apart; what is longer is one more bucket."""

    def buckets(self) -> list[str]:
        """What the buckets of lengths are called."""
        if not self.lengths:
            return []
        firsts = [1, *(edge + 1 for edge in self.lengths)]
        return [*(f"{first}-{edge}" for first, edge in zip(firsts, self.lengths, strict=False)), f"{firsts[-1]}+"]

    def names(self, text: Recall | None) -> Names:
        """See `Measures.names`."""
        single: Names = {metric: [] for metric in self.metrics}
        return single | ({f"{metric}_by_length": self.buckets() for metric in self.metrics} if self.lengths else {})

    @model_validator(mode="after")
    def _agree(self) -> "Scores":
        _check_rising("lengths", self.lengths)
        return self


class Dev(Section):
    """Scores of validations: of the best one, and of the last one at some minutes."""

    minutes: list[Minutes] = []
    """Minutes of training and validating at which the last validation counts."""

    def names(self, text: Recall | None) -> Names:
        """See `Measures.names`."""
        points = [f"{minute:g}" for minute in self.minutes]
        single: Names = {f"dev_{name}": [] for name in ("loss", "bleu", "chrf")}
        return single | ({"dev_bleu_by_minutes": points} if points else {})

    @model_validator(mode="after")
    def _agree(self) -> "Dev":
        _check_rising("minutes", self.minutes)
        return self


class Remembered(Section):
    """Of text of kind recall, the share of words that were kept, by distance."""

    enough: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share that counts as remembering; `reach` is the greatest distance up to which there is so much."""

    def names(self, text: Recall | None) -> Names:
        """See `Measures.names`."""
        if text is None:
            raise ValueError("measure.recall needs text to be recalled: add a table [text], or leave it out")
        points = [str(distance) for distance in sorted(set(text.distances))]
        return {"recall": [], "reach": [], "recall_by_distance": points}


class Gradients(Section):
    """The norm of the gradient of one output with respect to the encoder's state so many steps before the end."""

    steps: Points
    """Steps before."""
    sentences: Positive = 16
    """The longest sources of test; of their norms the median counts."""

    def names(self, text: Recall | None) -> Names:
        """See `Measures.names`."""
        points = [str(step) for step in self.steps]
        return {"gradient_at_start": points, "gradient_trained": points}


class Between(Section):
    """What a norm between time steps would do to the encoder before training: its gradients, and whether a sentence
    depends on the others of its batch."""

    steps: Points
    """Steps before the end."""
    sentences: Annotated[int, Field(ge=2)] = 16
    """The longest sources of test."""

    def names(self, text: Recall | None) -> Names:
        """See `Measures.names`."""
        points = [str(step) for step in self.steps]
        kinds = ("none", "layer", "batch")
        series: Names = {f"gradient_between_{kind}": points for kind in kinds}
        return series | {f"neighbours_{kind}": [] for kind in kinds}


class Alignment(Section):
    """How often attention looks elsewhere than a lexical model does."""

    sentences: Positive = 300
    """Pairs of test, at most."""
    rank: Positive = 3
    """A source piece is linked with its so many likeliest translations."""

    def names(self, text: Recall | None) -> Names:
        """See `Measures.names`."""
        return {"alignment_error": [], "linked_words": []}


class UpdateNumbers(Section):
    """What updates tell: the norm of their gradients before clipping, and whether training went wrong."""

    def names(self, text: Recall | None) -> Names:
        """See `Measures.names`."""
        return {name: [] for name in ("updates", "largest_gradient", "median_gradient", "largest_loss", "diverged")}


class Speed(Section):
    """What the clock says of training; the one measure that is not the same each time."""

    def names(self, text: Recall | None) -> Names:
        """See `Measures.names`."""
        return {name: [] for name in ("tokens_per_second", "seconds_per_update")}


class Size(Section):
    """Parameters, and the states of the memory for a mean source of test."""

    def names(self, text: Recall | None) -> Names:
        """See `Measures.names`."""
        return {name: [] for name in ("parameters", "memory_states")}


Measure = Scores | Dev | Remembered | Gradients | Between | Alignment | UpdateNumbers | Speed | Size


class Measures(Section):
    test: Scores | None = None
    dev: Dev | None = None
    recall: Remembered | None = None
    gradients: Gradients | None = None
    between: Between | None = None
    alignment: Alignment | None = None
    updates: UpdateNumbers | None = None
    speed: Speed | None = None
    size: Size | None = None

    @property
    def wants_test(self) -> bool:
        """Whether something is measured on data.test."""
        return any(key not in ("dev", "updates", "speed") for key, _ in self.wanted())

    def wanted(self) -> Iterator[tuple[str, Measure]]:
        """Those that there are, by their keys."""
        for key in type(self).model_fields:
            if (measure := getattr(self, key)) is not None:
                yield key, measure

    def names(self, text: Recall | None) -> Names:
        """Of all that is measured, what it is called, and of a series its points.

        Raises:
            ValueError: a measure needs other text.
        """
        return {name: points for _, measure in self.wanted() for name, points in measure.names(text).items()}


class Figure(Section):
    title: Sentence
    """What is to be seen."""
    kind: Literal["dots", "lines"]
    """dots: a number of each run; lines: a series of each variant."""
    value: str
    """What is drawn, by its name."""
    also: list[str] = []
    """lines: other series beside it, each of them called by its name."""
    x: str = ""
    """lines: what the points are."""
    y: Sentence
    """What the numbers are."""
    log_x: bool = False
    log_y: bool = False
    only: list[str] = []
    """Levels that the variants must have that are drawn; none: all are."""


class Condition(Section):
    """What must be true of each seed: a number, or two compared, within a bound."""

    says: Sentence
    """The same in words."""
    value: str
    """A number, or a series at a point: NAME@POINT."""
    of: list[str]
    """Levels of the variant that is meant, as many as it takes to mean one."""
    against: list[str] = []
    """Levels of another variant; none: the same one."""
    against_value: str = ""
    """Another number of that variant; "": the same one."""
    compare: Literal["difference", "ratio"] = "difference"
    """The first less the second, or over it."""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def alone(self) -> bool:
        """Whether one number is held against the bound."""
        return not self.against and not self.against_value

    @model_validator(mode="after")
    def _agree(self) -> "Condition":
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("found both or none of at_least and at_most, expected one of them")
        if self.alone and self.compare == "ratio":
            raise ValueError('found compare = "ratio" and nothing to compare with, expected against or against_value')
        return self


class Study(Section):
    title: Sentence
    """A few words."""
    claim: Sentence
    """What is said and is to be seen."""
    method: Sentence
    """What is done to see it, and what the numbers are."""
    minutes: Minutes
    """About what it takes on two cores."""
    base: Sentence
    """A recipe, or a config file beside this one."""
    set: list[str] = []
    """KEY=VALUE lines of all runs."""
    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=1 << 31)]], Field(min_length=1)] = [1, 2, 3]
    """A run a seed."""
    text: Recall | None = None
    """Text to be made, for train, dev and test; without it, that of `base`."""
    axes: Annotated[list[Axis], Field(min_length=1, max_length=3)]
    """What is varied; each level of one goes with each of the others."""
    measure: Measures
    figures: Annotated[list[Figure], Field(min_length=1)]
    verdict: Annotated[list[Condition], Field(min_length=1)]
    """All must hold."""

    @property
    def variants(self) -> list[tuple[str, ...]]:
        """A level of each axis, in every combination; the last axis goes round first."""
        made: list[tuple[str, ...]] = [()]
        for axis in self.axes:
            made = [(*before, level.name) for before in made for level in axis.levels]
        return made

    def meant(self, levels: list[str]) -> list[tuple[str, ...]]:
        """The variants that have all these levels."""
        return [variant for variant in self.variants if set(levels) <= set(variant)]

    @model_validator(mode="after")
    def _agree(self) -> "Study":
        levels = [level.name for axis in self.axes for level in axis.levels]
        _check_once("levels", levels)
        _check_once("axes", [axis.name for axis in self.axes])
        _check_once("seeds", self.seeds)
        names = self.measure.names(self.text)
        numbers = [name for name, points in names.items() if not points]
        series = [name for name, points in names.items() if points]
        for figure in self.figures:
            kind, of = ("dots", numbers) if figure.kind == "dots" else ("lines", series)
            _check_among(f"figures.value ({kind})", figure.value, of)
            for other in figure.also:
                _check_among("figures.also", other, series)
            if not self.meant(figure.only):
                raise ValueError(f"figures.only: found {figure.only}, expected levels among {levels}")
        values = numbers + [f"{name}{AT}{point}" for name in series for point in names[name]]
        for condition in self.verdict:
            for value in filter(None, (condition.value, condition.against_value)):
                _check_among("verdict.value", value, values)
            for key, wanted in (("of", condition.of), ("against", condition.against)):
                if (wanted or key == "of") and len(found := self.meant(wanted)) != 1:
                    raise ValueError(
                        f"verdict.{key}: found {wanted}, which {len(found)} variants have, expected levels that one "
                        f"has (levels: {', '.join(levels)})"
                    )
        return self


def _check_among(key: str, found: str, names: list[str]) -> None:
    if found not in names:
        raise ValueError(f"{key}: found {found!r}, expected what is measured: {', '.join(names)}")


def _check_once(key: str, names: list[str] | list[int]) -> None:
    for name in names:
        if names.count(name) > 1:  # type: ignore[arg-type]
            raise ValueError(f"{key}: found {name!r} twice, expected each once")


def _check_rising(key: str, numbers: list[int] | list[float]) -> None:
    if sorted(set(numbers)) != numbers:
        raise ValueError(f"{key}: found {numbers}, expected numbers that rise")
