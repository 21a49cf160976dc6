"""Rules on the characters of a line: letters of another script, hardly any letters, one character again and again."""

import re
import unicodedata
from collections.abc import Callable

from mtkit.text.cleaning.rule import Check, Pair, either
from mtkit.text.languages import letters_of

FEW = 5  # letters of another script that are a name or a unit
_WIDTHS = ("FULLWIDTH", "HALFWIDTH")  # how Unicode's names of some letters begin, before the script
# Letters that stand in every script: of units, ordinals, formulas, and marks that change the letter before.
_ANYWHERE = frozenset(
    (
        "CIRCLED",
        "DOUBLE-STRUCK",
        "FEMININE",
        "IDEOGRAPHIC",
        "MASCULINE",
        "MATHEMATICAL",
        "MICRO",
        "MODIFIER",
        "OHM",
        "SCRIPT",
        "SUBSCRIPT",
        "SUPERSCRIPT",
    )
)


class _Writing(dict[int, str | None]):
    """For `str.translate`: letters, and marks on them (vowels of Indic scripts, for example), and nothing else."""

    def __missing__(self, code: int) -> str | None:
        self[code] = chr(code) if unicodedata.category(chr(code))[0] in "LM" else None
        return self[code]


class _Letters(dict[int, str | None]):
    """For `str.translate`: "o" for a letter of some scripts, "x" for one of another, nothing for all else."""

    def __init__(self, scripts: tuple[str, ...]) -> None:
        self._scripts = scripts

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        self[code] = None
        if character.isalpha():
            words = unicodedata.name(character, "").split()
            script = next((word for word in words if word not in _WIDTHS), "")
            if script in self._scripts:
                self[code] = "o"
            elif script not in _ANYWHERE:
                self[code] = "x"
        return self[code]


def script(least: float, languages: Pair) -> Check | None:
    """Too small a share of a side's letters is of its language's script. A few others are no harm: names, units."""
    sides = [_foreign(least, letters_of(code)) for code in languages]
    if sides == [None, None]:
        return None
    source_is, target_is = (side or (lambda line: False) for side in sides)
    return lambda source, target: source_is(source) or target_is(target)


def _foreign(least: float, scripts: tuple[str, ...]) -> Callable[[str], bool] | None:
    if not scripts:
        return None
    table, latin = _Letters(scripts), "LATIN" in scripts

    def foreign(line: str) -> bool:
        if latin and line.isascii():
            return False
        letters = line.translate(table)
        other = letters.count("x")
        return other > FEW and len(letters) - other < least * len(letters)

    return foreign


def marks(most: float, languages: Pair) -> Check:
    """Too large a share of a side's characters, spaces aside, are no letters: digits, punctuation, signs."""

    table = _Writing()

    def mostly(line: str) -> bool:
        size = len(line) - line.count(" ")
        if not line.isascii() and size - sum(map(str.isalpha, line)) <= most * size:
            return False  # marks would make it more letters yet
        return size - len(line.translate(table)) > most * size

    return either(mostly)


def repeats(most: int, languages: Pair) -> Check:
    """A character comes more than so many times in a row; spaces and digits may."""
    run = re.compile(rf"([^\s\d])\1{{{most}}}")
    step = (most + 1) // 3
    if step < 2:
        return either(lambda line: run.search(line) is not None)
    # Of so many equal ones in a row every step-th is seen three times at least: that is looked for first, since few
    # lines have it, and a line has that many characters less.
    thrice = re.compile(r"(.)\1\1")
    return either(lambda line: thrice.search(line[::step]) is not None and run.search(line) is not None)
