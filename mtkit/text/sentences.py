"""A line too long for a model, cut into parts that it can translate, and the parts' translations as one line.

Knows strings and how many pieces each has, from a function that counts; must not know which tokenizer or model that is.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

from mtkit.text import languages

Count = Callable[[list[str]], list[int]]
LONG = 1 << 16
"""Characters that are counted at once, at most: to count takes thirty times as much memory as what is counted."""

# Where a line may break: all white space but no-break spaces, and the zero-width space between Thai or Khmer words.
SPACE = " \t-\r\x1c-\x1f\x85\u1680\u2000-\u2006\u2008-\u200b\u2028\u2029\u205f\u3000"
CLOSING = "\"'”’»›)\\]}」』）】》〉〕］｝＂＇"
EITHER = "“‘«‹"  # closing in „German“ and »Danish«, but only where white space follows; else opening
# What ends a sentence or a clause: marks that need white space after them, and marks that say it alone.
SPACED_ENDS = ".!?…"  # those that say it alone are languages.ENDS
SPACED_PAUSES, PAUSES = ",;:–—", "、，；：､،؛—"
# What a full stop follows without ending the sentence: "J. Bach", "z. B. Wien", "3. Oktober".
SHORT = re.compile(r"(?:^|[\s.(\[\"'„“‘«-])(?:\d\d?|[^\W\d_])$")
# Code points that belong to the one before and are no combining marks (those go by their category).
FOLLOWING = re.compile(
    "[\u0e33\u0eb3\u1160-\u11ff\u200c\u200d\ud7b0-\ud7fb\uff9e\uff9f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]"
)
_LAST = re.compile(rf".*[{SPACE}]", re.DOTALL)
FLAG_LETTERS = re.compile("[\U0001f1e6-\U0001f1ff]{2}")


def split(line: str, most: int, count: Count) -> list[str]:
    """Cut a line of more than `most` (at least 1) pieces into parts of at most `most`; joined they are the line.

    First after every sentence; sentences still too long after clauses, then between words, each time as many to a part
    as fit; a word still too long into equal parts, accents and the like left with their letter where that can be. White
    space stays at the end of the part before it. Only a single character can have more than `most` pieces.

    Takes time near linear in the length of the line, if `count` does, and never has it count more than `LONG`.
    """
    if len(line) <= LONG:
        return _fit(line, count([line])[0], most, count, 0)
    units = [block for unit in sentences(line) for block in blocks(unit)]
    sizes = (size for some in groups(units, LONG) for size in count(some))
    return [fine for unit, size in zip(units, sizes, strict=True) for fine in _fit(unit, size, most, count, 1)]


def blocks(text: str) -> Iterator[str]:
    """A text in blocks of at most `LONG` characters: cut after white space, else between characters, else anywhere."""
    start = 0
    while len(text) - start > LONG:
        found = _LAST.match(text, start, start + LONG)
        end = found.end() if found else start + LONG
        while not found and end > start + 1 and _belongs(text, end):
            end -= 1
        end = end if end > start + 1 else start + LONG
        yield text[start:end]
        start = end
    yield text[start:]


def groups(texts: Iterable[str], most: int) -> Iterator[list[str]]:
    """Neighbours, as many together as have at most so many characters, or one."""
    group: list[str] = []
    room = most
    for text in texts:
        if group and len(text) > room:
            yield group
            group, room = [], most
        group.append(text)
        room -= len(text)
    if group:
        yield group


def join(parts: list[str], language: str) -> str:
    """Translations of the parts of a line as one line in `language`."""
    return languages.language(language).joint.join(part for part in parts if part)


def _fit(part: str, size: int, most: int, count: Count, level: int) -> list[str]:
    """A part of `size` pieces, cut by the level's rule and what is still too long by the next one's."""
    if size <= most or len(part) < 2:
        return [part]
    units = LEVELS[level](part) if level < len(LEVELS) else _equal(part, -(-size // most))
    if 0 < level < len(LEVELS):
        units = _packed(units, most, count)
    # Counted again when packed, since counts add up only where no piece could have crossed the cut.
    sizes = count(units) if len(units) > 1 else [size]
    deeper = min(level + 1, len(LEVELS))
    return [fine for unit, size in zip(units, sizes, strict=True) for fine in _fit(unit, size, most, count, deeper)]


def _packed(units: list[str], most: int, count: Count) -> list[str]:
    """Neighbours put together, as many as fit by the sum of their counts."""
    if len(units) == 1:
        return units
    packs: list[list[str]] = []
    room = 0
    for unit, size in zip(units, count(units), strict=True):
        if packs and size <= room:
            packs[-1].append(unit)
            room -= size
        else:
            packs.append([unit])
            room = most - size
    return ["".join(pack) for pack in packs]


def _runs(marks: str) -> re.Pattern[str]:
    """A run of marks (1) with what closes after it and white space (2).

    It matches wherever a mark is, and whether that is an end is asked afterwards: a pattern that could fail after a
    long run would be tried again from each mark of it.
    """
    return re.compile(rf"([{marks}]+)[{CLOSING}]*(?:[{EITHER}]+(?=[{SPACE}]|$))?([{SPACE}]*)")


SENTENCE = _runs(SPACED_ENDS + languages.ENDS)
CLAUSE = _runs(SPACED_PAUSES + PAUSES)
WORD = re.compile(rf"[{SPACE}]*[^{SPACE}]+[{SPACE}]*|[{SPACE}]+")


def sentences(line: str) -> list[str]:
    """Cut a line after every sentence; joined they are the line."""

    def ends(found: re.Match[str]) -> bool:
        if found[1].strip(SPACED_ENDS):
            return True
        if not found[2] or line[found.end()].islower():
            return False
        return found[1] != "." or not SHORT.search(line[max(0, found.start() - 3) : found.start()])

    return _cut(line, SENTENCE, ends)


def _clauses(line: str) -> list[str]:
    return _cut(line, CLAUSE, lambda found: bool(found[2]) or any(mark in PAUSES for mark in found[1]))


def _words(line: str) -> list[str]:
    return WORD.findall(line)


LEVELS = (sentences, _clauses, _words)


def _cut(line: str, marks: re.Pattern[str], ends: Callable[[re.Match[str]], bool]) -> list[str]:
    """Cut after each run of marks that `ends` something, but the last one of the line."""
    places = [found.end() for found in marks.finditer(line) if found.end() < len(line) and ends(found)]
    return [line[start:end] for start, end in pairwise([0, *places, len(line)])]


def _equal(text: str, parts: int) -> list[str]:
    """Cut into so many parts of as many characters each, between code points only where there is but one character."""
    places = [place for place in range(1, len(text)) if not _belongs(text, place)] or range(1, len(text))
    bounds = [0, *places, len(text)]
    parts = min(parts, len(bounds) - 1)
    cuts = [bounds[(len(bounds) - 1) * part // parts] for part in range(parts + 1)]
    return [text[start:end] for start, end in pairwise(cuts)]


def _belongs(text: str, place: int) -> bool:
    """Whether the code point at `place` makes one character with the one before: accents, emoji, flags, Hangul."""
    return (
        unicodedata.category(text[place])[0] == "M"
        or FOLLOWING.match(text, place) is not None
        or text[place - 1] == "\u200d"
        or FLAG_LETTERS.match(text, place - 1) is not None
    )
