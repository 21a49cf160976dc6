"""Text with markup inside as a translator is given it: tags of a number alone, which come back as what they stood for.

"Press <b id="x">OK</b><br>" is "Press <1>OK</1><2/>": short, and of a form that a translator brings through. Must not
know any format.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

CODE = re.compile(r"<(/?)(\d{1,9})(/?)>")


def as_it_is(text: str) -> str:
    """Text that is written as it is read."""
    return text


@dataclass(frozen=True)
class Marked:
    """What a translator is given, and what is made of its answer.

    Attributes:
        text: with codes, `<1>`, `</1>` and `<2/>`, for its markup.
        codes: code -> markup.
        escape: how characters are written where no markup is.
        plain: opening codes up to whose closing ones nothing is escaped.
    """

    text: str
    codes: Mapping[str, str] = field(default_factory=dict)
    escape: Callable[[str], str] = as_it_is
    plain: frozenset[str] = frozenset()

    def whole(self, translation: str) -> bool:
        """Whether a translation has every code exactly once, and pairs nest."""
        found = [one for one in CODE.finditer(translation) if one[0] in self.codes]
        if len(found) != len(self.codes) or len({one[0] for one in found}) != len(found):
            return False
        opened: list[str] = []
        for one in found:
            closing, number, single = one.groups()
            if closing:
                if not opened or opened.pop() != number:
                    return False
            elif not single:
                opened.append(number)
        return not opened

    def restored(self, translation: str) -> str:
        """A translation as it is to stand in the document."""
        made: list[str] = []
        at, plain = 0, ""
        for one in CODE.finditer(translation):
            if one[0] not in self.codes:
                continue
            text = translation[at : one.start()]
            made += [text if plain else self.escape(text), self.codes[one[0]]]
            at = one.end()
            if one[0] in self.plain:
                plain = one[2]
            elif one[1] and one[2] == plain:
                plain = ""
        return "".join([*made, self.escape(translation[at:])])

    def width(self, text: str) -> int:
        """The characters of some of it as they stand in the document."""
        if not self.codes:
            return len(text)
        return len(CODE.sub(lambda one: self.codes.get(one[0], one[0]), text))


class Marking:
    """Puts marked text together, in order."""

    def __init__(self) -> None:
        self._items: list[tuple[str, str, int]] = []  # kind, text or markup, number
        self._opened: list[tuple[int, str]] = []  # places of what is open, and its name
        self._number = 0
        self._plain = set[int]()

    def text(self, text: str) -> None:
        """Some text, unescaped."""
        self._items.append(("text", text, 0))

    def single(self, markup: str) -> None:
        """Markup that encloses nothing."""
        self._number += 1
        self._items.append(("single", markup, self._number))

    def open(self, markup: str, name: str, plain: bool = False) -> None:
        """Markup that encloses what comes until it is closed; never closed, it encloses nothing.

        Args:
            plain: what it encloses is written as it is.
        """
        self._opened.append((len(self._items), name))
        self.single(markup)
        if plain:
            self._plain.add(self._number)

    def close(self, markup: str, name: str) -> None:
        """Markup that closes the last that is open of a name; without such a one it encloses nothing."""
        if name not in (one for _, one in self._opened):
            return self.single(markup)
        while True:
            place, opened = self._opened.pop()
            if opened == name:
                break
        _, before, number = self._items[place]
        self._items[place] = ("open", before, number)
        self._items.append(("close", markup, number))
        return None

    @property
    def blank(self) -> bool:
        """Whether there is no text but white space."""
        return not any(kind == "text" and text.strip() for kind, text, _ in self._items)

    def made(self, escape: Callable[[str], str]) -> Marked:
        """All of it."""
        literal = "".join(text for kind, text, _ in self._items if kind == "text")
        first = max((int(one[2]) for one in CODE.finditer(literal)), default=0)  # so that no code stands in the text
        parts, codes = list[str](), dict[str, str]()
        for kind, text, number in self._items:
            if kind == "text":
                parts.append(text)
                continue
            code = {"single": "<{}/>", "open": "<{}>", "close": "</{}>"}[kind].format(first + number)
            codes[code] = text
            parts.append(code)
        return Marked("".join(parts), codes, escape, frozenset(f"<{first + one}>" for one in self._plain))
