"""Text that is made to ask one thing of a model; the same seed gives the same text. Never torch."""

import random
from collections.abc import Mapping

from mtkit.text.readers.reader import Pair

CONSONANTS, VOWELS = "bdfgklmnprstvz", "aeiou"


def recall(
    pairs: Mapping[int, int], *, items: int, kinds: int, fillers: int, seed: int, alike: bool = False
) -> list[Pair]:
    """Words to be kept in mind, and after others of no importance asked for.

    Args:
        pairs: distance -> how many pairs have so many others between the first words and the end.
        items: words to be kept.
        kinds: different words that they are drawn from.
        fillers: different words that the others are drawn from.
        alike: the others are drawn from the same words instead, so that nothing but its place tells a word apart.

    Returns:
        The source, items and then others, and the target, the items; distance after distance.
    """
    chance = random.Random(seed)
    asked = [f"{word}x" for word in _words(kinds)]  # so that they are never one of the others
    others = asked if alike else _words(fillers)
    made = []
    for distance, count in pairs.items():
        for _ in range(count):
            kept = " ".join(chance.choices(asked, k=items))
            made.append((f"{kept} {' '.join(chance.choices(others, k=distance))}", kept))
    return made


def _words(count: int) -> list[str]:
    """So many different words of one or two syllables."""
    syllables = [consonant + vowel for consonant in CONSONANTS for vowel in VOWELS]
    longer = [first + second for first in syllables for second in syllables]
    return [*syllables, *longer][:count]
