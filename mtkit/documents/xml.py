"""XML as a row of events with their places in the text: tags, characters, comments and so on. Read, and never written.

The parser is expat, which checks that a document is well formed and knows at which byte it is. Entities that a document
declares are refused, which are the way of making much out of little, or of files of the reader's; others that it cannot
know stay as they are.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from xml.parsers import expat

from mtkit.documents.document import Document
from mtkit.documents.marked import Marked, Marking
from mtkit.documents.spelling import spelling
from mtkit.errors import DataError

XML = "http://www.w3.org/XML/1998/namespace"
DEEPEST = 500  # elements inside each other
_DECLARED = re.compile(rb"\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{1,40})")
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#x[0-9A-Fa-f]{1,6}|[\w.:-]{1,60});")
_NAMED = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'"}


Escape = Callable[[str], str]


@dataclass(slots=True)
class Event:
    """Something in the document.

    Attributes:
        kind: "start", "end", "text", "cdata", "cdata end" or "other".
        start, end: of its characters; an empty element's end has none.
        name: of an element, without its prefix.
        space: the namespace of its name.
        attributes: of a start; those with a prefix are named "NAMESPACE NAME".
        partner: of a start, the place of its end in the row.
    """

    kind: str
    start: int
    end: int = 0
    name: str = ""
    space: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    partner: int = -1


class XMLDocument(Document):
    """A document in XML."""

    breaks = "space"
    expects = "XML"

    def declared(self, data: bytes) -> str:
        found = _DECLARED.match(data)
        return found[1].decode() if found else "utf-8"

    def encoded(self, text: str) -> bytes:
        return text.encode(self.encoding, "xmlcharrefreplace")

    @cached_property
    def events(self) -> list[Event]:
        """All of the document.

        Raises:
            DataError: it is not well formed, or declares entities; names the place.
        """
        return _events(self)

    def marked(self, first: int, last: int, role: "Callable[[Event], str]" = lambda event: "") -> Marked:
        """The content of an element, or a part of it, with markup as codes.

        Args:
            first, last: events, the last one not among them.
            role: of an element: "closed", nothing inside is translated; "break", it ends a line, too; "open NAME" and
                "close NAME", it is closed, and marks where something begins or ends; "": it is what it seems.
        """
        made, raws = Marking(), list[str]()
        at = first
        while at < last:
            event = self.events[at]
            raw = self.text[event.start : event.end]
            if event.kind == "text":
                self.add_text(made, raw)
                raws.append(raw)
            elif event.kind == "cdata":
                made.open(raw, "cdata", plain=True)
                while self.events[at + 1].kind == "text":
                    at += 1
                    raw = self.text[self.events[at].start : self.events[at].end]
                    self.add_plain(made, raw)
                    raws.append(raw)
            elif event.kind == "cdata end":
                made.close(raw, "cdata")
            elif event.kind == "start":
                what, _, name = role(event).partition(" ")
                if what or event.partner == at + 1:
                    raw = self.text[event.start : self.events[event.partner].end]
                    if name:
                        (made.open if what == "open" else made.close)(raw, name)
                    else:
                        made.single(raw, what == "break")
                    at = event.partner
                else:
                    made.open(raw, event.name)
            elif event.kind == "end":
                made.close(raw, event.name)
            else:
                made.single(raw)
            at += 1
        return made.made(*self.escapes("".join(raws)))

    def escapes(self, raw: str) -> "tuple[Escape, Escape]":
        """How text is written where `raw` stood, and how in a section of CDATA."""
        return escaping(raw), lambda text: text.replace("]]>", "]] >")

    def add_plain(self, made: Marking, raw: str) -> None:
        """What stands in a section of CDATA."""
        made.text(raw)

    def add_text(self, made: Marking, raw: str) -> None:
        """Text, of which references that are not known stay as they are."""
        at = 0
        for found in _REFERENCE.finditer(raw):
            if read(found[0]) == found[0]:
                made.text(unescape(raw[at : found.start()]))
                made.single(found[0])
                at = found.end()
        made.text(unescape(raw[at:]))


def read(reference: str) -> str:
    """The character of a reference; one that is not known as it is."""
    if reference[1] != "#":
        return _NAMED.get(reference, reference)
    number = int(reference[3:-1], 16) if reference[2] == "x" else int(reference[2:-1])
    return chr(number) if number < 0x110000 else reference


def unescape(raw: str) -> str:
    """The text that characters of a document stand for."""
    return _REFERENCE.sub(lambda found: read(found[0]), raw) if "&" in raw else raw


def escaping(raw: str) -> Callable[[str], str]:
    """How text is written where `raw` stood."""
    bare = ">" in raw  # as it may be, but after two brackets
    default = {"&": "&amp;", "<": "&lt;"} | ({} if bare else {">": "&gt;"})
    write = spelling(raw, _REFERENCE, read, default)
    return lambda text: write(text).replace("]]>", "]]&gt;")


def _events(document: Document) -> list[Event]:
    text = document.text
    data = text.encode("utf-8")
    ascii_only = len(data) == len(text)
    made, opened = list[Event](), list[int]()
    byte = character = 0

    def place() -> int:
        nonlocal byte, character
        now = parser.CurrentByteIndex
        character += now - byte if ascii_only else len(data[byte:now].decode("utf-8"))
        byte = now
        return character

    def add(kind: str) -> Event:
        event = Event(kind, place())
        if made:
            made[-1].end = event.start
        made.append(event)
        return event

    def start(name: str, attributes: dict[str, str]) -> None:
        event = add("start")
        event.space, _, event.name = name.rpartition(" ")
        event.attributes = attributes
        opened.append(len(made) - 1)
        if len(opened) > DEEPEST:
            raise document.refused(event.start, f"more than {DEEPEST} elements inside each other")

    def end(name: str) -> None:
        event = add("end")
        event.space, _, event.name = name.rpartition(" ")
        made[opened.pop()].partner = len(made) - 1

    def declares(name: str, *_: Any) -> None:
        raise document.refused(place(), f"declares the entity {name[:40]!r}, which is not read: write it out first")

    parser = expat.ParserCreate("utf-8", " ")
    parser.buffer_text = False
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = lambda _: add("text")
    parser.StartCdataSectionHandler, parser.EndCdataSectionHandler = (lambda: add("cdata")), (lambda: add("cdata end"))
    parser.CommentHandler = parser.DefaultHandler = lambda _: add("other")
    parser.ProcessingInstructionHandler = lambda *_: add("other")
    parser.SkippedEntityHandler = lambda *_: add("text")
    parser.EntityDeclHandler = declares
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        what = expat.errors.messages[error.code] if error.code in expat.errors.messages else str(error)
        where = f"{document.options.name}, line {error.lineno}, column {error.offset + 1}"
        raise DataError(f"{where}: {what}; expected {document.expects}") from None
    if made:
        last = made[-1]
        tag = last.kind == "end" and text.startswith("<", last.start)  # the end of an empty element has no characters
        last.end = text.index(">", last.start) + 1 if tag else last.start if last.kind == "end" else len(text)
    return made


def with_attribute(tag: str, name: str, value: str) -> str:
    """A start tag with an attribute, which takes the place of one of that name.

    Args:
        value: needs no escape.
    """
    there = re.compile(rf"(\s{re.escape(name)}\s*=\s*)(?:\"[^\"]*\"|'[^']*')")
    if there.search(tag):
        return there.sub(lambda found: f'{found[1]}"{value}"', tag, count=1)
    end = len(tag) - (2 if tag.endswith("/>") else 1)
    return f'{tag[:end].rstrip()} {name}="{value}"{" " * tag[:end].endswith(" ")}{tag[end:]}'


def children(events: Sequence[Event], parent: int) -> list[int]:
    """The places of the elements right inside an element."""
    made, at = [], parent + 1
    while at < events[parent].partner:
        if events[at].kind == "start":
            made.append(at)
            at = events[at].partner
        at += 1
    return made
