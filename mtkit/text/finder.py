"""Spans by their form and by regular expressions of somebody's own; and in a translation those that its line has.

Must not know what a translator does about them.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from mtkit.errors import ConfigError
from mtkit.text import spans
from mtkit.text.languages import letters_of
from mtkit.text.spans import BY_CHOICE, LETTER, OWN, Span

# Numbers with units that are written alike wherever letters are Latin, and in East Asia; fractions are not.
_UNIT = re.compile(
    r"(?<![\w.,:/+-])\d{1,9}[ \u00a0\u202f]?(?:[kKMGTP]i?B|[kMGT]?bit/s|bps|[kMGT]?Hz|km/h|m/s|[kcmµμn]m|kg|mg|ml|"
    rf"[kMG]W|kWh|[mk]V|mAh?|dpi|px|pt|°[CF])(?![{LETTER}]|[.,]\d)"
)
_UNITS_IN = frozenset({"LATIN", "CJK", "HANGUL", "HIRAGANA", "KATAKANA"})


@dataclass(frozen=True)
class Finder:
    """Finds the spans of lines.

    Attributes:
        percent_first: see `spans.find`.
        own: what else is one.
    """

    percent_first: bool = False
    own: tuple[re.Pattern[str], ...] = ()

    @classmethod
    def of(cls, language: str, own: Sequence[str] = (), units_in: str | None = None) -> "Finder":
        """For lines of a language.

        Args:
            own: regular expressions.
            units_in: numbers with units are spans, too, if the letters of this language are such that they stay.

        Raises:
            ConfigError: one is none.
        """
        units = units_in is not None and not _UNITS_IN.isdisjoint(letters_of(units_in))
        return cls(spans.percent_first(language), (*map(compiled, own), *([_UNIT] * units)))

    def may_have(self, line: str) -> bool:
        """Whether there may be spans in a line."""
        return spans.may_have(line) or any(pattern.search(line) for pattern in self.own)

    def find(
        self,
        line: str,
        formatted: bool = False,
        wanted: Counter[str] | None = None,
        known: Collection[str] | None = None,
    ) -> list[Span]:
        """See `spans.find`; of two that overlap the longer one is a span."""
        found = spans.find(line, self.percent_first, formatted, wanted, known)
        return _longest([*self._own(line), *found]) if self.own else found

    def _own(self, line: str) -> Iterable[Span]:
        for pattern in self.own:
            for match in pattern.finditer(line):
                if text := match[0].strip():
                    start = match.start() + match[0].index(text)
                    yield Span(start, start + len(text), text, OWN)


def _longest(found: Sequence[Span]) -> list[Span]:
    taken, kept = bytearray(max((one.end for one in found), default=0)), list[Span]()
    for one in sorted(found, key=lambda one: one.start - one.end):
        if not any(taken[one.start : one.end]):
            taken[one.start : one.end] = b"\1" * (one.end - one.start)
            kept.append(one)
    return sorted(kept, key=lambda one: one.start)


@lru_cache(maxsize=256)
def compiled(own: str) -> re.Pattern[str]:
    """A regular expression of somebody's own.

    Raises:
        ConfigError: it is none.
    """
    try:
        return re.compile(own)
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(
            f"{own!r} is no regular expression ({error}): put \\ before marks that stand for themselves"
        ) from None


@dataclass(frozen=True)
class Sought:
    """What a translation is to have of a line.

    Attributes:
        found: the spans of the line.
        percent_first: of the translation, see `spans.find`.
    """

    line: str
    found: Sequence[Span]
    percent_first: bool = False

    @cached_property
    def _formats(self) -> Counter[str]:
        """Those that are no share of anything: such a one as 5%d is not among what is found."""
        there = Counter(one.text for one in self.found if one.text.startswith("%") and one.text != "%%")
        return Counter({text: count for text, count in there.items() if self.line.count(text) == count})

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(one.text for one in self.found if one.kind in BY_CHOICE)

    @cached_property
    def _finder(self) -> Finder:
        """Of what is somebody's own a translation has to have the very text, and whatever else is like it is none."""
        own = dict.fromkeys(one.text for one in self.found if one.kind == OWN)
        return Finder(self.percent_first, tuple(map(_literal, own)))

    def find(self, text: str, put: bool = True) -> list[Span]:
        """What a translation has.

        Args:
            put: one that had no number before it in the line may have come behind one.
        """
        formatted = any(one.text == "%%" for one in self.found)
        found = self._finder.find(text, formatted, known=self._known)
        if put and (lost := self._formats - Counter(one.text for one in found)):
            found = self._finder.find(text, formatted, lost, self._known)
        return found


def _literal(text: str) -> re.Pattern[str]:
    """A text where it is not a part of a longer word."""
    before, after = (r"(?<![A-Za-z0-9_])" * text[:1].isalnum()), (r"(?![A-Za-z0-9_])" * text[-1:].isalnum())
    return re.compile(before + re.escape(text) + after)
