"""What is plainly wrong with a translation, without a score: too short, too long, in a loop, not translated, numbers.

Strings in, names of faults out. What the reference does, too, is no fault.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mtkit.metrics.words import Words

SHORT, LONG = 0.5, 2.0  # shares of the reference's words, beyond which something is missing or too much
FEW = 3  # words more or less that are never worth a word
LOOP = 8  # words that may come again and again together
NUMBER = re.compile(r"\d+(?:[.,:’'\u00a0\u202f]\d+| \d{3}(?!\d))*")
LETTER = re.compile(r"[^\W\d_]")

EMPTY, UNDER, OVER, LOOPS, COPIED, LOST, INVENTED = FAULTS = (
    "empty",
    "under-translated",
    "over-translated",
    "loop",
    "copied",
    "number lost",
    "number invented",
)
MEANS = {
    EMPTY: "nothing, where the reference says something",
    UNDER: "less than half of the reference's words",
    OVER: "more than twice the reference's words",
    LOOPS: f"up to {LOOP} words that follow themselves twice or more, which the reference does not",
    COPIED: "half of the words, two at least, stand in the source and not in the reference",
    LOST: "a number of source and reference that is missing",
    INVENTED: "a number that neither source nor reference has",
}
"""Fault -> what it is, for whoever reads of it."""
NEED_SOURCE = (COPIED, LOST, INVENTED)
"""Faults that are only found where sources are known."""


@dataclass(frozen=True)
class Line:
    """A line as it is looked at."""

    source: str | None
    """None: it is not known."""
    references: Sequence[str]
    hypothesis: str


def faults(line: Line, words: Words) -> list[str]:
    """The faults of a line, in the order of FAULTS.

    Args:
        words: takes lines of the target's side apart.
    """
    hypothesis, references = words(line.hypothesis), [words(reference) for reference in line.references]
    found = set()
    lengths = [len(reference) for reference in references]
    if not hypothesis and min(lengths):
        found.add(EMPTY)
    elif len(hypothesis) < SHORT * min(lengths) and min(lengths) - len(hypothesis) >= FEW:
        found.add(UNDER)
    elif len(hypothesis) > LONG * max(lengths) and len(hypothesis) - max(lengths) >= FEW:
        found.add(OVER)
    if (turns := turned(hypothesis)) and turns > max(map(turned, references)):
        found.add(LOOPS)
    if line.source is not None:
        if _copied(line.source, line.references, hypothesis, words):
            found.add(COPIED)
        source, here = _numbers(line.source), _numbers(line.hypothesis)
        there = [_numbers(reference) for reference in line.references]
        if any((source & numbers) - here for numbers in there):
            found.add(LOST)
        if here - source - set().union(*there):
            found.add(INVENTED)
    return [fault for fault in FAULTS if fault in found]


def turned(words: Sequence[str]) -> int:
    """How often the words that follow themselves most often do so; 0: none, or once only and fewer than three."""
    most = 0
    for length in range(1, min(LOOP, len(words) // 2) + 1):
        run = 0  # words in a row that stand `length` before, too
        for place in range(length, len(words)):
            run = run + 1 if words[place] == words[place - length] else 0
            turns = run // length
            if turns > most and (turns > 1 or length > 2) and any(map(LETTER.search, words[place - length : place])):
                most = turns
    return most


def _copied(source: str, references: Sequence[str], hypothesis: Sequence[str], words: Words) -> bool:
    """Whether much of a translation is not translated; names are in the reference, too."""
    given, right = set(words(source)), set[str]().union(*map(words, references))
    said = [word for word in hypothesis if LETTER.search(word)]
    copied = [word for word in said if word in given and word not in right]
    return len(copied) >= max(2, len(said) / 2)


def _numbers(text: str) -> set[str]:
    """Numbers of a text by their digits alone: 1,000 and 1.000 are the same."""
    return {"".join(filter(str.isdecimal, number)) for number in NUMBER.findall(text)}


def length_ratio(hypotheses: Sequence[str], references: Sequence[str], words: Words) -> float | None:
    """Words of all translations over those of all references; None: the references have none."""
    there = sum(len(words(line)) for line in references)
    return sum(len(words(line)) for line in hypotheses) / there if there else None
