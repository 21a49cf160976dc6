"""A glossary: terms of a source, and what they must be in its translation. Must not know files, pieces or models."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from mtkit.text import languages
from mtkit.text.fold import fold

KEY = 3  # characters by which forms are looked up
OPENS = re.compile(r"(?:^|[.!?:…。！？])[^\w]*$")  # before the first word of a sentence
JOINS = "-\u2010\u2011"
FEW = 8  # hyphens, at most, between the parts of a word


@dataclass(frozen=True)
class Form:
    """One way to write a term.

    Attributes:
        text: folded.
        open_ended: the word may go on: file* is files, too.
        opening: it is so only at the beginning of a sentence.
    """

    text: str
    open_ended: bool = False
    opening: bool = False

    @property
    def plain(self) -> bool:
        """Whether there is no capital in it: then case is as it comes."""
        return self.text == self.text.lower()


@dataclass(frozen=True)
class Term:
    """What is a term in a source, and what it has to become; no targets: it stays as it is."""

    sources: tuple[Form, ...]
    targets: tuple[Form, ...] = ()


@dataclass(frozen=True)
class Asked:
    """A term that was found in a line.

    Attributes:
        source: as it stands there.
        forms: of which one has to be in the translation.
    """

    source: str
    forms: tuple[Form, ...]

    @property
    def target(self) -> str:
        """What is asked for, in words."""
        return "|".join(one.text + "*" * one.open_ended for one in self.forms if not one.opening)


@dataclass(frozen=True)
class Told:
    """A term that was asked for, and whether the translation has it."""

    source: str
    target: str
    rendered: bool


class Glossary:
    """Terms of two languages.

    Where source words are not written apart (Chinese), or endings are written onto nouns (Korean), a term may be a part
    of what stands between spaces; likewise in the translation.

    Args:
        terms: of a source form that two have, the first one's counts.
        pair: the languages, source and target.
    """

    def __init__(self, terms: Iterable[Term], pair: tuple[str, str]) -> None:
        self.terms, self.pair = list(terms), pair
        ends = [_open(code) for code in pair]
        self._left, self._right = [left for left, _ in ends], [right for _, right in ends]
        self._starts = re.compile(r"\w+|[^\w\s]" if not self._left[0] else r"\S")
        self._forms: dict[str, list[tuple[re.Pattern[str], Form, Term]]] = {}
        seen = set[str]()
        for term in self.terms:
            for form in term.sources:
                if form.text in seen:
                    continue
                seen.add(form.text)
                spaced = r"\s+".join(map(re.escape, form.text.split())) + r"\w*" * form.open_ended
                pattern = re.compile(spaced, re.IGNORECASE if form.plain else 0)
                self._forms.setdefault(form.text[:KEY].lower(), []).append((pattern, form, term))
        self._sizes = sorted({len(key) for key in self._forms})

    def __repr__(self) -> str:
        """Tells glossaries apart by what they say."""
        return f"Glossary({sha256(repr((self.terms, self.pair)).encode()).hexdigest()[:16]})"

    def __len__(self) -> int:
        return len(self.terms)

    def find(self, text: str, kept: Sequence[tuple[int, int]] = ()) -> list[Asked]:
        """The terms of a folded text: of those that overlap the longest, whole words only.

        Args:
            kept: stretches that are no text.
        """
        found = list[tuple[int, int, Term]]()
        for begin in self._starts.finditer(text):
            start = begin.start()
            for size in self._sizes:
                for pattern, form, term in self._forms.get(text[start : start + size].lower(), ()):
                    if match := pattern.match(text, start):
                        end = match.end()
                        whole = form.open_ended or self._right[0] or not _goes_on(text, end)
                        if whole and (self._left[0] or not _within(text, start)):
                            found.append((start, end, term))
        taken = bytearray(len(text))
        for first, last in kept:
            taken[first:last] = b"\1" * (last - first)
        made = list[tuple[int, Asked]]()
        for start, end, term in sorted(found, key=lambda one: (one[0] - one[1], one[0])):
            if not any(taken[start:end]):
                taken[start:end] = b"\1" * (end - start)
                made.append((start, Asked(text[start:end], _forms(text, start, end, term))))
        return [asked for _, asked in sorted(made, key=lambda one: one[0])]

    def told(self, asked: Sequence[Asked], translation: str) -> list[Told]:
        """Which terms a translation has, each as often as it is asked for."""
        text, there = fold(translation), dict[tuple[Form, ...], int]()
        made = []
        for one in asked:
            left = there.get(one.forms)
            left = self._count(text, one.forms) if left is None else left
            made.append(Told(one.source, one.target, left > 0))
            there[one.forms] = left - 1
        return made

    def _count(self, text: str, forms: tuple[Form, ...]) -> int:
        return len({place for form in forms for place in self._places(text, form)})

    def _places(self, text: str, form: Form) -> Iterator[int]:
        end = 0
        while (start := text.find(form.text, end)) >= 0:
            end = start + len(form.text)
            if not self._left[1] and start and text[start].isalnum() and text[start - 1].isalnum():
                continue
            if not self.open_ended(form) and text[end - 1].isalnum() and text[end : end + 1].isalnum():
                continue
            if not form.opening or OPENS.search(text[:start]):
                yield start

    def open_ended(self, form: Form) -> bool:
        """Whether in a translation the word that a form ends with may go on."""
        return form.open_ended or self._right[1]

    @property
    def anywhere(self) -> bool:
        """Whether in a translation a term may begin within a word."""
        return self._left[1]


def grouped(asked: Sequence[Asked]) -> Iterator[tuple[tuple[Form, ...], int]]:
    """What is to be said, and how often."""
    yield from Counter(one.forms for one in asked).items()


def _open(code: str) -> tuple[bool, bool]:
    """Whether a term may begin, and end, within what stands between spaces."""
    spaced = languages.language(code).spaced
    return not spaced, not spaced or languages.letters_of(code)[:1] == ("HANGUL",)


def _forms(text: str, start: int, end: int, term: Term) -> tuple[Form, ...]:
    """What a term must become where it stands, in which case."""
    seen = text[start:end]
    if not term.targets:
        return (Form(seen),)
    letters = [letter for letter in seen if letter.isalpha()]
    if any(one.plain for one in term.sources) and len(letters) > 1 and seen.isupper():
        return tuple(Form(one.text.upper(), one.open_ended) for one in term.targets)
    opening = seen[:1] == seen[:1].lower() or bool(OPENS.search(text[:start]))
    more = [
        Form(one.text[:1].upper() + one.text[1:], one.open_ended, opening)
        for one in term.targets
        if one.text[:1].islower()
    ]
    return (*term.targets, *more)


def _within(text: str, place: int) -> bool:
    """Whether what stands at a place goes on with a word before it, hyphens included."""
    return text[place].isalnum() and text[max(0, place - FEW) : place].rstrip(JOINS)[-1:].isalnum()


def _goes_on(text: str, end: int) -> bool:
    """Whether a word that ends at a place goes on there, hyphens included."""
    return text[end - 1].isalnum() and text[end : end + FEW].lstrip(JOINS)[:1].isalnum()
