"""What is done to the lines of a chunk: translating and scoring. Must not know who does it, nor where."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from mtkit import files
from mtkit.errors import MtkitError
from mtkit.jobs.bulk.plan import Chunk
from mtkit.jobs.likelihood import Scored, score
from mtkit.text.lines import decode
from mtkit.text.readers import tsv
from mtkit.translator import forms
from mtkit.translator.request import Line, Pair, Request, Translation
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


class Job(Protocol):
    """What is done to a piece."""

    def __call__(self, translator: Translator, piece: Piece) -> Done: ...


In = TypeVar("In", Line, Pair)
Out = TypeVar("Out", Translation, Scored)


class _ByLine(ABC, Generic[In, Out]):
    """A job that makes something of each line, of as many together as is best.

    Attributes:
        form: text or jsonl.
    """

    form: str

    def __call__(self, translator: Translator, piece: Piece) -> Done:
        written, warnings = [], []
        read = [self.read(piece, number, text) for number, text in piece.texts()]
        for start in range(0, len(read), translator.window_lines):
            some = read[start : start + translator.window_lines]
            for one, made in zip(some, self.make(translator, some), strict=True):
                warnings += [(one.number, warning) for warning in made.warnings]
                written.append(
                    forms.jsonl(one.number, made, translator.decode.precision)
                    if self.form == "jsonl"
                    else self.as_text(one.number, made)
                )
        return Done("".join(written).encode(), warnings)

    @abstractmethod
    def read(self, piece: Piece, number: int, text: str) -> In:
        """What a line asks for.

        Raises:
            DataError: that cannot be read from it.
        """

    @abstractmethod
    def make(self, translator: Translator, some: list[In]) -> Iterable[Out]:
        """What comes of a window of them."""

    @abstractmethod
    def as_text(self, number: int, made: Out) -> str:
        """As plain lines."""


@dataclass(frozen=True)
class Translating(_ByLine[Line, Translation]):
    """Lines to lines, as `mtkit translate` writes them."""

    request: Request
    form: str
    scores: bool

    def read(self, piece: Piece, number: int, text: str) -> Line:
        return Line(text, number=number)

    def make(self, translator: Translator, some: list[Line]) -> Iterable[Translation]:
        return translator.window(some, request=self.request)

    def as_text(self, number: int, made: Translation) -> str:
        return forms.text(number, made, self.request.n_best, self.scores, self.request.align)


@dataclass(frozen=True)
class Scoring(_ByLine[Pair, Scored]):
    """Pairs to likelihoods, as `mtkit score` writes them."""

    form: str
    scores: bool
    align: bool

    def read(self, piece: Piece, number: int, text: str) -> Pair:
        return Pair(*tsv.parse(text, piece.name, number + 1), number)

    def make(self, translator: Translator, some: list[Pair]) -> Iterable[Scored]:
        return score(translator, self.align, some)

    def as_text(self, number: int, made: Scored) -> str:
        return made.as_text(self.scores, self.align)


def attempted(job: Job, translator: Translator, piece: Piece) -> Done:
    """What a job makes of a piece, or why it cannot."""
    try:
        return job(translator, piece)
    except MtkitError as error:
        return Done(error=str(error))


def given_up(piece: Piece, why: str) -> Done:
    """Of a piece that nobody could do; the others are done."""
    return Done(error=why)


def deciding(translator: Translator, job: Job) -> dict[str, str]:
    """All that decides what a job makes of a line, by what messages call it."""
    sums = [files.sha256(Path(name) / files.CHECKSUMS) for name in translator.names]
    decode = translator.decode  # with the precision that is taken, where that is for the machine to choose
    return ({"tag": translator.tag} if translator.tag is not None else {}) | {
        "model": " ".join(sums),
        "precision": decode.precision,
        "setting of search": decode.model_dump_json(exclude={"precision"}),
        "form": repr(job),
    }
