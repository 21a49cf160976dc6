"""Training text in chunks of pairs, which processes may share.

What is done to a chunk depends on nothing but the chunk, and results come back in the order of the text: what depends
on all that came before (what is repeated, what is drawn) is decided on these, in one process. So the number of
processes changes no byte of what is written.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mtkit.text import case, filters
from mtkit.text.cleaning.rules import Settings, cleaning
from mtkit.text.fold import fold
from mtkit.text.readers.reader import Pair
from mtkit.text.reserved import plain

PAIRS = 2000  # of a chunk, at most
CHARACTERS = 1 << 21  # of a chunk, or one pair
WORTH_IT = 1 << 23  # bytes of text on disk from which on several processes pay for their start
USUALLY = 5  # processes at most where nobody says how many: one can read for about so many


@dataclass(frozen=True)
class Role:
    """What a text is for, among all texts that are trained on.

    Attributes:
        tag: what stands before its sources; "": nothing.
        side: of its pairs, that by which some are held out: the same in both directions of a text.
        measures: whether a model is validated on what is held out of it; of text that was made for training, no.
    """

    tag: str = ""
    side: int = 0
    measures: bool = True

    def key(self, pair: Pair) -> int:
        """By which equal pairs are found: the same pair is learnt once for each tag."""
        return filters.key(self.tag, *pair) if self.tag else filters.key(*pair)

    @property
    def apart(self) -> int:
        """What keeps keys of nearly equal pairs with another tag from being the same."""
        return filters.key(self.tag) if self.tag else 0

    def held_by(self, pair: Pair) -> int:
        """By which pairs are held out together."""
        return filters.key(pair[self.side])


@dataclass(frozen=True)
class Chunk:
    """Pairs that stand one after another in a text, as they were read."""

    name: str
    """Of the text, for messages."""
    first: int
    """The number of its first pair, from 0."""
    pairs: list[Pair]
    role: Role = Role()
    languages: Pair = ("", "")
    worst: bytes = b""
    """A flag a pair: 1 where a model finds it too unlikely; empty: none was asked."""

    def __str__(self) -> str:
        return f"pairs {self.first + 1:,} to {self.first + len(self.pairs):,} of {self.name}"


@dataclass(frozen=True)
class Treatment:
    """What becomes of a pair before there is a tokenizer: the same in both readings."""

    rules: filters.TextRules
    case_augment: float
    cleaning: Settings = ()
    """Of the rules in `text.cleaning` those that are on."""

    def read(self, raw: Pair) -> Pair:
        """A pair as models see it: repaired, where that is wanted, and folded (`fold`)."""
        source, target = cleaning(self.cleaning).repaired(*raw)[0] if self.cleaning else raw
        return plain(fold(source)), plain(fold(target))

    def judged(self, chunk: Chunk) -> Iterator[tuple[Pair, str | None, list[str]]]:
        """Each pair as models see it, the rule that it breaks, and what has repaired it."""
        if not self.cleaning and not chunk.worst:
            for source, target in chunk.pairs:
                pair = plain(fold(source)), plain(fold(target))
                yield pair, self.rules.broken(*pair), []
            return
        rules = cleaning(self.cleaning, chunk.languages)
        for number, raw in enumerate(chunk.pairs):
            pair, names, damaged = rules.repaired(*raw)
            pair = plain(fold(pair[0])), plain(fold(pair[1]))
            rule = self.rules.broken(*pair) or damaged or rules.broken(*pair)
            yield pair, rule or ("score" if chunk.worst and chunk.worst[number] else None), names

    def copies(self, pair: Pair) -> list[tuple[str, Pair]]:
        """The copies of a training pair in other cases, each with the name of its case."""
        return list(case.copies(pair, self.case_augment))


def cut(pairs: Iterable[Pair], name: str, role: Role = Role(), languages: Pair = ("", "")) -> Iterator[Chunk]:
    """A text in chunks; the same at each reading."""
    first, some, size = 0, list[Pair](), 0
    for pair in pairs:
        some.append(pair)
        size += len(pair[0]) + len(pair[1])
        if len(some) == PAIRS or size >= CHARACTERS:
            yield Chunk(name, first, some, role, languages)
            first, some, size = first + len(some), [], 0
    if some:
        yield Chunk(name, first, some, role, languages)


def usual_workers(files: Sequence[Path]) -> int:
    """How many processes to share a text among where nobody says it: one a core for much text, else this one alone."""
    if not sys.platform.startswith("linux"):  # elsewhere a process is begun anew, and loads everything again
        return 1
    size = sum(path.stat().st_size for path in files)
    return min(len(os.sched_getaffinity(0)), USUALLY) if size >= WORTH_IT else 1
