"""What is clearly broken about a translation, whatever it should have been: of a source and a translation alone.

Each rule is one that good translations hardly ever break, so that what breaks one is worth another search; faults that
a reference shows are those of `mtkit.metrics.faults`. Strings in, names out.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, pairwise

from mtkit.metrics.faults import NUMBER, turned
from mtkit.metrics.words import Words, characters, split
from mtkit.text import languages

EMPTY, LOOP, COPY, NUMBERS, LENGTH, SCRIPT = BROKEN = ("empty", "loop", "copy", "numbers", "length", "script")
MEANS = {
    EMPTY: "no letter, where the source has some",
    LOOP: "words, or parts of one, that follow themselves again and again, which the source's do not",
    COPY: "four words or more, most of which stand in the source",
    NUMBERS: "a number that is missing, or that the source has not",
    LENGTH: "several times as long as the source, or a small part of it",
    SCRIPT: "mostly letters of another script than the language has, which are not the source's",
}
"""Name -> what it is, for whoever reads of it."""

COPIED = 4  # words, and ...
MOSTLY = 0.8  # ... the share of them that stand in the source
SPELLED = 13  # numbers below may be words in the other language
LONG, SHORT, SLACK = 3.0, 0.25, 40  # times the source, and characters more, or at least, that are never far off
STUTTER, STUTTERED = re.compile(r"(\S{1,12}?)\1{5,}"), 12  # and characters of a word in which that is looked for
DIGIT = re.compile(r"\d")
FEW = 12  # letters that say nothing of a script
# A clock of twelve hours may become one of twenty-four; East Asia counts by ten thousands, and writes numbers out.
CLOCK = re.compile(r"\d\s*[ap]\.?\s?m\b|o.clock|\d:\d\d", re.IGNORECASE)
COUNTED = re.compile("[一二三四五六七八九十百千万萬億兆〇만억천조백십]")
WIDTHS = ((3, re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")), (2, re.compile("[\uac00-\ud7a3]")))


def broken(source: str, translation: str, pair: tuple[str, str]) -> list[str]:
    """What is clearly broken, in the order of BROKEN.

    Args:
        pair: the languages, source and target.
    """
    if not any(map(str.isalpha, source)):
        return []
    if not any(map(str.isalnum, translation)):
        return [EMPTY]
    sides = _sides(*pair)
    words = sides.target(translation)
    rules = (
        (LOOP, _loops(words, source, sides) or _stutters(source, translation)),
        (COPY, sides.alike and _copies(words, source, sides.source)),
        (NUMBERS, _wrong_numbers(source, translation)),
        (LENGTH, _far_off(source, translation)),
        (SCRIPT, bool(sides.scripts) and _other_script(words, source, sides.scripts)),
    )
    return [name for name, there in rules if there]


@dataclass(frozen=True)
class _Sides:
    """What is to be known of two languages.

    Attributes:
        source, target: take lines of theirs apart.
        alike: they are two, and not known to be of different scripts.
        scripts: of the target.
    """

    source: Words
    target: Words
    alike: bool
    scripts: tuple[str, ...]


@lru_cache(maxsize=8)
def _sides(source: str, target: str) -> _Sides:
    source_words, target_words = (split if languages.language(one).spaced else characters for one in (source, target))
    mine, others = map(languages.letters_of, (source, target))
    alike = source.lower() != target.lower() and (not mine or not others or bool({*mine} & {*others}))
    return _Sides(source_words, target_words, alike, others)


def _loops(words: Sequence[str], source: str, sides: _Sides) -> bool:
    if len(set(pairwise(words))) >= len(words) - 1:  # no two come together twice, as they do in all that counts
        return False
    turns = turned(words)
    # Of characters some come three times.
    return turns > 0 and turns > turned(sides.source(source)) + 2 * (sides.target is characters)


def _stutters(source: str, translation: str) -> bool:
    for word in translation.split():
        if len(word) >= STUTTERED and (found := STUTTER.search(word)) and found[0] not in source:
            return STUTTER.search(source) is None
    return False


def _copies(words: Sequence[str], source: str, take: Words) -> bool:
    """Names and other words with capitals or digits are copied rightly."""
    said = [word for word in words if word.islower() and word.isalpha()]
    if len(said) < COPIED or len(said) * 2 < len(words) or sum(map(source.__contains__, said)) < MOSTLY * len(said):
        return False
    return sum(map(set(take(source)).__contains__, said)) >= MOSTLY * len(said)


def _wrong_numbers(source: str, translation: str) -> bool:
    if not DIGIT.search(source):  # where the source has words for numbers, one may become digits
        return False
    given, said = _numbers(source), _numbers(translation)
    if not given or given == said or CLOCK.search(source) or COUNTED.search(translation) or COUNTED.search(source):
        return False
    every, all_said = "".join(given), "".join(said)
    lost = any(number not in all_said for number in given if int(number) >= SPELLED)
    invented = any(number not in every for number in said if int(number) >= SPELLED)
    return lost or invented


def _numbers(text: str) -> list[str]:
    """By their digits alone."""
    found = ("".join(str(unicodedata.decimal(one)) for one in some if one.isdecimal()) for some in NUMBER.findall(text))
    return [digits for digits in found if digits and len(digits) < 4000]


def _far_off(source: str, translation: str) -> bool:
    given, said = _size(source), _size(translation)
    return said > LONG * given + SLACK or (given > SLACK and said < SHORT * given)


def _size(text: str) -> int:
    """Characters, of which those of East Asia stand for several letters."""
    if text.isascii():
        return len(text)
    return len(text) + sum((width - 1) * len(letters.findall(text)) for width, letters in WIDTHS)


def _other_script(words: Sequence[str], source: str, scripts: tuple[str, ...]) -> bool:
    if "LATIN" in scripts and all(map(str.isascii, words)):
        return False
    count = strange = 0
    for word in words:
        for own, run in groupby(word, lambda letter: _is_of(letter, scripts)):
            letters = "".join(filter(str.isalpha, run))
            if own or letters not in source:  # a name may have an ending of the language
                count += len(letters)
                strange += 0 if own else len(letters)
    return count >= FEW and 2 * strange > count


def _is_of(letter: str, scripts: tuple[str, ...]) -> bool:
    return letter.isalpha() and unicodedata.name(letter, "").startswith(scripts)
