"""Strings of YAML: values of tables and lists, in the style that each has; names, numbers and the like stay.

The parser is that of PyYAML, which gives events with their places and opens no alias. The name of the one table that is
around all of a locale of Rails is the code of its language, and becomes that of the target's.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from mtkit.documents.document import Document, Edit, Segment
from mtkit.documents.marked import Marked
from mtkit.errors import DataError

DEEPEST = 100  # tables and lists inside each other
_STRING = "tag:yaml.org,2002:str"
# What a plain value must not have: signs at its beginning, and what ends it. Others take quotes.
_NOT_PLAIN = re.compile(r"^[-?:,\[\]{}#&*!|>'\"%@`\s]|: |:$| #|[\n\t\r]|\s$|^$|^(?:---|\.\.\.)")
_FLOW = re.compile(r"[,\[\]{}]")
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")
_SIGNS = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_SPELLED = {ord(one): spelled for one, spelled in ({chr(n): f"\\x{n:02x}" for n in range(32)} | _SIGNS).items()}


class YAML(Document):
    """Every string that is a value is a segment."""

    expects = "YAML"

    def segments(self) -> list[Segment]:
        try:
            import yaml
        except ImportError:
            raise DataError(f"{self.options.name}: YAML needs PyYAML: pip install 'mtkit[documents]'") from None
        made = list[Segment]()
        self._language: tuple[int, int] | None = None
        resolver = yaml.resolver.Resolver()
        around: list[list[int | bool]] = []  # of what is open: whether it is a table, and how many values it has
        flow = 0  # tables and lists in brackets
        try:
            for event in yaml.parse(self.text, Loader=yaml.SafeLoader):
                if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                    self._count(around)
                    flow += bool(flow or event.flow_style)
                    around.append([isinstance(event, yaml.MappingStartEvent), 0])
                    if len(around) > DEEPEST:
                        raise self.refused(self._at(event), f"more than {DEEPEST} tables and lists inside each other")
                elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                    if len(around) == 1 and around[0][1] != 2:
                        self._language = None  # it is not one name around all
                    around.pop()
                    flow -= flow > 0
                elif isinstance(event, yaml.AliasEvent):
                    self._count(around)
                elif isinstance(event, yaml.ScalarEvent):
                    name = bool(around) and around[-1][0] and around[-1][1] % 2 == 0
                    if name and len(around) == 1 and around[0][1] == 0:
                        self._see(event)
                    self._count(around)
                    tag = event.tag or resolver.resolve(yaml.ScalarNode, event.value, event.implicit)
                    if not name and tag in (_STRING, "!") and event.value.strip():
                        made.append(self._segment(event, flow > 0))
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
            what = getattr(error, "problem", None) or getattr(error, "reason", None) or "no YAML"
            at = mark.index if mark else getattr(error, "position", 0)
            raise self.refused(at, f"{what}; expected {self.expects}") from None
        except RecursionError:
            raise self.refused(0, f"more than {DEEPEST} tables and lists inside each other") from None
        return made

    @staticmethod
    def _count(around: list[list[int | bool]]) -> None:
        if around:
            around[-1][1] += 1

    @staticmethod
    def _at(event: Any) -> int:
        place: int = event.start_mark.index
        return place

    def _see(self, event: Any) -> None:
        """The first name of the uppermost table, which may be a language's."""
        if event.value.replace("_", "-").lower() == self.options.languages[0].replace("_", "-").lower():
            self._language = event.start_mark.index, event.end_mark.index

    def _segment(self, event: Any, flow: bool) -> Segment:
        start, end = event.start_mark.index, event.end_mark.index
        found = _PROPERTIES.match(self.text, start, end)
        start = found.end() if found and (event.anchor or event.tag) else start
        raw = self.text[start:end]
        body = start
        if event.style in ("|", ">"):  # the mark's line is not touched, nor are line ends after the last line
            body = self.text.index("\n", start) + 1
            end = body + len(self.text[body:end].rstrip())
            raw = self.text[body:end]
        text = event.value if event.style != ">" else event.value.rstrip("\n")

        def write(texts: Sequence[str], _: bool) -> Iterable[Edit]:
            if texts[0] != text:
                yield Edit(body, end, self._written(texts[0], event.style, raw, flow))
                if self._language:
                    yield Edit(*self._language, self.options.languages[1])

        return Segment([Marked(text)], self.where(start), write)

    def _written(self, text: str, style: str | None, raw: str, flow: bool) -> str:
        if style in ("|", ">"):
            indent = raw[: len(raw) - len(raw.lstrip(" "))]
            lines = text.rstrip("\n").split("\n")
            if style == ">":  # a line end alone is a space
                lines = [piece for line in lines for piece in (line, "")][:-1]
            end = "\r\n" if "\r\n" in self.text else "\n"
            return end.join(indent + line if line.strip() else "" for line in lines)
        if style == "'" and "\n" not in text:
            return "'" + text.replace("'", "''") + "'"
        plain = not _NOT_PLAIN.search(text) and not (flow and _FLOW.search(text)) and self._is_string(text)
        if style in ('"', "'") or not plain:
            return f'"{text.translate(_SPELLED)}"'
        return text

    @staticmethod
    def _is_string(text: str) -> bool:
        """Whether a plain value is not read as a number, a date or the like."""
        import yaml

        tag: str = yaml.resolver.Resolver().resolve(yaml.ScalarNode, text, (True, False))
        return tag == _STRING
