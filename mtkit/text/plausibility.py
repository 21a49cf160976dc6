"""Text that is formally right and plainly not what was meant: the first lines of it, looked at.

Refuses what cannot be the text (another encoding, other line ends), and says in words what is odd, with file and line.
Knows strings only; a line a kind of oddity, so that nothing is said twice.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from mtkit.errors import DataError
from mtkit.text.languages import letters_of

LOOKED = 1000  # lines that are looked at
FEW = 10  # lines at least, to conclude anything of what most of them are
SEVERAL = 3
MUCH = 0.2  # share of characters that no text has as controls
INNER = 2  # line breaks inside a line, on average, that no text has
CONTROLS = re.compile(r"[\0-\x08\x0e-\x1f]")
LETTER = re.compile(r"[^\W\d_]")
BREAKS = {"\r": "CR", "\u2028": "U+2028", "\u2029": "U+2029", "\x85": "U+0085", "\v": "VT", "\f": "FF"}
MARKS = {"@@": re.compile(r"@@( |$)"), "\u2581": re.compile(r"(^|\s)\u2581|\u2581\S")}  # of BPE, of SentencePiece
ENTITY = re.compile(r"&(amp|quot|lt|gt|apos|nbsp|#\d+);")
WRAPPERS = (("{", "}"), ("[", "]"), ("<", ">"))
HEADINGS = frozenset(
    [
        "source",
        "target",
        "src",
        "tgt",
        "trg",
        "text",
        "sentence",
        "sentences",
        "translation",
        "original",
        "english",
        "german",
        "french",
        "spanish",
        "italian",
        "russian",
        "korean",
        "japanese",
        "chinese",
        "portuguese",
        "dutch",
        "polish",
        "id",
    ]
)
SAME_WORDS = 0.6  # share of running words that two texts of one language have in common, and those of two have not
WORDS = 200  # at least, to tell languages apart
LETTERS = 100  # at least, to say of a text that it is in another script


def refuse_other_encodings(lines: Sequence[str], name: str) -> None:
    """Refuse what is no text in UTF-8 with LF at the ends of its lines.

    Args:
        lines: the first ones of a file.

    Raises:
        DataError: they are mostly of another encoding or of other line ends; names the first one.
    """
    text = "\n".join(lines)
    controls = len(CONTROLS.findall(text))
    if controls > MUCH * len(text):
        number = next(number for number, line in enumerate(lines, 1) if CONTROLS.search(line))
        what = "NUL characters" if "\0" in text else "control characters"
        kind = "UTF-32" if text.count("\0") > 0.6 * len(text) else "UTF-16"
        raise DataError(
            f"{name}, line {number}: full of {what}, as {kind} is when it is read as UTF-8; "
            f"convert the text to UTF-8 first, e.g. with iconv -f {kind}LE -t UTF-8"
        )
    count, mark = max((text.count(mark), mark) for mark in BREAKS)
    if count >= FEW and count >= INNER * len(lines):
        raise DataError(
            f"{name}: {count} {BREAKS[mark]} characters in {len(lines)} line(s): its lines end in {BREAKS[mark]}, "
            f"expected LF; convert them first, e.g. with perl -CSD -pe 's/\\x{{{ord(mark):04X}}}/\\n/g'"
        )


@dataclass(frozen=True)
class Side:
    """The first lines of a side of some text."""

    where: str
    """The file, and which side of it where it has both."""
    language: str
    lines: list[str]

    @cached_property
    def letters(self) -> Counter[str]:
        """Script -> letters of it."""
        found: Counter[str] = Counter()
        for character, count in Counter(self.text).items():
            if character.isalpha():
                found[unicodedata.name(character, "").partition(" ")[0]] += count
        return found

    @cached_property
    def text(self) -> str:
        """All of it, for a quick look at whether something is there at all."""
        return "\n".join(self.lines)

    def most(
        self, fits: Callable[[str], object], share: float, least: int, what: str, advice: str, sign: str = ""
    ) -> Iterator[str]:
        """Say something of lines of which so many fit; of none where a sign is nowhere, which each of them has."""
        if sign not in self.text:
            return
        filled = [(number, line) for number, line in enumerate(self.lines, 1) if line.strip()]
        found = [(number, line) for number, line in filled if fits(line)]
        if len(found) >= max(least, share * len(filled)):
            number, line = found[0]
            yield (
                f"{self.where}, line {number}: {line[:40]!r}: {len(found)} of the first {len(filled)} lines {what}; "
                f"{advice}"
            )


def oddities(source: Side, target: Side) -> Iterator[str]:
    """What is odd about the first pairs of a text, a sentence an oddity."""
    for side in (source, target):
        yield from _of_a_side(side)
    yield from _of_pairs(source, target)
    yield from _of_languages(source, target)


def _of_a_side(side: Side) -> Iterator[str]:
    yield from side.most(
        lambda line: not LETTER.search(line), 0.9, FEW, "have no letter", "is this a column of numbers?"
    )
    yield from side.most(
        lambda line: len(line) > 1 and line[0] == line[-1] == '"',
        0.9,
        FEW,
        "stand in quotes",
        "if they are those of CSV, take them off",
        '"',
    )
    yield from side.most(
        lambda line: any(line.strip().startswith(a) and line.strip().endswith(b) for a, b in WRAPPERS),
        0.9,
        FEW,
        "stand in brackets, as JSON and XML do",
        "give the sentences alone",
    )
    for sign in ("@@", "\u2581"):
        advice = "give the text as it was: mtkit has a tokenizer of its own"
        yield from side.most(MARKS[sign].search, 0.3, FEW, "are cut into pieces", advice, sign)
    yield from side.most(
        ENTITY.search, 0.1, FEW, "have entities of HTML", "give the characters that they stand for", "&"
    )
    if not side.text.isascii():
        advice = "repair them, e.g. with ftfy"
        yield from side.most(_mojibake, 0.02, SEVERAL, "are UTF-8 that was read as Latin-1", advice)
    undecoded = "have U+FFFD, where something could not be decoded"
    yield from side.most(lambda line: "\ufffd" in line, 0.01, 1, undecoded, "convert it anew", "\ufffd")
    yield from side.most(
        lambda line: "\r" in line.rstrip("\r"), 0.01, 1, "have a CR inside", "do their lines end in CR?", "\r"
    )
    yield from side.most(lambda line: "\0" in line, 0.0, 1, "have a NUL character", "is the text damaged?", "\0")
    filled = [line for line in side.lines if line.strip()]
    if len(filled) >= 2 * FEW:
        usual, count = Counter(filled).most_common(1)[0]
        if count > len(filled) / 2:
            yield from side.most(usual.__eq__, 0.5, FEW, "are one and the same", "is this the text?")


def _of_pairs(source: Side, target: Side) -> Iterator[str]:
    pairs = list(zip(source.lines, target.lines, strict=True))
    for side, other, at in ((source, target, 0), (target, source, 1)):
        alone = [number for number, pair in enumerate(pairs, 1) if pair[1 - at].strip() and not pair[at].strip()]
        if len(alone) >= max(FEW, len(pairs) / 2):
            yield (
                f"{side.where}, line {alone[0]}: {len(alone)} of the first {len(pairs)} lines are empty where "
                f"{other.where} has text; is this the other half of it?"
            )
    first = [line.strip().lower() for line in (pairs[0] if pairs else ("", ""))]
    names = HEADINGS | {source.language.lower(), target.language.lower()}
    if first[0] != first[1] and names.issuperset(first):
        yield f"{source.where}, line 1: {source.lines[0]!r} and {target.lines[0]!r} look like a heading: take it off"
    equal = [number for number, (a, b) in enumerate(pairs, 1) if a.strip() == b.strip() and LETTER.search(a)]
    if len(equal) >= max(FEW, len(pairs) / 2):
        yield (
            f"{target.where}, line {equal[0]}: {len(equal)} of the first {len(pairs)} lines are those of "
            f"{source.where}; is this their translation?"
        )


def _of_languages(source: Side, target: Side) -> Iterator[str]:
    wrong = []
    for side, other in ((source, target), (target, source)):
        letters, expected = side.letters, letters_of(side.language)
        strange = [script for script in letters if script not in expected]
        count = sum(letters[script] for script in strange)
        if expected and letters.total() >= LETTERS and count > 0.9 * letters.total():
            fits_other = letters.most_common(1)[0][0] in letters_of(other.language)
            wrong.append((side, max(strange, key=letters.__getitem__), fits_other))
    if len(wrong) == 2 and all(fits for *_, fits in wrong):
        yield (
            f"{source.where} and {target.where} look swapped: data.source_lang is {source.language}, but its text is "
            f"in {wrong[0][1].title()} letters, and that of {target.language} in {wrong[1][1].title()}"
        )
    else:
        for side, script, _ in wrong:
            yield f"{side.where}: hardly a letter of it is one that {side.language} is written in, most are {script}"
    apart = [(a, b) for a, b in zip(source.lines, target.lines, strict=True) if a.strip() != b.strip()]
    words = [_words(some) for some in zip(*apart, strict=True)] or [Counter(), Counter()]
    totals = words[0].total(), words[1].total()
    if min(totals) >= WORDS:
        common = sum(min(words[0][word] / totals[0], words[1][word] / totals[1]) for word in words[0])
        if common > SAME_WORDS:
            yield f"{source.where} and {target.where} share {common:.0%} of their words: are they one language?"


def _words(lines: Iterable[str]) -> Counter[str]:
    return Counter(filter(str.isalpha, "\n".join(lines).lower().split()))


def _mojibake(line: str) -> bool:
    """Whether it is UTF-8 that was read as Windows-1252 or Latin-1."""
    if line.isascii():
        return False
    for encoding in ("cp1252", "latin-1"):
        try:
            line.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
        return True
    return False
