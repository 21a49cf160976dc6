"""Fluent: values and attributes of messages, each variant of a choice for itself; terms, too, but those of brands.

The parser is that of fluent.syntax, which knows where all of it stands.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from mtkit.documents import plurals
from mtkit.documents.document import Document, Segment, replacing
from mtkit.documents.marked import Marked, Marking, as_it_is
from mtkit.documents.translated import AMONG_WORDS
from mtkit.errors import DataError

MORE_VARIANTS = "the target language has plurals for which there is no variant"
KEYS = {"accesskey", "key", "keycode", "commandkey", "style", "rows", "cols", "size", "width", "height"}
_PLACEABLE = re.compile(r"\{[^{}]*\}")
_STARTS_ELSE = re.compile(r"\r?\n[ ]*(?=[.*\[}])")


class Fluent(Document):
    """Every pattern without a choice is a segment."""

    expects = "Fluent"

    def segments(self) -> list[Segment]:
        try:
            from fluent.syntax import FluentParser, ast
        except ImportError:
            raise DataError(
                f"{self.options.name}: Fluent needs fluent.syntax: pip install 'mtkit[documents]'"
            ) from None
        try:
            resource = FluentParser(with_spans=True).parse(self.text)
        except RecursionError:
            raise self.refused(0, "placeables nested too deeply to be read; expected Fluent") from None
        made = list[Segment]()
        for entry in resource.body:
            if isinstance(entry, ast.Junk):
                wrong = entry.annotations[0]
                at = wrong.span.start if wrong.span else 0
                raise self.refused(at, f"{wrong.message}; expected {self.expects}")
            brand = isinstance(entry, ast.Term) and "brand" in entry.id.name
            if isinstance(entry, ast.Message | ast.Term) and not brand:
                named = [(entry.id.name.rpartition("-")[2], entry.value)]
                named += [(one.id.name, one.value) for one in entry.attributes]
                for name, pattern in named:
                    if pattern and name not in KEYS:
                        made += self._pattern(pattern)
        return made

    def _pattern(self, pattern: Any, doubt: str = "") -> Iterator[Segment]:
        """What of a pattern is translated."""
        start, end = pattern.span.start, pattern.span.end
        choices = [one for one in pattern.elements if _chooses(one)]
        if len(choices) == 1 and not self._words_around(pattern, choices[0]):
            variants = choices[0].expression.variants
            keys = {getattr(one.key, "name", "") for one in variants}
            wanted = plurals.quantities(self.options.languages[1])
            lacks = bool(keys & {"one", "two", "few", "many"}) and len(wanted) > 2 and not keys >= set(wanted)
            for variant in variants:
                yield from self._pattern(variant.value, MORE_VARIANTS if lacks else doubt)
            return
        marking, at = Marking(), start
        for choice in choices:
            marking.text(self.text[at : choice.span.start])
            marking.single(self.text[choice.span.start : choice.span.end])
            at = choice.span.end
        marking.text(self.text[at:end])
        marked = marking.made(as_it_is)
        there = Counter(_PLACEABLE.findall(marked.text))

        def whole(translation: str) -> bool:
            bare = _PLACEABLE.sub("", translation)
            return Counter(_PLACEABLE.findall(translation)) == there and "{" not in bare and "}" not in bare

        safe = Marked(marked.text, marked.codes, _joined_up, check=whole)
        yield replacing(self, safe, start, end, doubt=AMONG_WORDS if choices else doubt)

    def _words_around(self, pattern: Any, choice: Any) -> bool:
        """Whether there is something beside a choice."""
        around = self.text[pattern.span.start : choice.span.start] + self.text[choice.span.end : pattern.span.end]
        return bool(around.strip())


def _chooses(element: Any) -> bool:
    return hasattr(getattr(element, "expression", None), "variants")


def _joined_up(text: str) -> str:
    """Text of which no line begins as something else does."""
    return _STARTS_ELSE.sub(" ", text)
