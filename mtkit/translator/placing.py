"""Where spans go in a translation of a line that was translated without them: beside the words that attention links to
their neighbours. Tags that enclose words enclose what these became, and nest.

Knows strings and weights; must not know models or tokenizers.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from mtkit.text import sentences, spans
from mtkit.text.spans import Span

Range = tuple[int, int]

_UNIT = re.compile(r"\d+(?:[.,:]\d+)+|\w+(?:['’-]\w+)*|[^\w\s]")
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff]"
)
_BYTE = re.compile("<0x([0-9A-F]{2})>")
# Marks that have white space at their one side.
_BEFORE_SPACE, _AFTER_SPACE = ".,;:!?)]}…", "([{"
_JOINER = "\u200d"


@dataclass(frozen=True)
class Looked:
    """What a model said of a translation, by characters.

    Attributes:
        weights: a row a piece of the translation, a column a piece of the source.
        rows: the characters of the translation that each row stands for.
        columns: the characters of the source that each column stands for.
    """

    weights: Sequence[Sequence[float]]
    rows: Sequence[Range]
    columns: Sequence[Range]


def ranges(pieces: Sequence[str], length: int) -> list[Range]:
    """The characters of a text that each of the pieces that spell it stands for; nearly, where they spell another.

    Args:
        length: of the text.
    """
    bounds = [0]
    for piece in pieces:
        bounds.append(bounds[-1] + len(_BYTE.sub(_begins, piece)))
    blank = bounds[-1] > length and pieces[0].startswith("▁")  # tokenizers put one before the first word
    bounds = [max(0, bound - blank) for bound in bounds]
    if bounds[-1] != length:
        bounds = [bound * length // max(1, bounds[-1]) for bound in bounds]
    return list(pairwise(bounds))


def _begins(byte: re.Match[str]) -> str:
    """Something where a byte begins a character."""
    return "" if int(byte[1], 16) & 0xC0 == 0x80 else "x"


def units(text: str, cuts: Sequence[int] = ()) -> list[Range]:
    """What a span may stand before or after: words and marks; where no spaces are written, what lies between `cuts`.

    Args:
        cuts: in order.
    """
    found: list[Range] = []
    for match in _UNIT.finditer(text):
        start, end = match.span()
        if found and found[-1][1] == start and _goes_on(text, start):
            start = found.pop()[0]
        bounds = [start, end]
        if _UNSPACED.search(text, start, end):
            inside = cuts[bisect_right(cuts, start) : bisect_left(cuts, end)]
            bounds[1:1] = [cut for cut in inside if not _goes_on(text, cut)]
        found += pairwise(bounds)
    return found


def _goes_on(text: str, place: int) -> bool:
    """Whether a character belongs to the one before: accents and vowel signs, what follows these, what is joined."""
    if sentences.FOLLOWING.match(text, place):
        return True
    before, here = (unicodedata.category(text[at])[0] for at in (place - 1, place))
    return here == "M" or (before == "M" and here in "LN") or text[place - 1] == _JOINER


def place(
    line: str,
    found: Sequence[Span],
    text: str,
    looked: Looked | None,
    floor: int = 0,
    loose: bool = False,
    around: tuple[Sequence[Span], Sequence[Span]] = ((), ()),
) -> tuple[str, list[tuple[int, int]]]:
    """A translation with the spans of its line put in, and where each of its characters went: pairs of places.

    Args:
        found: the spans of the line.
        text: a translation that has none of them.
        looked: what the model looked at, in characters of the line; None: the words are taken to be in order.
        floor: before this character nothing is put.
        loose: leave white space around spans that enclose nothing.
        around: what is opened before the line, and closed after it.
    """
    return _Placing(line, found, text, looked, floor, loose, around).made()


@dataclass(frozen=True)
class _Node:
    """A span that stands alone, or two with what they enclose.

    Attributes:
        first, last: their numbers.
        inside: what is between them.
    """

    first: int
    last: int
    inside: "list[_Node]"


@dataclass
class _Level:
    """What is being laid: all of the translation, or what two spans enclose.

    Attributes:
        nodes: those that are left, each with its units, by their first.
        begins: the first units of those that enclose something, in order.
        low, high: the units that are left.
        last: the number of the span that closes it.
    """

    nodes: Iterator[tuple[Range, _Node]]
    begins: list[int]
    low: int
    high: int
    last: int


class _Placing:
    def __init__(
        self,
        line: str,
        found: Sequence[Span],
        text: str,
        looked: Looked | None,
        floor: int,
        loose: bool,
        around: tuple[Sequence[Span], Sequence[Span]],
    ) -> None:
        self.line, self.text, self.loose = line, text, loose
        self.inside = range(len(around[0]), len(around[0]) + len(found))
        opened = (replace(one, start=0, end=0) for one in around[0])
        closed = (replace(one, start=len(line), end=len(line)) for one in around[1])
        self.spans = found = [*opened, *found, *closed]
        self.target = units(text, [start for start, _ in looked.rows] if looked else range(len(text)))
        between = list(pairwise([0, *(bound for span in found for bound in (span.start, span.end)), len(line)]))[::2]
        cuts = sorted(start for start, _ in looked.columns) if looked else range(len(line))
        self.source = [
            (start + a, start + b)
            for start, end in between
            for a, b in units(
                line[start:end],
                [cut - start for cut in cuts[bisect_right(cuts, start) : bisect_left(cuts, end)]],
            )
        ]
        self.lowest = next((i for i, (start, _) in enumerate(self.target) if start >= floor), len(self.target))
        self.anchors = self._anchors(looked)
        ends = [end for _, end in self.source]
        self.gaps = [bisect_right(ends, span.start) for span in found]
        self.linked = [unit for unit, anchor in enumerate(self.anchors) if anchor]
        self.pairs = spans.pairs(found)
        self.paired = {*self.pairs, *self.pairs.values()}

    # Which units of the translation stand for which of the line.

    def _anchors(self, looked: Looked | None) -> list[Range | None]:
        """For each unit of the line the units of the translation that are linked to it: those around the surest."""
        if looked is None or not self.source:
            return self._in_order()
        table = [[0.0] * len(self.source) for _ in self.target]
        shares = [_shares(column, self.source) for column in looked.columns]
        for (start, end), row in zip(looked.rows, looked.weights, strict=False):
            for unit, part in _shares((start, end), self.target):
                for weight, columns in zip(row, shares, strict=False):
                    for other, share in columns:
                        table[unit][other] += weight * part * share
        sides = (self.line, self.source), (self.text, self.target)
        kinds = [[text[start].isalnum() for start, _ in some] for text, some in sides]
        best = [_best(row, [kind == other for other in kinds[0]]) for row, kind in zip(table, kinds[1], strict=True)]
        anchors: list[Range | None] = []
        for other in range(len(self.source)):
            linked = [unit for unit in range(self.lowest, len(best)) if best[unit] == other]
            if not linked:
                anchors.append(None)
                continue
            low = high = max(linked, key=lambda unit: table[unit][other])
            while low - 1 in linked:
                low -= 1
            while high + 1 in linked:
                high += 1
            anchors.append((low, high + 1))
        return anchors

    def _in_order(self) -> list[Range | None]:
        """The same by the places that units have: as far along the one text as along the other."""
        low, count, all_ = self.lowest, len(self.target) - self.lowest, max(1, len(self.source))
        bounds = [low + round(count * unit / all_) for unit in range(all_ + 1)]
        return [None if a == b else (a, b) for a, b in pairwise(bounds)][: len(self.source)]

    # Where spans go: gap i is the one before unit i of the translation.

    def _gap(self, number: int) -> int:
        """Where a span that encloses nothing goes."""
        gap, count = self.gaps[number], len(self.source)
        tight = self.spans[number].kind in ("tag", "escape", "entity", "emoji")
        if tight and gap == 0:
            return self.lowest
        if tight and gap == count:
            return len(self.target)
        at = bisect_left(self.linked, gap)
        left = next(((gap - i, a[1]) for i in self.linked[max(0, at - 1) : at] if (a := self.anchors[i])), None)
        right = next(((i - gap + 1, a[0]) for i in self.linked[at : at + 1] if (a := self.anchors[i])), None)
        if left is None or right is None:
            one = left or right
            return one[1] if one else self.lowest
        if left[0] != right[0]:
            return min(left, right)[1]
        start, end = self.source[gap - 1][1], self.source[gap][0]
        touches = not self.line[start].isspace(), not self.line[end - 1].isspace()
        if touches[0] != touches[1]:
            return left[1] if touches[0] else right[1]
        words = self.line[start - 1].isalnum(), self.line[end].isalnum()
        return left[1] if words == (True, False) else right[1]

    def _range(self, node: _Node) -> Range:
        """What a node encloses."""
        if node.first == node.last:
            gap = self._gap(node.first)
            return gap, gap
        low, high = self.gaps[node.first], self.gaps[node.last]
        inside = [anchor for anchor in self.anchors[low:high] if anchor]
        if inside:
            start, end = min(a for a, _ in inside), max(b for _, b in inside)
        else:
            start = self._gap(node.first)
            end = start + (low < high)
        whole = low == 0 and 0 < high == len(self.source)
        start = self.lowest if whole or node.first not in self.inside else start
        return start, len(self.target) if whole or node.last not in self.inside else end

    def _tree(self) -> list[_Node]:
        closing = {last: first for first, last in self.pairs.items()}
        levels: list[list[_Node]] = [[]]
        for number in range(len(self.spans)):
            if number in self.pairs:
                levels.append([])
            elif number in closing:
                inside = levels.pop()
                levels[-1].append(_Node(closing[number], number, inside))
            else:
                levels[-1].append(_Node(number, number, []))
        return levels[0]

    def _level(self, nodes: list[_Node], low: int, high: int, last: int = -1) -> "_Level":
        ranged = sorted(((self._range(node), node) for node in nodes), key=lambda one: one[0][0])
        return _Level(iter(ranged), [start for (start, end), _ in ranged if start < end], low, high, last)

    def _laid(self, nodes: list[_Node], low: int, high: int) -> list[tuple[bool, int]]:
        """Units of the translation and, between them, spans: (whether it is a span, number).

        Without recursion: a line may have tags in tags as deep as it likes.
        """
        made: list[tuple[bool, int]] = []
        levels = [self._level(nodes, low, high)]
        while levels:
            level = levels[-1]
            ranged = next(level.nodes, None)
            if ranged is None:
                made += [(False, unit) for unit in range(level.low, level.high)]
                levels.pop()
                if levels:
                    made.append((True, level.last))
                    levels[-1].low = level.high
                continue
            (start, end), node = ranged
            if node.last in self.inside:
                following = bisect_right(level.begins, start)
                end = min(end, *level.begins[following : following + 1], level.high)
            start = min(max(start, level.low), level.high)
            end = min(max(end, start), level.high)
            made += [(False, unit) for unit in range(level.low, start)]
            made.append((True, node.first))
            if node.first == node.last:
                level.low = end
            else:
                levels.append(self._level(node.inside, start, end, node.last))
        return made

    # The text.

    def made(self) -> tuple[str, list[tuple[int, int]]]:
        """See `place`."""
        laid = [
            *((False, unit) for unit in range(self.lowest)),
            *self._laid(self._tree(), self.lowest, len(self.target)),
        ]
        laid = [(is_span, number) for is_span, number in laid if not is_span or number in self.inside]
        text = self.text[: self.target[0][0]] if self.target else ""
        moves: list[tuple[int, int]] = []
        for at, (is_span, number) in enumerate(laid):
            if at:
                text += self._between(laid, at)
            if is_span:
                text += self.spans[number].text
            else:
                start, end = self.target[number]
                moves.append((start, len(text)))
                text += self.text[start:end]
        return text + (self.text[self.target[-1][1] :] if self.target else ""), moves

    def _between(self, laid: list[tuple[bool, int]], at: int) -> str:
        """What stands before laid[at]."""
        (left_span, left), (right_span, right) = laid[at - 1 : at + 1]
        if left_span and right_span:
            return self._between_spans(left, right)
        if not left_span and not right_span:
            return self.text[self.target[left][1] : self.target[right][0]]
        unit, number = (right, left) if left_span else (left, right)
        after, alone = left_span, number not in self.paired
        gap = unit if after else unit + 1
        white = self._white(number, after)
        character = self.text[self.target[unit][0] if after else self.target[unit][1] - 1]
        if not alone and self.spans[number].role == ("open" if after else "close"):
            return " " if white else ""
        if alone and self.loose:
            return " "
        if 0 < gap < len(self.target) and self.target[gap - 1][1] == self.target[gap][0]:  # two that belong together
            marks = _AFTER_SPACE if after else _BEFORE_SPACE
            return " " if white and (character.isalnum() or character in marks) else ""
        return "" if alone and white is False and self._touches(number, unit, after) else " "

    def _between_spans(self, left: int, right: int) -> str:
        between = self.line[self.spans[left].end : self.spans[right].start]
        if right == left + 1 and not between.strip():
            return between
        inside = left in self.pairs or (right in self.paired and right not in self.pairs)
        return "" if inside else " "

    def _white(self, number: int, after: bool) -> bool | None:
        """Whether white space is beside a span in the line; None: nothing is."""
        place = self.spans[number].end if after else self.spans[number].start - 1
        return self.line[place].isspace() if 0 <= place < len(self.line) else None

    def _touches(self, number: int, unit: int, after: bool) -> bool:
        """Whether a unit of the translation stands for the one that the span touches in the line."""
        other = self.gaps[number] - (not after)
        if not 0 <= other < len(self.source):
            return False
        if self.line[self.source[other][0]].isalnum() != self.text[self.target[unit][0]].isalnum():
            return False
        low, high = self.anchors[other] or (0, 0)
        ends = (0, self.lowest), (len(self.source) - 1, len(self.target) - 1)
        return low <= unit < high or (other, unit) in ends


def _best(row: Sequence[float], allowed: Sequence[bool]) -> int:
    """The largest of those that are allowed: words go with words, marks with marks; -1: all are 0."""
    some = [weight if fits else 0.0 for weight, fits in zip(row, allowed, strict=True)]
    return some.index(max(some)) if any(some) else -1


def _shares(some: Range, of: Sequence[Range]) -> list[tuple[int, float]]:
    """Which units, in order, some characters lie in, and with what share of them that lie in any."""
    first = bisect_right(of, some[0], key=lambda one: one[1])
    last = bisect_left(of, some[1], lo=first, key=lambda one: one[0])
    over = [(unit, min(some[1], of[unit][1]) - max(some[0], of[unit][0])) for unit in range(first, last)]
    over = [(unit, length) for unit, length in over if length > 0]
    return [(unit, length / sum(length for _, length in over)) for unit, length in over]
