"""Translators that are none: the same again, and words turned round with all that is no word where it was."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mtkit.documents.document import Options
from mtkit.documents.formats import opened
from mtkit.documents.translated import Outcome, Search, translate
from mtkit.text import spans

OPTIONS = Options("a file", ("en", "de"))


@dataclass
class Told:
    """A translation."""

    text: str
    warnings: list[str] = field(default_factory=list)
    confidence: float | None = None


def the_same(lines: Sequence[str]) -> Iterator[Told]:
    """Every line as it is."""
    return map(Told, lines)


def turned(line: str) -> str:
    """A line with the letters of its words turned round: "Press <1>OK</1>, %s" is "sserP <1>KO</1>, %s"."""
    made, at = "", 0
    for span in spans.find(line):
        made += _turned(line[at : span.start]) + span.text
        at = span.end
    return made + _turned(line[at:])


def _turned(text: str) -> str:
    return re.sub(r"[^\W\d_]+", lambda found: found[0][::-1], text)


def turning(lines: Sequence[str]) -> Iterator[Told]:
    """Every line with its words turned round."""
    return (Told(turned(line)) for line in lines)


def outcome(kind: str, text: str | bytes, options: Options = OPTIONS, search: Search = turning) -> Outcome:
    """A document with its words turned round."""
    data = text.encode() if isinstance(text, str) else text
    return translate(opened(kind, data, options), search)


def made(kind: str, text: str, options: Options = OPTIONS, search: Search = turning) -> str:
    """The same as text."""
    return outcome(kind, text, options, search).data.decode()
