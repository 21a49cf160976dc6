"""Copies of training pairs in UPPER CASE and Title Case, so that a model learns to translate such lines.

Knows strings only. Which pairs are copied is a function of the pair: the same whatever stands around it.
"""

import re
from collections.abc import Iterator

from mtkit.text.filters import key
from mtkit.text.readers.reader import Pair

FIRST = re.compile(r"(?<!\S)[^\w\s]*\w")  # of a word, with the quotes and brackets before it


def title(text: str) -> str:
    """The first letter of each white-space word as a capital, the rest as it is; `3rd` begins with no letter."""
    return FIRST.sub(lambda found: found[0][:-1] + found[0][-1].title(), text)


CASES = {"upper": str.upper, "title": title}


def copies(pair: Pair, share: float) -> Iterator[tuple[str, Pair]]:
    """Yield the name of a case and the pair in it, for `share` of all pairs a case, unless that changes nothing."""
    for name, change in CASES.items():
        if share and key(name, *pair) < share * 2**64:
            copy = (change(pair[0]), change(pair[1]))
            if copy != pair:
                yield name, copy
