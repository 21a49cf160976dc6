"""What a metric is: it is given hypotheses, references and sources, and answers with a number and its signature.

Must not know models, files or torch. A metric is a function from `Texts` to `Score`, registered under "metric".
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mtkit.errors import DataError
from mtkit.registry import CHOICES, resolve
from mtkit.text.languages import hardly_spaced

BY_WORDS = {"13a", "intl", "none"}  # tokenizers that leave together what no space parts
LOSS = "loss"  # a token, of a validation: no metric, but told beside them


@dataclass(frozen=True)
class Texts:
    """What is scored; line N of each belongs together."""

    hypotheses: Sequence[str]
    references: Sequence[Sequence[str]]
    """One list a set of references."""
    sources: Sequence[str] | None = None
    """None: they are not known."""
    tokenize: str = "13a"
    """sacreBLEU's tokenizer, for metrics that take one."""
    follow: Callable[[Iterable[str]], Iterable[str]] = iter
    """The hypotheses go through it in metrics that take long, line by line, so that somebody sees how far they are."""


@dataclass(frozen=True)
class Score:
    """A number with what makes it comparable."""

    score: float
    signature: str
    text: str = ""
    """As the metric's own library prints it."""
    details: dict[str, Any] = field(default_factory=dict)
    """Whatever else the metric says of itself, unrounded."""
    name: str = ""
    """Under which the metric is registered; `scores` sets it."""


Metric = Callable[[Texts], Score]


def scores(names: Iterable[str], texts: Texts) -> list[Score]:
    """Score texts by metrics of the registry.

    Raises:
        DataError: a metric reads sources, and there are none.
    """
    return [replace(wanted(name, texts)(texts), name=name) for name in names]


def wanted(name: str, texts: Texts) -> Metric:
    """A metric of the registry that is to score these texts.

    Raises:
        DataError: it reads sources, and there are none.
    """
    if texts.sources is None and CHOICES["metric"][name].needs_sources:
        raise DataError(f"the metric {name} reads sources, and none are given: name their file, or leave it out")
    metric: Metric = resolve("metric", name)
    return metric


def cautions(names: Iterable[str], texts: Texts) -> list[str]:
    """A warning of metrics that count words, where a text has hardly a space between them; else nothing."""
    choices = [(name, CHOICES["metric"][name]) for name in names]
    by_words = [
        f"{shown(name)} (tokenize = {texts.tokenize})" if choice.tokenizes else shown(name)
        for name, choice in choices
        if choice.counts_words and (texts.tokenize in BY_WORDS or not choice.tokenizes)
    ]
    if by_words:
        # Where one has them and the other has not, there are hardly words that both have.
        for whose, some in (("references", texts.references), ("translations", [texts.hypotheses])):
            if any(map(hardly_spaced, some)):
                return [
                    f"the {whose} have hardly a space, but {' and '.join(by_words)} count what stands between spaces: "
                    'that means little; chrF does without spaces, and BLEU with eval.tokenize = "char"'
                ]
    return []


def tokenizes(names: Iterable[str]) -> bool:
    """Whether one of these metrics takes BLEU's tokenizer."""
    return any(CHOICES["metric"][name].tokenizes for name in names)


def shown(name: str) -> str:
    """A metric as people write it: "BLEU"."""
    return name if name == LOSS else CHOICES["metric"][name].shown or name


def gain(name: str, score: float) -> float:
    """A score, or a loss, as a number of which more is better."""
    return -score if name == LOSS or not CHOICES["metric"][name].higher_is_better else score


def told(values: Mapping[str, float]) -> str:
    """Scores of a validation in a line: "loss 1.234, BLEU 30.00, chrF 55.00"."""
    return ", ".join(f"{shown(name)} {value:{'.3f' if name == LOSS else '.2f'}}" for name, value in values.items())
