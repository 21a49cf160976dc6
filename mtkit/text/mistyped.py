"""A line as people mistype it: letters swapped, dropped, doubled or hit beside, spaces that are missing or too many.

Knows strings only. Private characters stand for spans (`spans.hidden`) and are left alone, with what touches them.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

from mtkit.text.draws import Draws
from mtkit.text.languages import primary

RATE = 0.1  # of the words, and of the places where a space may come or go; one at least
WORD = re.compile(r"[^\W\d_]{3,}")
LONG = re.compile(r"[^\W\d_]{4,}")
MARK = re.compile(r"(?<=\w)[,.;:!?](?=\s|$)")
SPACE = re.compile(" +")
HIDDEN = "\U000f0000"  # the first of the private characters

ROWS = {
    "qwerty": ("qwertyuiop", "asdfghjkl", "zxcvbnm"),
    "qwertz": ("qwertzuiopü", "asdfghjklöä", "yxcvbnm"),
    "azerty": ("azertyuiop", "qsdfghjklm", "wxcvbn"),
    "йцукен": ("йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю"),
    "ςερτυ": (";ςερτυθιοπ", "ασδφγηξκλ", "ζχψωβνμ"),
}
LAYOUTS = {
    "qwertz": "de cs sk hu sl hr bs sq lb",
    "azerty": "fr wa",
    "йцукен": "ru uk be kk ky tg tt ba cv",
    "ςερτυ": "el",
}
"""The keyboards of languages whose usual one is not the first above."""


def typos(line: str, keys: Mapping[str, str], draws: Draws) -> str:
    """A line with a typing error in every tenth word of three letters or more, in one at least.

    Args:
        keys: `neighbours` of the language's keyboard.
    """
    words = [found for found in WORD.finditer(line) if not _marked(line, found)]
    made, at = "", 0
    for found in draws.some(words, RATE):
        made += line[at : found.start()] + _wrong(found[0], keys, draws)
        at = found.end()
    return made + line[at:]


def spaces(line: str, draws: Draws) -> str:
    """A line with spaces that are missing, or stand before a mark or in a word, at a tenth of the places where that may
    be, at one at least.

    Two spaces for one would change nothing: a tokenizer sees one.
    """
    places: list[tuple[int, int, str]] = []  # what is replaced by what
    for found in SPACE.finditer(line):
        before, after = line[: found.start()].rpartition(" ")[2], line[found.end() :].partition(" ")[0]
        if before and after and max(before + after) < HIDDEN:
            places.append((found.start(), found.end(), ""))
    places += [(found.start(), found.start(), " ") for found in MARK.finditer(line)]
    for found in LONG.finditer(line):
        if not _marked(line, found):
            place = found.start() + 1 + draws.below(len(found[0]) - 1)
            places.append((place, place, " "))
    for start, end, instead in reversed(draws.some(sorted(places), RATE)):
        line = line[:start] + instead + line[end:]
    return line


@cache
def neighbours(language: str) -> Mapping[str, str]:
    """Of each small letter on a language's usual keyboard, those on the keys around it."""
    code = primary(language)
    rows = ROWS[next((name for name, codes in LAYOUTS.items() if code in codes.split()), "qwerty")]
    found: dict[str, str] = {}
    for number, row in enumerate(rows):
        for column, key in enumerate(row):
            # Each row stands a little to the right of the one above it.
            places = [(number, column - 1), (number, column + 1), (number - 1, column), (number - 1, column + 1)]
            places += [(number + 1, column - 1), (number + 1, column)]
            found[key] = "".join(
                rows[r][c] for r, c in places if 0 <= r < len(rows) and 0 <= c < len(rows[r]) and rows[r][c].isalpha()
            )
    return found


def _wrong(word: str, keys: Mapping[str, str], draws: Draws) -> str:
    """A word with one error; a letter that is on no key has no neighbours, so there it is another error."""
    kind, place = draws.below(4), draws.below(len(word))
    letter = word[place]
    near = keys.get(letter.lower(), "")
    if kind == 0 and near:
        other = draws.pick(near)
        return word[:place] + (other.upper() if letter.isupper() else other) + word[place + 1 :]
    if kind == 1:
        return word[:place] + letter + word[place:]
    first = min(place, len(word) - 2)
    if kind == 2 and word[first] != word[first + 1]:
        return word[:first] + word[first + 1] + word[first] + word[first + 2 :]
    return word[:place] + word[place + 1 :]


def _marked(line: str, found: re.Match[str]) -> bool:
    """Whether there are vowel signs or the like at its ends: in such a script letters are no units."""
    around = line[max(0, found.start() - 1) : found.start()] + line[found.end() : found.end() + 1]
    return any(unicodedata.category(character)[0] == "M" for character in around)
