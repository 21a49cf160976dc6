"""Documents of word processors: archives, of which some members are XML with paragraphs.

Only members in which something is translated are written; see `zip.py`.
"""

import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import ClassVar

from mtkit.documents.document import LARGEST, Document, Edit, Options, Segment
from mtkit.documents.marked import Marked
from mtkit.documents.xml import XMLDocument
from mtkit.documents.zip import Archive
from mtkit.errors import DataError


class Part(XMLDocument):
    """A member with paragraphs.

    Attributes:
        paragraphs: the names of their elements.
    """

    paragraphs: ClassVar[frozenset[str]] = frozenset()

    def segments(self) -> list[Segment]:
        made, at = list[Segment](), 0
        while at < len(self.events):
            event = self.events[at]
            if event.kind == "start" and event.name in self.paragraphs:
                made += self._paragraph(at)
                at = event.partner
            at += 1
        return made

    @abstractmethod
    def content(self, at: int) -> tuple[Marked, int, int] | None:
        """The text of a paragraph and where it begins and ends; None: it has none."""

    def _paragraph(self, at: int) -> list[Segment]:
        """A paragraph; those inside of it, in notes and frames, go into the places that they have in its markup."""
        found = self.content(at)
        if not found or not _has_text(found[0]):
            return [segment for one in self._inside(at) for segment in self._paragraph(one)]
        marked, start, end = found
        inside = [
            (one, content) for one in self._inside(at) if (content := self.content(one)) and _has_text(content[0])
        ]
        before = marked.restored(marked.text)

        def write(texts: Sequence[str], _: bool) -> Iterator[Edit]:
            whole = texts[-1]
            for (one, (_marked, first, last)), text in zip(inside, texts, strict=False):  # the last is its own
                begun, ended = self.events[one].start, self.events[self.events[one].partner].end
                new = self.text[begun:first] + text + self.text[last:ended]
                whole = whole.replace(self.text[begun:ended], new, 1)
            if whole != before:
                yield Edit(start, end, whole)

        return [Segment([*(content[0] for _, content in inside), marked], self.where(start), write)]

    def _inside(self, at: int) -> Iterator[int]:
        """Paragraphs right inside a paragraph."""
        place = at + 1
        while place < self.events[at].partner:
            event = self.events[place]
            if event.kind == "start" and event.name in self.paragraphs:
                yield place
                place = event.partner
            place += 1


class Office(Document):
    """An archive whose parts are translated one after another."""

    breaks = "space"
    binary = True
    members: ClassVar[re.Pattern[str]] = re.compile("")
    needed: ClassVar[str] = ""
    part: ClassVar[type[Part]]

    def __init__(self, data: bytes, options: Options) -> None:
        self.options = options
        if len(data) > LARGEST:
            raise DataError(f"{options.name} has {len(data):,} bytes, expected at most {LARGEST:,}: cut it into parts")
        self._archive = Archive(data, options.name)
        if self.needed not in self._archive.members:
            raise DataError(f"{options.name} has no {self.needed} in it; expected {self.expects}")
        self._parts: dict[str, Part] = {}
        for name in sorted(self._archive.members):
            if self.members.fullmatch(name):
                named = replace(options, name=f"{options.name} ({name})")
                self._parts[name] = self.part(self._archive.read(name), named)

    def segments(self) -> list[Segment]:
        return [self._placed(one, name) for name, part in self._parts.items() for one in part.segments()]

    @staticmethod
    def _placed(segment: Segment, name: str) -> Segment:
        """A segment of a part whose changes say so."""

        def write(texts: Sequence[str], doubtful: bool) -> Iterator[Edit]:
            yield from (replace(edit, part=name) for edit in segment.write(texts, doubtful))

        return replace(segment, where=f"{name}, {segment.where}", write=write)

    def written(self, edits: Iterable[Edit]) -> bytes:
        of_parts: dict[str, list[Edit]] = {}
        for edit in edits:
            of_parts.setdefault(edit.part, []).append(edit)
        return self._archive.written({name: self._parts[name].written(some) for name, some in of_parts.items()})


def _has_text(marked: Marked) -> bool:
    return bool(re.sub(r"</?\d+/?>", "", marked.text).strip())
