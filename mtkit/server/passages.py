"""What is translated of a text or a file, as lines, and back: plain text line by line, all else by its format.

Must not know models.
"""

import codecs
import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mtkit import registry
from mtkit.documents import html as documents
from mtkit.documents.document import Options
from mtkit.documents.formats import format_of, opened
from mtkit.documents.translated import Sentences
from mtkit.errors import DataError, MtkitError

HTML, TEXT, XML = "html", "text", "xml"
PLAIN = ".txt"  # a file of text by paragraphs
_BREAK = re.compile(r"(\r\n|\n|\r)")


class Damaged(MtkitError):
    """What was sent is not what it is said to be."""


@dataclass(frozen=True)
class Said:
    """A line's translation.

    Attributes:
        warnings: what a person is to look at it for.
        confidence: how sure one can be; None: nobody asked.
    """

    text: str
    warnings: list[str] = field(default_factory=list)
    confidence: float | None = None


class Passage(Protocol):
    """What is translated, taken apart."""

    @property
    def lines(self) -> Sequence[str]:
        """What a model is given."""
        ...

    def put(self, translations: Sequence[Said]) -> str:
        """The text with translations in the places of its lines."""
        ...


class Plain:
    """A text of which each line is translated for itself, and what is between its lines stays."""

    def __init__(self, text: str) -> None:
        self.lines, self._between = list[str](), [""]
        for part in _BREAK.split(text):
            if part.strip() and not _BREAK.fullmatch(part):
                self.lines.append(part)
                self._between.append("")
            else:
                self._between[-1] += part

    def put(self, translations: Sequence[Said]) -> str:
        """See `Passage`."""
        made = [self._between[0]]
        for translation, after in zip(translations, self._between[1:], strict=True):
            made += [translation.text, after]
        return "".join(made)


class File:
    """A file in one of the formats of documents.

    Args:
        name: as whoever sent it calls it; what it ends in says the format.
        languages: of source and target.

    Raises:
        Damaged: its format is unknown, or it is not of it.
    """

    def __init__(self, name: str, data: bytes, languages: tuple[str, str]) -> None:
        kind = TEXT if name.lower().endswith(PLAIN) else format_of(Path(name))
        if not kind:
            raise Damaged(f"files that end in {Path(name).suffix[:20]!r} are not supported")
        with _told():
            self._sentences = Sentences(opened(kind, data, Options(name, languages)))
        self.lines: Sequence[str] = self._sentences.lines

    def written(self, translations: Sequence[Said]) -> bytes:
        """The file with translations in the places of its lines.

        Raises:
            Damaged: it cannot write one.
        """
        with _told():
            return self._sentences.put(translations).data


class _Tagged(documents.HTML):
    """Text with tags of any names, none of which ends a line."""

    def within(self, name: str) -> bool:
        return True


class Page:
    """A text that is HTML or has tags of other names, or a part of it.

    Args:
        is_xml: none of its tags ends a line.
        ignored: names of tags whose elements stay as they are.

    Raises:
        Damaged: it is no text.
    """

    def __init__(
        self, text: str, languages: tuple[str, str], is_xml: bool = False, ignored: frozenset[str] = frozenset()
    ) -> None:
        # The mark says that it is UTF-8, whatever its own <meta> says.
        data = codecs.BOM_UTF8 + text.encode()
        with _told():
            document = (_Tagged if is_xml else documents.HTML)(data, Options("the text", languages))
            document.untouched = ignored if is_xml else document.untouched | ignored
            self._sentences = Sentences(document)
        self.lines: Sequence[str] = self._sentences.lines

    def put(self, translations: Sequence[Said]) -> str:
        """See `Passage`."""
        return self._sentences.put(translations).data.removeprefix(codecs.BOM_UTF8).decode()


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Errors of what was sent, as such."""
    try:
        yield
    except DataError as error:
        raise Damaged(str(error)) from None


def suffixes() -> list[str]:
    """What names of files that are taken end in."""
    return sorted({PLAIN, *(suffix for one in registry.CHOICES["document"].values() for suffix in one.suffixes)})
