"""What translating and scoring are asked for, a line at a time, and what they answer."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from mtkit.schema import Decode
from mtkit.search.batched import Sampling
from mtkit.text.terms import Glossary, Told

MODEL, MEMORY = "model", "memory"
STEERED = f"{MODEL}, {MEMORY}"


@dataclass(frozen=True)
class Candidate:
    """One translation of a line.

    If something that was lost had to be put in (`Translation.warnings` says so), all but text and alignment is of what
    the model was given then and said: the line without it.
    """

    text: str
    """With source words that the vocabulary lacks copied into it; `alignment` is of the words that it then has, the
    pieces and what is told of them are those that search found."""
    score: float
    """What search ranks by; of a line in parts the sum of the log-probabilities over the length penalty of all."""
    logprob: float
    """Natural logarithm, the end of sentence included; with a shortlist, among its pieces."""
    tokens: list[str]
    """The pieces of the translation."""
    token_logprobs: list[float] | None = None
    """Of each piece and of the end; of a line in parts, of each part's pieces and end in turn. None: not asked for."""
    alignment: list[tuple[int, int]] | None = None
    """(source word, target word), numbered from 0 over white-space words; None: not asked for."""
    attention: list[list[float]] | None = None
    """A row a piece and one for the end, a column for each of `source_tokens`; of a line in parts, each part's rows in
    turn, over the columns of that part alone. None: not asked for."""
    source_tokens: list[str] | None = None
    """What the columns of `attention` stand for: the source's pieces and its end; of a line in parts, those of each
    part in turn, each with its end. A column that convolutions make of `stride` pieces has them all."""
    stride: int = 1
    """Source pieces that a column of `attention` stands for."""
    margin: float | None = None
    """By how much its score is above that of the hypothesis after it; None: not asked for, or there is none."""


@dataclass(frozen=True)
class Translation:
    """What became of a line; as a string its best translation."""

    source: str
    candidates: list[Candidate]
    """Best first, no text twice but among draws; empty for a blank line."""
    warnings: list[str] = field(default_factory=list)
    """What was done with the line that its writer may not expect."""
    origin: str = MODEL
    """Who says so: "model"; "memory"; or "model, memory", the model, steered by what a memory has of like lines."""
    terms: list[Told] = field(default_factory=list)
    """Those of a glossary that the source has."""
    broken: list[str] = field(default_factory=list)
    """What was clearly wrong with the first translation, for which others were searched (`mtkit.metrics.broken`)."""
    parts: int = 1
    """In which the line was translated."""
    confidence: float | None = None
    """The probability that it needs no change, as far as its model can tell; None: not asked for."""

    @property
    def text(self) -> str:
        """The best translation; "" for a blank line."""
        return self.candidates[0].text if self.candidates else ""

    @property
    def score(self) -> float:
        """The best translation's; 0 for a blank line."""
        return self.candidates[0].score if self.candidates else 0.0

    def __str__(self) -> str:
        return self.text

    def as_json(self, number: int = 0) -> dict[str, Any]:
        """Plain values; the line's number first."""
        best = self.candidates[0] if self.candidates else None
        return {
            "id": number,
            "source": self.source,
            "translation": self.text,
            "score": self.score,
            "logprob": best.logprob if best else 0.0,
            "tokens": best.tokens if best else [],
            "token_logprobs": best.token_logprobs if best else [],
            "nbest": [{"translation": c.text, "score": c.score, "logprob": c.logprob} for c in self.candidates],
            "alignment": best.alignment if best else None,
            "attention": best.attention if best else None,
            "source_tokens": best.source_tokens if best else None,
            "stride": best.stride if best else 1,
            "warnings": self.warnings,
            "origin": self.origin,
            "terms": [{"source": one.source, "target": one.target, "rendered": one.rendered} for one in self.terms],
            "broken": self.broken,
            **({} if self.confidence is None else {"confidence": self.confidence}),
        }


@dataclass(frozen=True)
class Line:
    """What is to be translated.

    Attributes:
        prefix: what the translation begins with.
        number: from 0; what sampling depends on, and what messages name.
        said: terms of a glossary, as they stand in it, that need not be asked for: its translation has them anyway.
    """

    text: str
    prefix: str = ""
    number: int = 0
    said: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Pair:
    """A source with a translation that is to be scored only.

    Attributes:
        number: from 0; what messages name.
    """

    text: str
    target: str
    number: int = 0


@dataclass(frozen=True)
class Request:
    """What is wanted of each line beyond its best translation.

    Attributes:
        n_best: translations a line, whose texts differ: fewer where search finds fewer. Draws are all told, though
            they be the same.
        align: links between words, and attention.
        details: the log-probabilities of pieces.
        sampling: draw instead of search.
        protect: what is no text (placeholders, tags, addresses) comes out as it went in.
        glossary: terms that must be rendered so.
        guard: what is clearly broken is searched again.
        mbr: the translation that comes first is the one of the least risk by this metric, of all that a beam has or of
            draws; "": the one that search ranks first.
        draws: so many, with `mbr` and `sampling`.
        confidence: how sure one can be of the best translation; of a model that has it.
        tag: what stands before each source, of the tags that the model was trained with; None: what the translator has.
    """

    n_best: int = 1
    align: bool = False
    details: bool = False
    sampling: Sampling | None = None
    protect: bool = True
    glossary: Glossary | None = None
    guard: bool = False
    mbr: str = ""
    draws: int = 32
    confidence: bool = False
    tag: str | None = None


def distinct(candidates: list[Candidate], n_best: int) -> list[Candidate]:
    """So many translations whose texts differ, and not only in spaces: of each the best one, which comes first."""
    if len(candidates) < 2:
        return candidates
    of_texts: dict[str, Candidate] = {}
    for one in candidates:
        of_texts.setdefault(" ".join(one.text.split()), one)
    return list(of_texts.values())[:n_best]


Search = Callable[[Sequence[Line], Decode, Request], Iterator[Translation]]
"""Lines -> their translations, in order."""


def named(lines: Sequence[Line] | Sequence[Pair]) -> str:
    """Lines as messages name them: "lines 3 to 7"."""
    first, last = lines[0].number + 1, lines[-1].number + 1
    return f"line {first}" if first == last else f"lines {first} to {last}"
