"""Values of JSON that are strings: of applications, and of extensions of browsers, which keep them under "message".

Names are never translated, nor what stands under a name that begins with @ or $, which says something about strings.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mtkit.documents.document import Document, Segment, replacing
from mtkit.documents.marked import Marked
from mtkit.documents.spelling import spelling, unescaped

DEEPEST = 500  # tables and lists inside each other
_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|[{}\[\],:]|[^\s"{}\[\],:]+')
_ESCAPED = re.compile(r"\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\[^u]")
_SIGNS = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_CONTROLS = {chr(code): f"\\u{code:04x}" for code in range(32)} | _SIGNS
_HALF = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Value:
    """A string: the names of what it stands in, and the places of what is between its quotes."""

    names: tuple[str, ...]
    start: int
    end: int


class JSON(Document):
    """Every string that is a value is a segment."""

    expects = "JSON"

    def segments(self) -> list[Segment]:
        values = list(self._values())
        extension = values and all(len(one.names) > 1 for one in values) and self._has_messages(values)
        escapes = self.text.isascii() and "\\u" in self.text  # whoever wrote it writes ASCII
        made = list[Segment]()
        for value in values:
            if any(name[:1] in ("@", "$") for name in value.names):
                continue
            if extension and value.names[1:] != ("message",):
                continue
            raw = self.text[value.start : value.end]
            text = unescaped(raw, _ESCAPED, _read)
            if _HALF.search(text):  # half a character cannot be read, and hardly be meant
                continue
            write = spelling(raw, _ESCAPED, _read, _CONTROLS)
            marked = Marked(text, escape=_in_ascii(write) if escapes else write)
            made.append(replacing(self, marked, value.start, value.end))
        return made

    def _has_messages(self, values: list[Value]) -> bool:
        """Whether every table of the uppermost one has a string called message."""
        tables = {one.names[0] for one in values}
        return tables == {one.names[0] for one in values if one.names[1:] == ("message",)}

    def _values(self) -> Iterator[Value]:
        """Every string that is a value.

        Raises:
            DataError: it is no JSON.
        """
        try:
            json.loads(self.text, parse_int=str, parse_float=str)  # numbers may be longer than any that is one
        except ValueError as error:
            at = getattr(error, "pos", 0)
            what = getattr(error, "msg", str(error))
            raise self.refused(at, f"{what}; expected {self.expects}") from None
        except RecursionError:
            raise self.refused(0, f"more than {DEEPEST} tables and lists inside each other") from None
        names: list[str] = []
        tables: list[bool] = []
        is_name = False
        for found in _TOKEN.finditer(self.text):
            token = found[0]
            if token in "{[":
                tables.append(token == "{")
                names.append("")
                is_name = tables[-1]
            elif token in "}]":
                tables.pop()
                names.pop()
            elif token == ",":
                is_name = tables[-1]
            elif token == ":":
                is_name = False
            elif token[0] == '"' and is_name:
                names[-1] = token[1:-1]
            elif token[0] == '"':
                yield Value(tuple(names), found.start() + 1, found.end() - 1)


def _read(escape: str) -> str:
    made: str = json.loads(f'"{escape}"')
    return made


def _in_ascii(write: Callable[[str], str]) -> Callable[[str], str]:
    """The same, with escapes for all that is not ASCII."""
    return lambda text: "".join(one if one.isascii() else json.dumps(one)[1:-1] for one in write(text))
