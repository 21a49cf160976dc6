"""Which of many lines are like a line, word by word: the fuzzy matches of a translation memory. Must not know models.

Likeness is one less the edit distance over the words of the longer line. Words in common bound it from above, so an
index of words finds candidates, and only those that may be among the best are compared.

Dimensions: L lines, W words of a line, P postings of all words.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from mtkit.text.fold import fold

_SPACED = re.compile(r"\w+|[^\w\s]")
_LONGEST = 400  # words of a line; of longer ones no two are compared, which would take the square of it


@dataclass(frozen=True)
class Match:
    """A line that is like another one.

    Attributes:
        number: of the line in the index.
        likeness: above 0; 1: the same words, but for case and what stands between them.
    """

    number: int
    likeness: float


class Similar:
    """An index of lines. It does not change, so threads may share it.

    Args:
        lines: are known by their numbers, from 0.
        spaced: whether there are spaces between words; without them every character counts as one.
    """

    def __init__(self, lines: Sequence[str], spaced: bool = True) -> None:
        self._spaced = spaced
        self._words: list[Sequence[str]] = [self._split(line) for line in lines]
        self._sizes_L = np.array([len(words) for words in self._words], np.int32)
        counted = [_counted(words) if len(words) <= _LONGEST else [] for words in self._words]
        self._ids: dict[str, int] = {}
        ids_P = np.fromiter(
            (self._ids.setdefault(word, len(self._ids)) for word in chain.from_iterable(counted)), np.int64
        )
        lines_P = np.repeat(np.arange(len(counted), dtype=np.int32), [len(words) for words in counted])
        order = np.argsort(ids_P, kind="stable")
        self._lines_P = lines_P[order]
        self._starts = np.searchsorted(ids_P[order], np.arange(len(self._ids) + 1)).tolist()

    def __len__(self) -> int:
        return len(self._words)

    def find(self, line: str, most: int, least: float) -> list[Match]:
        """The lines that are most like it, the likest first; of equals the later one, which may correct the other.

        Args:
            most: matches, at most.
            least: likeness of a match.
        """
        words = self._split(line)
        if not words or len(words) > _LONGEST or not self._words:
            return []
        found = [i for word in _counted(words) if (i := self._ids.get(word)) is not None]
        if not found:
            return []
        lines_P = np.concatenate([self._lines_P[self._starts[i] : self._starts[i + 1]] for i in found])
        common_L = np.bincount(lines_P, minlength=len(self._words))
        bounds_L = common_L / np.maximum(self._sizes_L, len(words))
        numbers = np.flatnonzero((bounds_L >= least) & (common_L > 0))
        numbers = numbers[np.lexsort((-numbers, -bounds_L[numbers]))]
        best: list[Match] = []
        pattern = Pattern(words)
        for number, bound in zip(numbers.tolist(), bounds_L[numbers].tolist(), strict=True):
            if len(best) == most and bound < best[-1].likeness:
                break
            other = self._words[number]
            likeness = 1 - pattern.distance(other) / max(len(words), len(other))
            if likeness >= least and likeness > 0:
                best = sorted([*best, Match(number, likeness)], key=lambda one: (-one.likeness, -one.number))[:most]
        return best

    def _split(self, line: str) -> list[str]:
        line = fold(line).casefold()
        return _SPACED.findall(line) if self._spaced else [character for character in line if character != " "]


def _counted(words: Sequence[str]) -> list[str]:
    """Words of which one that is said again is another one, so that to count common ones is to look which are there."""
    if len(set(words)) == len(words):
        return list(words)
    seen: dict[str, int] = {}
    made = []
    for word in words:
        seen[word] = times = seen.get(word, 0) + 1
        made.append(word if times == 1 else f"{word} {times}")
    return made


class Pattern:
    """Words that others are compared with; all rows of a column of the table are worked out at once, as the bits of a
    number (Myers 1999; Hyyrö 2003)."""

    def __init__(self, words: Sequence[str]) -> None:
        self._size, self._places = len(words), dict[str, int]()
        for place, word in enumerate(words):
            self._places[word] = self._places.get(word, 0) | 1 << place

    def distance(self, others: Sequence[str]) -> int:
        """The least number of words to be put in, left out and replaced that makes one of the other."""
        if not self._size:
            return len(others)
        every, last = (1 << self._size) - 1, 1 << self._size - 1
        more, less, distance = every, 0, self._size  # where the table grows and falls from one row to the next
        for word in others:
            here = self._places.get(word, 0)
            level = here | less
            across = (((here & more) + more) ^ more) | here
            grows, falls = less | ~(across | more) & every, more & across
            distance += bool(grows & last) - bool(falls & last)
            grows = grows << 1 | 1
            more = (falls << 1 | ~(level | grows)) & every
            less = grows & level & every
        return distance


def distance(words: Sequence[str], others: Sequence[str]) -> int:
    """The reference of `Pattern.distance`: the table, row by row (Levenshtein 1966; Wagner and Fischer 1974)."""
    row = list(range(len(others) + 1))
    for i, word in enumerate(words, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(others, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]
