"""Which two languages texts are in, and which is the source: by what they say, their names, letters and words."""

import importlib
import importlib.util
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations, islice
from typing import Any

from mtkit.errors import DataError
from mtkit.jobs.starting.looking import Text, by_name
from mtkit.text.languages import letters_of, primary
from mtkit.text.readers.codes import best
from mtkit.text.readers.reader import Pair, locate

LOOKED = 300  # pairs whose words are looked at
ENOUGH = 100  # letters at least, to tell a language
SURE = 0.9  # share of what a text may be in
UNLIKELY = 0.01
ALONE = ("ko", "ja", "el", "he", "hy", "ka", "th", "ta", "te", "kn", "ml", "gu", "si", "km", "lo", "my", "zh")
"""Languages that are known by their letters, since few others are written in these; Japanese before Chinese."""
PO = (".po", ".mo")


@dataclass(frozen=True)
class Settled:
    """What the texts that are taken have in common.

    Attributes:
        languages: of source and target, as a config is to say them.
        texts: those in both.
        notes: what was taken for granted, a sentence each.
    """

    languages: Pair
    texts: list[Text]
    notes: list[str]


def settle(texts: Sequence[Text], source: str = "", target: str = "") -> Settled:
    """Find the two languages that most text is in.

    Args:
        source: code of the language to translate from; "": it is to be found out.
        target: of that to translate to.

    Raises:
        DataError: that cannot be known, or there is no text in those that were named.
    """
    notes: list[str] = []
    told = [_filled(text, source, target, notes) for text in texts]
    sizes: Counter[Pair] = Counter()
    fixed: Counter[Pair] = Counter()  # those of which the order is settled
    ordered: Counter[Pair] = Counter()  # those of which it may mean something: that of columns, say
    for text in told:
        for one, other in combinations(text.offered, 2):
            if not one or not other or primary(one) == primary(other):
                continue
            for pair in ((one, other),) if text.fixed else ((one, other), (other, one)):
                fits = (not source or best(source, [pair[0]])) and (not target or best(target, [pair[1]]))
                if fits:
                    sizes[_primaries(pair)] += text.size + 1
                    fixed[_primaries(pair)] += text.fixed
                    ordered[_primaries(pair)] += len(text.files) == 1 and pair == (one, other)
    if not sizes:
        raise _unknown(told, source, target)
    top = max(sizes.values())
    likely = [pair for pair, size in sizes.items() if size == top]
    chosen = min(
        likely,
        key=lambda pair: (-fixed[pair], -ordered[pair], ordered[pair] and _place(told, pair), pair[0] != "en", pair),
    )
    taken = [text for text in told if _has(text, chosen)]
    languages = _exact(taken, (source or chosen[0], target or chosen[1]))
    for text in [text for text in taken if len(text.files) > 1 and not set(languages) <= set(text.offered)]:
        taken.remove(text)
        notes.append(f"{text.entry} has other endings than {' and '.join(languages)}: it is left out")
    if not source and not target and not fixed[chosen]:
        notes.append(
            f"which of {languages[0]} and {languages[1]} is to be translated from: {languages[0]} is taken; "
            "source_lang and target_lang may change places"
        )
    if others := sorted({"-".join(sorted(pair)) for pair in sizes if set(pair) != set(chosen)}):
        notes.append(f"there is text in other languages, too ({', '.join(others)}), which was left out")
    return Settled(languages, taken, notes)


def doubt(text: Text, pairs: Sequence[Pair], languages: Pair) -> list[str]:
    """That words are of another language than a name says, a sentence each; nothing where nobody can tell."""
    found = []
    for side, code in enumerate(languages):
        ranked = _ranked(" ".join(pair[side] for pair in pairs))
        likely = dict(ranked)
        if primary(code) in likely and likely[primary(code)] < UNLIKELY and ranked[0][1] > SURE:
            found.append(f"{text.entry}: is that {code}? By its words it is {ranked[0][0]}")
    return found


