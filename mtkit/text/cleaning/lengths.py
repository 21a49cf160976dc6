"""Rules on the lengths of both sides: a translation is seldom several times as long as its source."""

from mtkit.text.cleaning.rule import Check, Pair
from mtkit.text.languages import language

FEW_WORDS, FEW_CHARACTERS = 5, 20  # of the longer side: with no more than these a ratio says nothing


def words(most: float, languages: Pair) -> Check | None:
    """One side has several times as many words. Of languages that put no spaces between words nothing is known."""
    if not all(language(code).spaced for code in languages):
        return None
    return lambda source, target: _apart(len(source.split()), len(target.split()), most, FEW_WORDS)


def characters(most: float, languages: Pair) -> Check:
    """One side has several times as many characters."""
    return lambda source, target: _apart(len(source), len(target), most, FEW_CHARACTERS)


def _apart(one: int, other: int, most: float, few: int) -> bool:
    longer, shorter = (one, other) if one > other else (other, one)
    return longer > few and longer > most * shorter
