"""Which pairs of the training text are kept, and a count of what is not. Knows strings and lengths only."""

import hashlib
from dataclasses import dataclass, field

SAMPLES = 3  # dropped pairs a rule keeps for the report
RULES = ("empty", "max_chars", "drop_copies", "dedupe", "max_pieces", "max_ratio")
"""Those that are always counted; the rules of `cleaning` are where they have dropped something."""


@dataclass
class Drops:
    """How many pairs each rule dropped, with the first few of them."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RULES, 0))
    samples: dict[str, list[list[str]]] = field(default_factory=lambda: {rule: [] for rule in RULES})

    def add(self, rule: str, source: str, target: str) -> None:
        self.counts[rule] = self.counts.get(rule, 0) + 1
        samples = self.samples.setdefault(rule, [])
        if len(samples) < SAMPLES:
            samples.append([source[:200], target[:200]])

    def __add__(self, other: "Drops") -> "Drops":
        """The drops of two texts, or of two readings, one after the other."""
        return Drops(
            {rule: self.counts.get(rule, 0) + other.counts.get(rule, 0) for rule in self.counts | other.counts},
            {
                rule: (self.samples.get(rule, []) + other.samples.get(rule, []))[:SAMPLES]
                for rule in self.samples | other.samples
            },
        )

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True)
class TextRules:
    """The rules that need no tokenizer."""

    max_chars: int
    drop_copies: bool

    def broken(self, source: str, target: str) -> str | None:
        """The first rule that a pair breaks, or None."""
        stripped = source.strip(), target.strip()
        if not stripped[0] or not stripped[1]:
            return "empty"
        if len(source) > self.max_chars or len(target) > self.max_chars:
            return "max_chars"
        # Words are compared where the first letters are equal, which they seldom are.
        if self.drop_copies and stripped[0][0] == stripped[1][0] and source.split() == target.split():
            return "drop_copies"
        return None


@dataclass(frozen=True)
class PieceRules:
    """The rules on lengths in pieces; a ratio counts only where the longer side has more than 10."""

    max_pieces: int
    max_ratio: float

    def broken(self, source: int, target: int) -> str | None:
        """The first rule that a pair of lengths breaks, or None."""
        if not source or not target:
            return "empty"
        longer, shorter = max(source, target), min(source, target)
        if longer > self.max_pieces:
            return "max_pieces"
        if longer > 10 and longer > self.max_ratio * shorter:
            return "max_ratio"
        return None


def key(*sides: str) -> int:
    """A 64-bit hash of a pair or a side, the same on every machine, and whatever the spaces around and between words:
    a tokenizer sees one of them, or none."""
    text = "\0".join(sides)
    # Printable text has no white space but U+0020; where it stands alone and inside, words are as they would be joined.
    if "  " in text or not all(side.isprintable() and side.strip() == side for side in sides):
        text = "\0".join([" ".join(side.split()) for side in sides])
    digest = hashlib.blake2b(text.encode(), digest_size=8)
    return int.from_bytes(digest.digest(), "little")
