"""Pairs as they also come: in capitals, mistyped, without a full stop, two at a time, with an emoji behind them.

What a change makes of a pair hangs on the pair and its draws alone. Spans (placeholders, tags, addresses) are never
changed. Must not know how often a change is made, nor tokenizers.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property

from mtkit.text import case, mistyped, passing, spans
from mtkit.text.draws import Draws
from mtkit.text.languages import language, primary
from mtkit.text.readers.reader import Pair

MARKS = (".。۔।።", "?？؟", "!！", "…")
"""Marks at the end of a sentence, by what they say."""
FINAL = re.compile(rf"(?<=\w\w)([{''.join(MARKS)}])\s*$")
"""One of them; not that of "U.S." or of "etc...", where it is not alone."""
DOTTED = frozenset({"tr", "tur", "az", "aze"})  # languages whose i has its dot as a capital, too
DOTTED_I = {"upper": re.compile("i"), "title": re.compile(r"(?<!\S)i|(?<=\s[^\w\s])i")}

JOIN = "join"
BOTH = (JOIN, "unmarked", "upper", "title", "emoji", "urls", "placeholders")
SOURCE = ("typos", "spaces")
NAMES = (JOIN, "unmarked", "typos", "spaces", "upper", "title", "emoji", "urls", "placeholders")
"""All changes, in the order in which they are made."""
PASSING: dict[str, Callable[[Pair, Draws], Pair]] = {
    "emoji": passing.emoji,
    "urls": passing.urls,
    "placeholders": passing.placeholders,
}


@dataclass(frozen=True)
class Changes:
    """The changes for pairs of two languages.

    Attributes:
        languages: of source and target.
    """

    languages: Pair

    def __call__(self, pairs: list[Pair], names: Collection[str], draws: Draws) -> Pair:
        """A pair with some changes made to it; where a change has nothing to change, the pair as it was.

        Args:
            pairs: one; or, to be joined, two that stand one after the other.
        """
        pair = pairs[0]
        if len(pairs) > 1:
            source, target = (
                language(code).joint.join(sides)
                for code, sides in zip(self.languages, zip(*pairs, strict=True), strict=True)
            )
            pair = source, target
        if not names:
            return pair
        (source, behind_source), (target, behind_target) = map(self._hidden, pair, self.languages)
        if behind_source is None or behind_target is None:
            return pair  # it has private characters of its own
        if "unmarked" in names:
            source, target = unmarked((source, target))
        if "typos" in names:
            source = mistyped.typos(source, self._keys, draws)
        if "spaces" in names:
            source = mistyped.spaces(source, draws)
        for name in ("upper", "title"):
            if name in names:
                source, target = (
                    case.CASES[name](DOTTED_I[name].sub("İ", side) if primary(code) in DOTTED else side)
                    for side, code in zip((source, target), self.languages, strict=True)
                )
        pair = source.translate(behind_source), target.translate(behind_target)
        for name, put in PASSING.items():
            if name in names:
                pair = put(pair, draws)
        return pair

    @staticmethod
    def _hidden(side: str, code: str) -> tuple[str, dict[int, str] | None]:
        """A side with its spans as private characters, and what these stand for; None: they cannot be hidden."""
        if not (found := spans.find(side, spans.percent_first(code))):
            return side, {}
        line, behind = spans.hidden(side, found)
        return line, behind or None

    @cached_property
    def _keys(self) -> "dict[str, str]":
        return dict(mistyped.neighbours(self.languages[0]))


def unmarked(pair: Pair) -> Pair:
    """A pair without the marks at the end of both sides; as it is where they do not say the same.

    A side alone would teach a model to put one there, or to leave it out.
    """
    source, target = (FINAL.search(side) for side in pair)
    if source is None or target is None or not any(source[1] in same and target[1] in same for same in MARKS):
        return pair
    return pair[0][: source.start()], pair[1][: target.start()]