def sample(text: Text, languages: Pair) -> list[Pair]:
    """The first pairs of a text.

    Raises:
        DataError: it cannot be read.
    """
    return list(islice(locate(text.entry, *languages).folded(), LOOKED))


def guess(line: str) -> str:
    """The language that a text is in, by its letters or, with py3langid, its words; "": nobody can tell."""
    letters: Counter[str] = Counter()
    for character, count in Counter(line).items():
        if character.isalpha():
            letters[unicodedata.name(character, "").partition(" ")[0]] += count
    if letters.total() < ENOUGH:
        return ""
    for code in ALONE:
        own = [script for script in letters_of(code) if code == "zh" or script != "CJK"]
        if sum(letters[script] for script in own) > 0.3 * letters.total():
            return code
    ranked = _ranked(line)
    return ranked[0][0] if ranked and ranked[0][1] >= SURE else ""


def _filled(text: Text, source: str, target: str, notes: list[str]) -> Text:
    """A text with what can be found out of the languages that it does not say."""
    if all(text.offered):
        return text
    one, other = text.offered
    named = by_name(text.entry)
    sides = [one or source or named[0], other or target or named[1]]
    if not all(sides):
        try:
            pairs = sample(text, ("source", "target"))
        except DataError:
            pairs = []  # what is wrong with it is said when it is read
        for side in (0, 1):
            if not sides[side] and (found := guess(" ".join(pair[side] for pair in pairs))):
                sides[side] = found
                which = ("sources", "targets")[side]
                notes.append(f"{text.entry} does not say in which language its {which} are: by their text {found}")
    if not sides[0] and sides[1] and text.entry.suffix in PO:
        sides[0] = "en"
        note = "in which language the messages of catalogues are, which do not say it: en is taken"
        notes += [note] * (note not in notes)
    return replace(text, offered=tuple(sides))


def _has(text: Text, pair: Pair) -> bool:
    if text.fixed:
        return bool(best(pair[0], text.offered[:1]) and best(pair[1], text.offered[1:2]))
    return all(best(code, text.offered) for code in pair)


def _exact(texts: Sequence[Text], pair: Pair) -> Pair:
    """Codes as the names of files have them, which must be met; else without regions."""
    for text in texts:
        if len(text.files) > 1:
            found = [best(code, text.offered) for code in pair]
            return found[0] or pair[0], found[1] or pair[1]
    return pair


def _primaries(pair: Pair) -> Pair:
    return primary(pair[0]), primary(pair[1])


def _place(texts: Sequence[Text], pair: Pair) -> int:
    """Where the first language of a pair stands in the largest text that has both."""
    rows = ([primary(code) for code in text.offered] for text in texts)
    return next((codes.index(pair[0]) for codes in rows if pair[0] in codes and pair[1] in codes), 0)


def _unknown(texts: Sequence[Text], source: str, target: str) -> DataError:
    first = texts[0].entry
    if source or target:
        wanted = " to ".join(code or "any language" for code in (source, target))
        there = sorted({code for text in texts for code in text.offered if code})
        return DataError(
            f"there is no text from {wanted}: {first} and the like have {', '.join(there) or 'no codes'}", "languages"
        )
    words = "" if _has_langid() else ", or install py3langid, with which words are looked at, too"
    return DataError(f"{first} does not say which languages it is in: name them{words}", remedy="languages")


def _has_langid() -> bool:
    return importlib.util.find_spec("py3langid") is not None


@cache
def _identifier() -> Any:
    if not _has_langid():
        return None
    langid = importlib.import_module("py3langid.langid")
    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)


def _ranked(line: str) -> list[tuple[str, float]]:
    """Languages with the chance that a text is in them, likeliest first; []: nobody can tell."""
    if sum(map(str.isalpha, line)) < ENOUGH or (identifier := _identifier()) is None:
        return []
    return [(code, float(share)) for code, share in identifier.rank(line)]
