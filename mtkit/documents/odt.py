"""Text documents of OpenDocument: paragraphs, headings and notes, with spans, links and fields as codes."""

import re

from mtkit.documents.marked import Marked
from mtkit.documents.office import Office, Part
from mtkit.documents.xml import Event

# What is computed, or stands beside the text.
_COMPUTED = (
    "note annotation annotation-end frame custom-shape g line rect page-number page-count date time sequence "
    "sequence-ref bookmark-ref reference-ref note-ref chapter file-name author-name author-initials title subject "
    "creation-date creation-time modification-date modification-time print-date print-time word-count character-count "
    "paragraph-count table-count image-count object-count editing-cycles editing-duration variable-get variable-set "
    "user-field-get expression database-display placeholder sheet-name change change-start change-end ruby"
)
_CLOSED = frozenset(_COMPUTED.split())


class ODTPart(Part):
    """A member with text:p and text:h."""

    paragraphs = frozenset(("p", "h"))
    expects = "OpenDocument"

    def content(self, at: int) -> tuple[Marked, int, int] | None:
        event = self.events[at]
        start, end = event.end, self.events[event.partner].start
        if start >= end or event.space.endswith(":presentation:1.0"):
            return None
        return self.marked(at + 1, event.partner, _role), start, end


class ODT(Office):
    """content.xml, and of styles.xml headers and footers."""

    members = re.compile(r"(?:content|styles)\.xml")
    needed = "content.xml"
    expects = "a text document of OpenDocument"
    part = ODTPart


def _role(event: Event) -> str:
    if event.name in ("line-break", "tab"):
        return "break"
    return "closed" if event.name in _CLOSED else ""
