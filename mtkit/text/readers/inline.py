"""Markup within a segment as text that a translator brings through: `<1>`, `</1>`, `<2/>`.

As the translator of documents writes it, so that models learn to place what they will be given. Both sides of a pair
number alike what has the same name in the file.
"""

from collections.abc import Hashable

_SPACE = " \t\r\n"


class Numbers:
    """Which number each piece of markup of a pair has, in the order in which the source has them."""

    def __init__(self) -> None:
        self._of: dict[Hashable, int] = {}

    def __getitem__(self, name: Hashable) -> int:
        return self._of.setdefault(name, len(self._of) + 1)


class Text:
    """The text of a segment, put together from what a file says of it in turn.

    Markup that is only opened, or only closed, in it is written as if it stood alone.
    """

    def __init__(self) -> None:
        self._parts: list[str | tuple[str, Hashable]] = []
        self._alone = 0

    def add(self, text: str) -> None:
        """Characters."""
        self._parts.append(text)

    def open(self, name: Hashable) -> None:
        """Markup that encloses text begins."""
        self._parts.append(("open", name))

    def close(self, name: Hashable) -> None:
        """It ends."""
        self._parts.append(("close", name))

    def single(self, name: Hashable) -> None:
        """Markup that stands for something; without a name it is known by its place among those that have none."""
        if name is None:
            self._alone += 1
            name = ("alone", self._alone)
        self._parts.append(("single", name))

    def written(self, numbers: Numbers) -> str:
        """The text; white space at its ends is dropped, line breaks in it are spaces."""
        pairs = self._pairs()
        made = list[str]()
        for place, part in enumerate(self._parts):
            if isinstance(part, str):
                made.append(part)
            else:
                kind, name = part
                number = numbers[name]
                if kind == "single" or place not in pairs:
                    made.append(f"<{number}/>")
                else:
                    made.append(f"<{number}>" if kind == "open" else f"</{number}>")
        return " ".join("".join(made).strip(_SPACE).splitlines())

    def _pairs(self) -> set[int]:
        """The places of what is opened and closed again, nested."""
        opened, found = list[tuple[int, Hashable]](), set[int]()
        for place, part in enumerate(self._parts):
            if isinstance(part, str) or part[0] == "single":
                continue
            if part[0] == "open":
                opened.append((place, part[1]))
            elif any(name == part[1] for _, name in opened):
                while opened[-1][1] != part[1]:
                    opened.pop()
                found |= {opened.pop()[0], place}
        return found
