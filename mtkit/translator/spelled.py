"""A text with the pieces that spell it, and what of it are words. Must not know tokenizers."""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mtkit.text import languages

# Kinds of characters: w, a letter or digit of a script that puts spaces between words; u, of one that does not;
# ', what holds words together; a space; and any other.
TOKEN = re.compile(r"w+(?:'w+)*|u+|[.']+")
HOLDS = "'’-\u00b7"


@dataclass(frozen=True)
class Span:
    """A stretch of a text, from its first character to before its last one's end."""

    begin: int
    end: int

    def meets(self, other: "Span") -> bool:
        """Whether they have a character in common."""
        return self.begin < other.end and other.begin < self.end


@dataclass(frozen=True)
class Spelled:
    """A text as pieces spell it.

    Attributes:
        ends: of each piece, where it ends.
    """

    text: str
    ends: Sequence[int]

    @classmethod
    def of(cls, pieces: Iterable[str]) -> "Spelled":
        """Of pieces as SentencePiece writes them, none of which is a byte."""
        text, ends = "", []
        for piece in pieces:
            text += piece.replace("▁", " ")
            ends.append(len(text))
        return cls(text, ends)

    @property
    def spans(self) -> list[Span]:
        """Of its pieces."""
        return [Span(begin, end) for begin, end in pairwise([0, *self.ends])]

    def pieces(self, span: Span) -> tuple[int, int]:
        """Those that are in a stretch that is not empty: the first, and the one after the last."""
        return bisect_right(self.ends, span.begin), bisect_left(self.ends, span.end) + 1

    def tokens(self) -> list[Span]:
        """Words and, of what stands between them and of scripts without spaces, pieces."""
        kinds, made = kinds_of(self.text), list[Span]()
        for found in TOKEN.finditer(kinds):
            begin, end = found.span()
            inside = self.ends[bisect_right(self.ends, begin) : bisect_left(self.ends, end)]
            cuts = set[int]() if kinds[begin] == "w" else set(inside)
            made += [Span(*both) for both in pairwise([begin, *sorted(cuts), end])]
        return made


def core_of(text: str) -> str:
    """Without marks at its ends, if there is anything else."""
    places = [place for place, kind in enumerate(kinds_of(text)) if kind in "wu"]
    return text[places[0] : places[-1] + 1] if places else text


def kinds_of(text: str) -> str:
    """Of each character its kind; a mark is part of what it stands on."""
    kinds, seen = list[str](), False
    for character in text:
        category = unicodedata.category(character)
        if character.isspace():
            kinds.append(" ")
            continue
        if seen and category in ("Mn", "Mc", "Me", "Cf"):
            kinds.append(kinds[-1])
        elif character in HOLDS:
            kinds.append("'")
        elif category[0] in "LMN":
            kinds.append("u" if languages.unspaced(character) else "w")
        else:
            kinds.append(".")
        seen = True
    return "".join(kinds)


def numbered(text: str) -> list[int]:
    """For each character the number of the white-space word that it is part of, or the next one."""
    numbers, word = list[int](), 0
    for character, following in zip(text, (text + " ")[1:], strict=True):
        numbers.append(word)
        word += not character.isspace() and following.isspace()
    return numbers
