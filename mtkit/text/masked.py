"""Lines in which reserved pieces stand for spans, numbered along the line, so that models learn where these go.

A pair is masked on both sides where all that one has stands in the other, as often and as deep in what encloses it.
Must not know models, nor ids.
"""

import re
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from mtkit.text import spans
from mtkit.text.finder import Finder, Sought
from mtkit.text.reserved import SPANS, plain
from mtkit.text.spans import BY_CHOICE, Span

_SYMBOL = re.compile("|".join(map(re.escape, SPANS)))
_NUMBERS = {symbol: number for number, symbol in enumerate(SPANS)}
Moves = list[tuple[int, int]]
"""Places in one text and where they are in another, in order; what lies between goes with the one before."""


@dataclass(frozen=True)
class Masked:
    """A line as a model is given it.

    Attributes:
        text: with symbols.
        found: what these stand for, in their order.
        moves: places in `text`, and where they are in the line.
    """

    text: str
    found: Sequence[Span]
    moves: Moves

    @cached_property
    def within(self) -> list[int]:
        """Of each span the number of the one that opens what it stands in, or, if it closes that, of what it closes;
        -1: it stands in nothing."""
        return _within(self.found, spans.pairs(self.found))

    @cached_property
    def closing(self) -> dict[int, int]:
        """Which enclose text together; see `spans.pairs`."""
        return spans.pairs(self.found)

    def restored(self, text: str, line: str, percent_first: bool = False) -> tuple[str, Moves]:
        """A translation with spans in place of their symbols, and where its characters went.

        Args:
            line: what was masked.
            percent_first: of the translation, see `spans.find`.
        """
        wanted, sought = Counter(one.text for one in self.found), Sought(line, self.found, percent_first)
        made = self._restored(text)
        # One may have grown together with what is beside it: with a word, or with another one.
        for apart in (self._apart(line), (True,) * (2 * len(self.found))):
            if wanted == Counter(one.text for one in sought.find(made[0])):
                break
            made = self._restored(text, apart)
        return made

    def _apart(self, line: str) -> tuple[bool, ...]:
        """Of each span, whether nothing but white space is before it in its line, and after it."""
        ends = ((line[one.start - 1 : one.start], line[one.end : one.end + 1]) for one in self.found)
        return tuple(not side.strip() for both in ends for side in both)

    def _restored(self, text: str, apart: Sequence[bool] = ()) -> tuple[str, Moves]:
        """With white space at those sides of spans that are apart."""
        made, at = "", 0
        moves: Moves = [(0, 0)]
        for match in _SYMBOL.finditer(text):
            number = _NUMBERS[match[0]]
            before, after = apart[2 * number : 2 * number + 2] or (False, False)
            made += text[at : match.start()]
            made += " " * (before and bool(made[-1:].strip())) + self.found[number].text
            at = match.end()
            moves.append((at, len(made)))
            made += " " * (after and bool(text[at : at + 1].strip()))
        return made + text[at:], moves


class Masks:
    """How lines of two languages are masked.

    Args:
        languages: of source and target.
        own: regular expressions of what is a span, too.

    Raises:
        ConfigError: one is none.
    """

    def __init__(self, languages: tuple[str, str], own: Sequence[str] = ()) -> None:
        self.finder = Finder.of(languages[0], own, units_in=languages[1])
        self._percent_first = spans.percent_first(languages[1])

    def line(self, line: str) -> Masked:
        """A line to be translated; with more spans than there are symbols for, none is masked."""
        found = self.finder.find(line) if self.finder.may_have(line) else []
        return _masked(line, found if len(found) <= len(SPANS) else [])

    def pair(self, source: str, target: str) -> tuple[str, str]:
        """Both sides to be learnt from; where their spans do not match, as they are."""
        mask, masked = self.both(source, target)
        return mask.text, masked

    def both(self, source: str, target: str) -> tuple[Masked, str]:
        """The same, with what symbols stand for."""
        if self.finder.may_have(source) and (found := self.finder.find(source)):
            said = Sought(source, found, self._percent_first).find(target)
            counts, others = (Counter(one.text for one in some) for some in (found, said))
            lost = {one.text for one in found if one.kind in BY_CHOICE and counts[one.text] != others[one.text]}
            found, said = ([one for one in some if one.text not in lost] for some in (found, said))
            if found and len(found) <= len(SPANS) and (numbers := _matched(found, said)):
                return _masked(source, found), _masked(target, said, numbers).text
        return _masked(source, []), plain(target)


def _masked(line: str, found: Sequence[Span], numbers: Sequence[int] | None = None) -> Masked:
    """A line with symbols; `numbers`: of them, where they are not in order."""
    made, at = "", 0
    moves: Moves = [(0, 0)]
    for span, number in zip(found, numbers or range(len(found)), strict=True):
        made += plain(line[at : span.start]) + SPANS[number]
        at = span.end
        moves.append((len(made), at))
    return Masked(made + plain(line[at:]), found, moves)


def _matched(found: Sequence[Span], said: Sequence[Span]) -> list[int]:
    """Of each span of a translation the number of the one in its line; []: they do not match."""
    if Counter(one.text for one in found) != Counter(one.text for one in said):
        return []
    theirs, ours = spans.pairs(found), spans.pairs(said)
    opener = {last: first for first, last in ours.items()}
    free: dict[str, deque[int]] = {}
    for number, span in enumerate(found):
        if number not in theirs.values():
            free.setdefault(span.text, deque()).append(number)
    numbers: list[int] = []
    for place, span in enumerate(said):
        if place in opener:  # what closes goes with what opens
            number = theirs.get(numbers[opener[place]], -1)
        else:
            same = free.get(span.text)
            number = same.popleft() if same else -1
        if number < 0 or found[number].text != span.text:
            return []
        numbers.append(number)
    here, there = _within(said, ours), _within(found, theirs)
    if any((numbers[one] if one >= 0 else one) != there[number] for one, number in zip(here, numbers, strict=True)):
        return []
    return numbers


def _within(found: Sequence[Span], closing: Mapping[int, int]) -> list[int]:
    last = {*closing.values()}
    opened: list[int] = []
    within: list[int] = []
    for number in range(len(found)):
        within.append(opened[-1] if opened else -1)
        if number in last:
            opened.pop()
        elif number in closing:
            opened.append(number)
    return within
