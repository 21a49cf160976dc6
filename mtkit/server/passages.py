"""A text of several lines as lines that are translated, and back. Must not know models."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_BREAK = re.compile(r"(\r\n|\n|\r)")


@dataclass(frozen=True)
class Passage:
    """What is translated of a text, and what is between it.

    Attributes:
        between: what stands before the first line, between two, and after the last one.
    """

    lines: list[str]
    between: list[str]

    @classmethod
    def of(cls, text: str) -> "Passage":
        """Take a text apart."""
        lines, between = list[str](), [""]
        for part in _BREAK.split(text):
            if part.strip() and not _BREAK.fullmatch(part):
                lines.append(part)
                between.append("")
            else:
                between[-1] += part
        return cls(lines, between)

    def put(self, translations: Sequence[str]) -> str:
        """The text with translations in the places of its lines."""
        made = [self.between[0]]
        for translation, after in zip(translations, self.between[1:], strict=True):
            made += [translation, after]
        return "".join(made)
