"""What translating and scoring are asked for, a line at a time, and what they answer."""

from dataclasses import dataclass, field

from mtkit.search.batched import Sampling


@dataclass(frozen=True)
class Candidate:
    """One translation of a line."""

    text: str
    score: float
    """What search ranks by; of a line in parts the sum of the log-probabilities over the length penalty of all."""
    logprob: float
    """With a shortlist, among its words."""
    tokens: list[str]
    token_logprobs: list[float] | None = None
    """Of each token and of the end; of a line in parts, of each part's tokens and end in turn. None: not asked for."""
    alignment: list[tuple[int, int]] | None = None
    """(source word, target word), numbered from 0 over white-space words; None: not asked for."""
    attention: list[list[float]] | None = None
    """A row a token and one for the end, over source tokens and their end; None: not asked for, or a line in parts."""


@dataclass(frozen=True)
class Translation:
    """What became of a line."""

    source: str
    candidates: list[Candidate]
    """Best first; empty for a blank line."""
    warnings: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The best translation; "" for a blank line."""
        return self.candidates[0].text if self.candidates else ""


@dataclass(frozen=True)
class Line:
    """What is to be translated.

    Attributes:
        prefix: what the translation begins with.
        number: from 0; what sampling depends on, and what messages name.
    """

    text: str
    prefix: str = ""
    number: int = 0


@dataclass(frozen=True)
class Request:
    """What is wanted of each line beyond its translation.

    Attributes:
        n_best: translations a line.
        align: links between words, and attention.
        details: the scores of tokens.
        sampling: draw instead of search.
        forced: a line's prefix is all of its translation, to be scored only; where a side is blank, nothing is.
    """

    n_best: int = 1
    align: bool = False
    details: bool = False
    sampling: Sampling | None = None
    forced: bool = False
