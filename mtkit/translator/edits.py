"""Changes in a text, and where its words and the links between words go. Must not know whose text it is."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf

from mtkit.text.spans import Span

NARROW = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}  # ASCII's marks, as some models write them
OPENING = tuple("([{<\"'`“„«‘‚‹「『*")

Moves = Sequence[tuple[int, int]]
"""Places in a text and where they are in another, in order; what lies between goes with the one before."""


def overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether they have characters in common."""
    return one[0] < other[1] and other[0] < one[1]


@dataclass(frozen=True)
class Squeezed:
    """A text without white space, case and width, in which the same text is found however it is written.

    Attributes:
        whole: the text as it is.
        text: what is left of it.
        places: where in `whole` each of its characters stands.
    """

    whole: str
    text: str
    places: Sequence[int]

    @classmethod
    def of(cls, text: str, floor: int = 0) -> "Squeezed":
        """Of a text from a place on."""
        places = [place for place in range(floor, len(text)) if not text[place].isspace()]
        return cls(text, _squeezed("".join(text[place] for place in places)), places)

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Where another text is, from left to right, no two overlapping; never a part of a longer word."""
        wanted = _squeezed("".join(text.split()))
        at = self.text.find(wanted)
        while at >= 0 and wanted:
            begin, end = self.places[at], self.places[at + len(wanted) - 1] + 1
            cut = (text[0].isalnum() and _in_word(self.whole[max(0, begin - 1) : begin])) or (
                text[-1].isalnum() and _in_word(self.whole[end : end + 1])
            )
            if not cut:
                yield begin, end
            at = self.text.find(wanted, at + (1 if cut else len(wanted)))


def _squeezed(text: str) -> str:
    """Narrow and in lower case, character by character."""
    lower = text.translate(NARROW).lower()
    return (
        lower if len(lower) == len(text) else "".join(lower if len(lower := one.lower()) == 1 else one for one in text)
    )


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def gone(text: str, span: Span, floor: int) -> tuple[int, int]:
    """What is cut out with a span: white space that would be one too many."""
    before, after = span.start > floor and text[span.start - 1].isspace(), text[span.end : span.end + 1]
    if before and not after.isalnum() and after not in OPENING:
        return span.start - 1, span.end
    return span.start, span.end + (after.isspace() and not text[floor : span.start].strip())


def edited(text: str, edits: Iterable[tuple[int, int, str]]) -> tuple[str, Moves]:
    """A text with some of its characters replaced, and where the others went."""
    made, place = "", 0
    moves: list[tuple[int, int]] = [(0, 0)]
    for start, end, new in sorted(edits):
        made += text[place:start] + new
        place = max(place, end)
        moves.append((place, len(made)))
    return made + text[place:], moves


def at(moves: Moves, place: int) -> int:
    """Where a place of one text is in the other."""
    row = bisect_right(moves, (place, inf)) - 1
    return max(0, moves[row][1] + place - moves[row][0]) if row >= 0 else 0


def starts(text: str) -> list[int]:
    """Where the words of a text begin."""
    return [match.start() for match in re.finditer(r"\S+", text)]


def moved(text: str, made: str, *steps: Moves) -> list[int]:
    """For each word of one text, the number of the word of the other that it went into, step by step."""
    new, found = starts(made), list[int]()
    for place in starts(text):
        for moves in steps:
            place = at(moves, place)
        found.append(max(0, bisect_right(new, place) - 1))
    return found


def carried(
    links: Iterable[tuple[int, int]], source: Sequence[int] | None, target: Sequence[int]
) -> set[tuple[int, int]]:
    """Links between the words that others went into; None: of the source they are the same.

    A translation that is empty has a link to its first word all the same.
    """
    return {(s if source is None else source[s], target[t]) for s, t in links if t < len(target)}
