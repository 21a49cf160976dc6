"""What a document is: text with places that are translated; all else stays as it is, character for character.

A format is a subclass in a file of its own and a line in the registry under "document". It says where the text stands
that is translated, and how text is written there; nothing is parsed and written anew. Must not know what translates.
"""

import codecs
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from mtkit.documents.marked import Marked
from mtkit.errors import DataError
from mtkit.text import compression
from mtkit.text.languages import primary

LONGEST = 1 << 26  # characters of a line
LARGEST = 1 << 28  # bytes of a document
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


@dataclass(frozen=True)
class Edit:
    """What comes in the place of some characters of a document, or of a part of one."""

    start: int
    end: int
    text: str
    part: str = ""


Write = Callable[[Sequence[str], bool], Iterable[Edit]]


@dataclass(frozen=True)
class Options:
    """What is known beside the document.

    Attributes:
        name: of the file, for messages.
        languages: of source and target.
        columns: of columns of text, that of a source and that of its translation, from 1.
        marked: which translations are marked as not yet looked at by a person: "all", "doubtful" or "none".
        everything: what has a translation already is translated, too.
    """

    name: str
    languages: tuple[str, str]
    columns: tuple[tuple[int, int], ...] = ((1, 2),)
    marked: str = "all"
    everything: bool = False

    def marks(self, doubtful: bool) -> bool:
        """Whether a translation is marked."""
        return self.marked == "all" or (self.marked == "doubtful" and doubtful)


@dataclass(frozen=True)
class Segment:
    """Text that is translated for itself, or the forms of one.

    Attributes:
        sources: what is to be translated.
        where: it stands, as messages say it: "line 12".
        write: translations of the sources, as they are to stand in the document, and whether a person is to look at
            them, to what changes. The same edit of two segments counts once.
        target: what the document has as its translation.
        doubt: why a person must see to it whatever the translation is like; "": there is no reason.
    """

    sources: Sequence[Marked]
    where: str
    write: Write
    target: str = ""
    doubt: str = ""


class Document(ABC):
    """A document in memory.

    Args:
        data: its bytes.
        options: what is known of it.

    Attributes:
        breaks: what a line break within a text is: "space"; "guess": a space where a width has made it; "lines": a
            space, and the translation has as many lines.
        expects: what a file of the format is, for messages.
        binary: whether its bytes are no text.

    Raises:
        DataError: it is damaged, too large, or no document of this format; names the place.
    """

    breaks: ClassVar[str] = "guess"
    expects: ClassVar[str] = "text"
    binary: ClassVar[bool] = False

    def __init__(self, data: bytes, options: Options) -> None:
        self.options = options
        if len(data) > LARGEST:
            raise DataError(f"{options.name} has {len(data):,} bytes, expected at most {LARGEST:,}: cut it into parts")
        self.mark = next((mark for mark in _MARKS if data.startswith(mark)), b"")
        data = data.removeprefix(self.mark)
        self.encoding = _MARKS.get(self.mark) or self.declared(data)
        self.text = self._decoded(data)
        if len(self.text) > LONGEST:
            self._check_lines()

    def declared(self, data: bytes) -> str:
        """The encoding of what has no byte order mark."""
        return "utf-8"

    @abstractmethod
    def segments(self) -> list[Segment]:
        """What can be translated, in order.

        Raises:
            DataError: it is no document of this format; names the place.
        """

    @property
    def languages(self) -> tuple[str, str]:
        """Of source and target, as the document says; "": it does not."""
        return "", ""

    def cautions(self) -> list[str]:
        """What is odd about translating it so, once its segments are known."""
        made = []
        for side, said, wanted in zip(("source", "target"), self.languages, self.options.languages, strict=True):
            if said and primary(said) != primary(wanted):
                made.append(f"its {side} language is {said[:20]!r} by what it says, and this model's is {wanted!r}")
        return made

    def written(self, edits: Iterable[Edit]) -> bytes:
        """The document with what changes in it.

        Raises:
            DataError: the encoding of the document lacks a character of a translation.
        """
        return self.mark + self.encoded(spliced(self.text, edits))

    def encoded(self, text: str) -> bytes:
        """Text as bytes.

        Raises:
            DataError: the encoding lacks a character.
        """
        try:
            return text.encode(self.encoding)
        except UnicodeEncodeError as error:
            raise DataError(
                f"{self.options.name} is in {self.encoding}, which cannot write {text[error.start]!r} of a "
                "translation; convert it to UTF-8 first, e.g. with iconv"
            ) from None

    def where(self, at: int) -> str:
        """The line of a character, as messages say it."""
        return f"line {bisect_left(self._breaks, at) + 1}"

    def refused(self, at: int, what: str) -> DataError:
        """An error that names the place.

        Args:
            what: was found and was expected.
        """
        return DataError(f"{self.options.name}, {self.where(at)}: {what}")

    @cached_property
    def _breaks(self) -> list[int]:
        return [at for at, character in enumerate(self.text) if character == "\n"]

    def _decoded(self, data: bytes) -> str:
        name = self.options.name
        try:
            text = data.decode(self.encoding)
        except UnicodeDecodeError as error:
            if told := compression.told(data):
                raise DataError(f"{name} is no {self.expects} but {told}") from None
            line, byte = data.count(b"\n", 0, error.start) + 1, data[error.start]
            raise DataError(
                f"{name}, line {line}: 0x{byte:02x} is not {self.encoding.upper()}; expected {self.expects} in it"
            ) from None
        except (LookupError, ValueError):
            raise DataError(f"{name} says it is in {self.encoding!r}, which is no encoding that is known") from None
        if data and "\0" in text:
            line = text.count("\n", 0, text.index("\0")) + 1
            raise DataError(f"{name}, line {line}: a NUL, which no text has; expected {self.expects}")
        return text

    def _check_lines(self) -> None:
        for number, line in enumerate(self.text.split("\n"), 1):
            if len(line) > LONGEST:
                raise DataError(f"{self.options.name}, line {number}: longer than {LONGEST:,}; expected {self.expects}")


def replacing(document: Document, source: Marked, start: int, end: int, **more: str) -> Segment:
    """A segment in whose place its translation comes.

    Args:
        start, end: of the text in the document.
        more: of the segment.
    """

    def write(texts: Sequence[str], _: bool) -> list[Edit]:
        return [] if texts[0] == source.restored(source.text) else [Edit(start, end, texts[0])]

    return Segment([source], document.where(start), write, **more)


def spliced(text: str, edits: Iterable[Edit]) -> str:
    """Text with what changes in it; changes do not overlap, and those at one place come in their order."""
    made: list[str] = []
    at = 0
    for edit in sorted(dict.fromkeys(edits), key=lambda one: (one.start, one.end)):
        assert edit.start >= at, f"two changes of one text at {edit.start}"
        made += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*made, text[at:]])
