r"""Properties of Java: `name = value`, with escapes, and values that go on behind a backslash at the end of a line.

A file that is no UTF-8 is Latin-1; where all of it is ASCII, other characters are written as `\u` and four digits,
which every reader understands. Apostrophes are written twice in values for Java's MessageFormat, if the file does so.
"""

import re
from functools import cached_property

from mtkit.documents.document import Document, Segment, replacing
from mtkit.documents.marked import Marked
from mtkit.documents.spelling import spelling, unescaped

_ENTRY = re.compile(
    r"[ \t\f]*(?P<name>(?:[^\s\\=:#!]|\\(?:.|\r?\n))(?:[^\s\\=:]|\\(?:\r?\n|.))*)[ \t\f]*(?:[=:][ \t\f]*)?"
    r"(?P<value>(?:[^\\\r\n]|\\(?:\r?\n|.))*)"
)
_BROKEN = re.compile(r"\\\r?\n[ \t\f]*")
_ESCAPED = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|.)")
_SIGNS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}
_DEFAULT = {"\\": "\\\\"} | {sign: f"\\{letter}" for letter, sign in _SIGNS.items()}
_FORMATTED = re.compile(r"\{\d")


class Properties(Document):
    """Every value is a segment."""

    expects = "properties of Java"

    def declared(self, data: bytes) -> str:
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            return "latin-1"
        return "utf-8"

    def encoded(self, text: str) -> bytes:
        if self.encoding == "latin-1" or self.text.isascii():
            text = "".join(one if _fits(one, self.encoding) else _utf16(one) for one in text)
        return text.encode(self.encoding)

    def segments(self) -> list[Segment]:
        made, at = list[Segment](), 0
        while at < len(self.text):
            end = self.text.find("\n", at)
            end = len(self.text) if end < 0 else end
            line = self.text[at:end].strip()
            if not line or line[0] in "#!":
                at = end + 1
                continue
            found = _ENTRY.match(self.text, at)
            if not found:
                raise self.refused(at, f"found {line[:40]!r}, expected NAME = VALUE or a comment")
            if found["value"].strip():
                made.append(self._segment(found["value"], found.start("value"), found.end("value")))
            at = max(found.end(), at) + 1
        return made

    def _segment(self, raw: str, start: int, end: int) -> Segment:
        breaks = _BROKEN.findall(raw)
        joined = _BROKEN.sub("", raw)
        doubled = self._doubles and bool(_FORMATTED.search(joined))
        text = unescaped(joined, _ESCAPED, _read)
        write = spelling(joined, _ESCAPED, _read, _DEFAULT)
        width = max(map(len, _BROKEN.split(raw)))
        fill = breaks[0] if breaks else ""

        def escape(some: str) -> str:
            made = write(some.replace("'", "''") if doubled else some)
            return fill.join(_filled(made, width)) if fill else made

        return replacing(self, Marked(text.replace("''", "'") if doubled else text, escape=escape), start, end)

    @cached_property
    def _doubles(self) -> bool:
        """Whether apostrophes of values that are formatted come in pairs."""
        return "''" in self.text


def _filled(text: str, width: int) -> list[str]:
    """Lines of at most `width` characters, if no word is longer, their white space at their ends."""
    made = [""]
    for word in re.findall(r"\S+\s*|\s+", text):
        if made[-1] and len(made[-1]) + len(word) > width:
            made.append("")
        made[-1] += word
    return made


def _read(escape: str) -> str:
    return chr(int(escape[2:], 16)) if escape[1] == "u" and len(escape) == 6 else _SIGNS.get(escape[1], escape[1])


def _fits(character: str, encoding: str) -> bool:
    return character.isascii() or (encoding == "latin-1" and character <= "\xff")


def _utf16(character: str) -> str:
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
