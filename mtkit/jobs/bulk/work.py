"""What is done to the lines of a chunk: translating and scoring. Must not know who does it, nor where."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from mtkit import files
from mtkit.errors import MtkitError
from mtkit.jobs.bulk.plan import Chunk
from mtkit.jobs.likelihood import score
from mtkit.text.lines import decode
from mtkit.text.readers import tsv
from mtkit.translator import forms
from mtkit.translator.request import Line, Pair, Request
from mtkit.translator.translator import Translator


@dataclass(frozen=True)
class Piece:
    """The lines of a chunk, as they stand in their file."""

    name: str
    """Of the file, for messages."""
    chunk: Chunk
    data: bytes

    def __str__(self) -> str:
        return f"lines {self.chunk.first + 1:,} to {self.chunk.first + self.chunk.lines:,} of {self.name}"

    def texts(self) -> Iterator[tuple[int, str]]:
        """Its lines and their numbers in the file, from 0.

        Raises:
            DataError: one is not UTF-8; names it.
        """
        *raw, last = self.data.split(b"\n")
        whole = [line + b"\n" for line in raw] + ([last] if last else [])
        for number, (line, _) in enumerate(decode(whole, self.name, self.chunk.first + 1), self.chunk.first):
            yield number, line


@dataclass(frozen=True)
class Done:
    """What was made of a piece."""

    text: bytes = b""
    warnings: list[tuple[int, str]] = field(default_factory=list)
    """Each with the number of its line, from 0."""
    error: str = ""
    """Why nothing was; "": it was."""


In = TypeVar("In")


class Job(Protocol):
    """What is done to a piece."""

    def __call__(self, translator: Translator, piece: Piece) -> Done: ...


@dataclass(frozen=True)
class Translating:
    """Lines to lines, as `mtkit translate` writes them."""

    request: Request
    form: str
    scores: bool

    def __call__(self, translator: Translator, piece: Piece) -> Done:
        written, warnings = [], []
        lines = [Line(text, number=number) for number, text in piece.texts()]
        for some in _windows(lines, translator.window_lines):
            for line, made in zip(some, translator.window(some, request=self.request), strict=True):
                warnings += [(line.number, warning) for warning in made.warnings]
                written.append(
                    forms.jsonl(line.number, made, translator.decode.precision)
                    if self.form == "jsonl"
                    else forms.text(line.number, made, self.request.n_best, self.scores, self.request.align)
                )
        return Done("".join(written).encode(), warnings)


@dataclass(frozen=True)
class Scoring:
    """Pairs to likelihoods, as `mtkit score` writes them."""

    form: str
    scores: bool
    align: bool

    def __call__(self, translator: Translator, piece: Piece) -> Done:
        written, warnings = [], []
        pairs = [Pair(*tsv.parse(text, piece.name, number + 1), number) for number, text in piece.texts()]
        for some in _windows(pairs, translator.window_lines):
            for pair, made in zip(some, score(translator, self.align, some), strict=True):
                warnings += [(pair.number, warning) for warning in made.warnings]
                written.append(
                    forms.jsonl(pair.number, made, translator.decode.precision)
                    if self.form == "jsonl"
                    else made.as_text(self.scores, self.align)
                )
        return Done("".join(written).encode(), warnings)


def attempted(job: Job, translator: Translator, piece: Piece) -> Done:
    """What a job makes of a piece, or why it cannot."""
    try:
        return job(translator, piece)
    except MtkitError as error:
        return Done(error=str(error))


def deciding(translator: Translator, job: Job) -> dict[str, str]:
    """All that decides what a job makes of a line, by what messages call it."""
    sums = [files.sha256(Path(name) / files.CHECKSUMS) for name in translator.names]
    decode = translator.decode  # with the precision that is taken, where that is for the machine to choose
    return {
        "model": " ".join(sums),
        "precision": decode.precision,
        "setting of search": decode.model_dump_json(exclude={"precision"}),
        "form": repr(job),
    }


def _windows(some: list[In], most: int) -> Iterator[list[In]]:
    for start in range(0, len(some), most):
        yield some[start : start + most]
