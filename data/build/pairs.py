"""A message of a program, a pair of clean strings, and what makes the one of the other, whichever program it was."""

import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

LANGUAGES = {"de": "German", "ko": "Korean"}
LONGEST = 600  # characters of a side; what is longer is a list or a licence


class Message(NamedTuple):
    """Where in a program a string stands, the string in English, and its translation."""

    context: str
    english: str
    translation: str


class Pair(NamedTuple):
    """A clean English string and its translation."""

    source: str
    target: str


# What a program fills in: %PRODUCTNAME, %OBJECT_NAME%, $(WIDTH_IN_PX), $error_message$; { $name }, %S, %1$S, #1.
PLACEHOLDER = re.compile(
    r"%[A-Z][A-Z0-9_]+%?|\$\(\w+\)|\$\w+\$|\{[^{}]*\}|%(?:\d\$)?[A-Za-z](?![A-Za-z])|%\d+|\$\d+|#\d+|\$\w+"
)
ZONES = "Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific"
NO_PROSE = re.compile(rf"^=|\||^(?:{ZONES})/\w")  # a formula, a list, the name of a time zone
WORD = re.compile(r"[^\W\d_]{2}")
HANGUL = re.compile("[가-힣]")
LATIN = re.compile(r"[A-Za-z]{2,}(?:[ ,]+[A-Za-z]+){4}")  # a sentence that was left in English


def plain(text: str) -> str:
    """A string as one line, or "" where it is broken: white space folded, without soft hyphens and the like."""
    text = "".join(char for char in text if unicodedata.category(char) != "Cf")
    # Other control characters, and private or unassigned ones, come from a broken encoding.
    if any(unicodedata.category(char) in ("Cc", "Co", "Cn", "Cs") and char not in "\t\r\n" for char in text):
        return ""
    return " ".join(text.split())


def has_word(text: str) -> bool:
    """Whether a text has two letters in a row outside placeholders (so that it is no formula)."""
    return WORD.search(PLACEHOLDER.sub(" ", text)) is not None


def share_of_letters(text: str) -> float:
    """The share of letters in what is no white space and no placeholder; of nothing it is 0."""
    rest = "".join(PLACEHOLDER.sub(" ", text).split())
    return sum(char.isalpha() for char in rest) / max(len(rest), 1)


def is_translation(pair: Pair, language: str) -> bool:
    """Whether both sides are text, in their languages as far as letters tell, and hold the same placeholders."""
    source, target = pair
    shorter, longer = sorted((len(source), len(target)))
    if source == target or longer > LONGEST or longer > 40 + 5 * shorter:
        return False
    if not has_word(source) or NO_PROSE.search(source) or share_of_letters(source) < 0.6:
        return False
    if sorted(PLACEHOLDER.findall(source)) != sorted(PLACEHOLDER.findall(target)):
        return False
    if language != "ko":
        return has_word(target)
    return HANGUL.search(target) is not None and not HANGUL.search(source) and not LATIN.search(target)


def usable(pairs: Iterable[Pair], language: str) -> list[Pair]:
    """The translations among pairs, each once, sorted."""
    return sorted({pair for pair in pairs if is_translation(pair, language)})
