"""Words of a text for counting: how often training had them, and which of them a translation has right.

Must not know tokenizers of models.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mtkit.text.languages import hardly_spaced

Words = Callable[[str], list[str]]
"""A line to its words, punctuation apart."""
BANDS = (0, 1, 2, 5, 10, 100, 1000)
"""How often a word was there in training, at least: 0 is what was never there, which the next one ends."""
_WORD = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")


def split(line: str) -> list[str]:
    """Words and signs of a line."""
    return _WORD.findall(line)


def characters(line: str) -> list[str]:
    """What stands for words where there are no spaces between them."""
    return [one for one in line if not one.isspace()]


def words_of(lines: Sequence[str]) -> Words:
    """How lines of this text are taken apart: into words, or characters where it has hardly a space."""
    return characters if hardly_spaced(lines) else split


def band(count: int) -> int:
    """The number of the band of words that were there so often."""
    return max(number for number, least in enumerate(BANDS) if count >= least)


def band_names() -> list[str]:
    """Bands as people read them: "never", "1", "2–4", …"""
    ends = [*(least - 1 for least in BANDS[1:]), None]
    names = [f"{a}+" if b is None else f"{a}" if a == b else f"{a}–{b}" for a, b in zip(BANDS, ends, strict=True)]
    return ["never", *names[1:]]


@dataclass(frozen=True)
class Accuracy:
    """Words of a band: in the references, in the translations, and in both, line by line."""

    reference: int
    hypothesis: int
    matched: int

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall, in percent; None: there are no such words in the references."""
        return 200 * self.matched / (self.reference + self.hypothesis) if self.reference else None


def accuracy(hypotheses: Sequence[str], references: Sequence[str], seen: Counter[str], words: Words) -> list[Accuracy]:
    """Which words are right, by how often training had them (Neubig et al. 2019); a band each, in the order of BANDS.

    A word is right as often as it stands in both lines, wherever that is.

    Args:
        seen: word of the target's side -> how often training had it.
    """
    bands: dict[str, int] = {}
    sums = [[0, 0, 0] for _ in BANDS]
    for hypothesis, reference in zip(hypotheses, references, strict=True):
        here, there = Counter(words(hypothesis)), Counter(words(reference))
        for number, counts in enumerate((there, here, here & there)):
            for word, count in counts.items():
                if word not in bands:
                    bands[word] = band(seen[word])
                sums[bands[word]][number] += count
    return [Accuracy(*one) for one in sums]
