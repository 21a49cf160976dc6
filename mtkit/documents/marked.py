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
        plain: opening codes up to whose closing ones `escape_plain` is how they are written.
        breaking: codes of what ends a line.
        check: what a translation must be like besides, or it is not taken.
    """

    text: str
    codes: Mapping[str, str] = field(default_factory=dict)
    escape: Callable[[str], str] = as_it_is
    plain: frozenset[str] = frozenset()
    breaking: frozenset[str] = frozenset()
    escape_plain: Callable[[str], str] = as_it_is
    check: Callable[[str], bool] | None = None

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
        return not opened and (self.check is None or self.check(translation))

    def restored(self, translation: str) -> str:
        """A translation as it is to stand in the document."""
        made: list[str] = []
        at, plain = 0, ""
        for one in CODE.finditer(translation):
            if one[0] not in self.codes:
                continue
            text = translation[at : one.start()]
            made += [self.escape_plain(text) if plain else self.escape(text), self.codes[one[0]]]
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
        self._plain, self._breaking = set[int](), set[int]()

    def text(self, text: str) -> None:
        """Some text, unescaped."""
        self._items.append(("text", text, 0))

    def single(self, markup: str, breaking: bool = False) -> None:
        """Markup that encloses nothing.

        Args:
            breaking: it ends a line.
        """
        self._number += 1
        if breaking:
            self._breaking.add(self._number)
        self._items.append(("single", markup, self._number))

    def open(self, markup: str, name: str, plain: bool = False) -> None:
        """Markup that encloses what comes until it is closed; never closed, it encloses nothing.

        Args:
            plain: what it encloses is written in another way.
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

    def _merged(self) -> list[tuple[str, str, int]]:
        """What there is, with pairs that enclose the same as one pair."""
        closing = {number: place for place, (kind, _, number) in enumerate(self._items) if kind == "close"}
        made = list(self._items)
        for place in range(len(made) - 2, -1, -1):
            (kind, markup, number), (other, inner, inside) = made[place : place + 2]
            if (kind, other) != ("open", "open") or closing[number] != closing[inside] + 1:
                continue
            end, before = made[closing[inside]], made[closing[number]]
            made[closing[inside]] = ("close", end[1] + before[1], number)
            made[place : place + 2] = [("open", markup + inner, number), ("text", "", 0)]
            made[closing[number]] = ("text", "", 0)
            if inside in self._plain:
                self._plain.add(number)
            closing[number] = closing[inside]
        return [one for one in made if one[0] != "text" or one[1]]

    def made(self, escape: Callable[[str], str], escape_plain: Callable[[str], str] = as_it_is) -> Marked:
        """All of it; see `Marked`."""
        literal = "".join(text for kind, text, _ in self._items if kind == "text")
        first = max((int(one[2]) for one in CODE.finditer(literal)), default=0)  # so that no code stands in the text
        parts, codes = list[str](), dict[str, str]()
        for kind, text, number in self._merged():
            if kind == "text":
                parts.append(text)
                continue
            code = {"single": "<{}/>", "open": "<{}>", "close": "</{}>"}[kind].format(first + number)
            codes[code] = text
            parts.append(code)
        plain = frozenset(f"<{first + one}>" for one in self._plain)
        breaking = frozenset(f"<{first + one}/>" for one in self._breaking)
        return Marked("".join(parts), codes, escape, plain, breaking, escape_plain)
