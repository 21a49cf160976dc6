"""Source words that the vocabulary lacks, put into the translation as they stand. Must not know tokenizers.

A model is told that something stands there, not what, and says any word for it, or none. Attention tells which: a
word that was said while looking at the unknown one gives way to it (Jean et al. 2015, Luong et al. 2015); else it comes
where the translation of its neighbour ends.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mtkit.translator.alignment import Weights
from mtkit.translator.spelled import Span, Spelled, core_of, kinds_of, numbered
from mtkit.translator.unknown import Source

DOMINANT = 0.3  # of the attention that a word was said with; more is seldom left of a word that is then not said
LOOKED = 0.1  # of it, at least, on a word that it may translate


@dataclass(frozen=True)
class Copied:
    """A translation with what was copied into it.

    Attributes:
        origins: of each character, its place in the translation before; of one that was copied -1 less its place in
            the source.
    """

    text: str
    origins: Sequence[int]

    def links(
        self, before: Sequence[tuple[int, int]], translation: str, source: Spelled, numbers: Sequence[int]
    ) -> list[tuple[int, int]]:
        """Links between words, as they were before and of what was copied.

        Args:
            before: (source word, target word), by the words of `translation`.
            numbers: of each word of the spelled source, the number that links are to have.
        """
        target_words, source_words = numbered(translation), numbered(source.text)
        made = set[tuple[int, int]]()
        for number, found in enumerate(re.finditer(r"\S+", self.text)):
            origins = self.origins[found.start() : found.end()]
            kept = {target_words[origin] for origin in origins if origin >= 0}
            links = {(word, number) for word, target in before if target in kept}
            places = [-1 - origin for origin in origins if origin < 0]
            copied = {(numbers[min(source_words[place], len(numbers) - 1)], number) for place in places}
            made |= copied if not links or any(source.text[place].isalnum() for place in places) else links
        return sorted(made)


@dataclass(frozen=True)
class _Edit:
    """A unit put in place of a stretch of the translation, which may be empty.

    Attributes:
        before: it belongs to what follows.
    """

    at: Span
    unit: Span
    before: bool = False


def copied(source: Source, target: Spelled, attention: Weights | None, spaced: bool = True, fixed: int = 0) -> Copied:
    """Put what is unknown into a translation, each once.

    Args:
        attention: a row a piece of the translation, a column for each `stride` pieces of the source; None: there is
            none, and what is unknown comes as far from the beginning as in the source.
        spaced: whether the target language has spaces between words.
        fixed: characters that the translation begins with whatever the source is.
    """
    if source.nothing_known() and not fixed:
        text = source.spelled.text
        begin, end = len(text) - len(text.lstrip()), len(text.rstrip())
        return Copied(text[begin:end], [-1 - place for place in range(begin, end)])
    return _Copying(source, target, attention, spaced, fixed).copied()


class _Copying:
    """Where units go."""

    def __init__(self, source: Source, target: Spelled, attention: Weights | None, spaced: bool, fixed: int) -> None:
        self.source, self.target, self.attention, self.spaced, self.fixed = source, target, attention, spaced, fixed
        self.tokens = target.tokens()
        self.kinds = kinds_of(target.text)
        self.known = [one for one in source.spelled.tokens() if not any(map(one.meets, source.units))]
        # A word is chosen with its first piece; while the others spell it attention may rest elsewhere.
        self.looked = [self._looked(attention[target.pieces(one)[0]]) for one in self.tokens] if attention else []

    def _looked(self, weights: Sequence[float]) -> list[float]:
        """How much was looked at each source piece, and the end."""
        stride, count = self.source.stride, len(self.source.spelled.ends) + 1
        shares = [weight / min(stride, count - place * stride) for place, weight in enumerate(weights)]
        return [shares[piece // stride] for piece in range(count)]

    def copied(self) -> Copied:
        said = self._said()
        edits = self._replacements([unit for unit in self.source.units if unit not in said])
        for place, unit in enumerate(self.source.units):
            if unit not in said and unit not in edits:
                edits[unit] = self._insertion(place, unit, said, edits)
        return self._applied(sorted(edits.values(), key=lambda one: (one.at.begin, one.at.end, one.unit.begin)))

    def _said(self) -> dict[Span, int]:
        """Units that the translation has already, with where they end in it."""
        found, used = dict[Span, int](), set[int]()
        for unit in self.source.units:
            core = core_of(self.source.text(unit))
            left, right = (r"(?<!\w)" * core[0].isalnum(), r"(?!\w)" * core[-1].isalnum())
            if "u" in kinds_of(core):
                left = right = ""
            for match in re.finditer(left + re.escape(core) + right, self.target.text):
                if match.start() not in used:
                    used.add(match.start())
                    found[unit] = match.end()
                    break
        return found

    def _weight(self, token: int, span: Span) -> float:
        """How much of the attention that a token was said with was on a stretch of the source."""
        first, end = self.source.spelled.pieces(span)
        return sum(self.looked[token][first:end])

    def _replacements(self, units: Sequence[Span]) -> dict[Span, _Edit]:
        """Words that were said for what is unknown."""
        if self.attention is None:
            return {}
        words = self._spare(
            number
            for number, token in enumerate(self.tokens)
            if self.kinds[token.begin] in "wu" and token.begin >= self.fixed
        )
        pairs = [
            (weight, unit, word)
            for unit in units
            if self.source.whole(unit)
            for word in sorted(words)
            if (weight := self._weight(word, unit)) >= DOMINANT
        ]
        edits, taken = dict[Span, _Edit](), set[int]()
        for _, unit, word in sorted(pairs, key=lambda one: -one[0]):
            if unit not in edits and word not in taken:
                edits[unit] = _Edit(self.tokens[word], unit)
                taken.add(word)
        return edits

    def _spare(self, words: Iterable[int]) -> set[int]:
        """Words that are not needed as translations of what is known.

        As many source words as can be get a word of their own that looks at them, first by words that look little at
        what is unknown (Kuhn 1955): a model that says nothing for that looks at it, too, while it says the next word.
        """
        every = range(len(self.tokens))
        looked = [
            [number for number, one in enumerate(self.known) if self._weight(word, one) >= LOOKED] for word in every
        ]
        owners, owned = dict[int, int](), dict[int, int]()
        for word in sorted(every, key=lambda one: sum(self._weight(one, unit) for unit in self.source.units)):
            came, queue, free = dict[int, int](), [word], None
            for asking in queue:  # it grows
                for number in looked[asking]:
                    if number not in came:
                        came[number] = asking
                        if number not in owners:
                            free = number
                            break
                        queue.append(owners[number])
                if free is not None:
                    break
            while free is not None:  # each gets what it asked for, and gives up what it had
                owners[free] = came[free]
                owned[came[free]], free = free, owned.get(came[free])
        return {*words} - {*owned}

    def _insertion(self, place: int, unit: Span, said: dict[Span, int], edits: dict[Span, _Edit]) -> _Edit:
        """A place beside the translation of a neighbour."""
        others = self.source.spelled.tokens()
        left = [one for one in others if one.end <= unit.begin][-1:]
        right = [one for one in self.known if one.begin >= unit.end][:1]
        before = not left or (bool(right) and not self.source.whole(unit) and not self.source.joins(unit, False))
        if not before and place and left[0].meets(self.source.units[place - 1]):
            neighbour = self.source.units[place - 1]
            if neighbour in said:
                return _Edit(Span(said[neighbour], said[neighbour]), unit)
            edit = edits[neighbour]
            return _Edit(Span(edit.at.end, edit.at.end), unit, edit.before)
        if not self.tokens:
            at = len(self.target.text)
        elif self.attention is None:
            at, before = self._diagonal(unit)
        else:
            (beside,) = (right if before else left) or [unit]
            if not self.source.whole(unit):  # a picture: what looked at it was said for the word that it is at
                beside = Span(min(beside.begin, unit.begin), max(beside.end, unit.end))
            token = max(range(len(self.tokens)), key=lambda one: self._weight(one, beside))
            at = self.tokens[token].begin if before else self.tokens[token].end
        at = max(at, self.fixed)
        return _Edit(Span(at, at), unit, before)

    def _diagonal(self, unit: Span) -> tuple[int, bool]:
        """The place as far from the beginning as in the source, and whether it is before a word."""
        share = sum(one.end <= unit.begin for one in self.known) / max(1, len(self.known))
        number = int(share * len(self.tokens) + 0.5)
        return (self.tokens[number - 1].end, False) if number else (self.tokens[0].begin, True)

    def _applied(self, edits: Sequence[_Edit]) -> Copied:
        text, origins, at = "", list[int](), 0

        def add(more: str, first: int, step: int = 1) -> None:
            nonlocal text
            text += more
            origins.extend(first + step * number for number in range(len(more)))

        for edit in edits:
            begin, end = edit.at.begin, edit.at.end
            add(self.target.text[at:begin], at)
            at, after = end, self.target.text[end : end + 1]
            unit = self._fitting(edit, text[-1:], after)
            copy = self.source.text(unit)
            if begin == end:
                add(self._gap(text[-1:], copy[0], not edit.before and not self.source.joins(edit.unit, False)), at)
            add(copy, -1 - unit.begin, -1)
            if begin == end:
                add(self._gap(copy[-1], after, edit.before and not self.source.joins(edit.unit, True)), at)
        add(self.target.text[at:], at)
        return Copied(text, origins)

    def _fitting(self, edit: _Edit, before: str, after: str) -> Span:
        """A unit without the marks at its ends that the translation has there already."""
        unit = edit.unit
        text = self.source.text(unit)
        core = core_of(text)
        begin = unit.begin + text.index(core)
        if after and kinds_of(after) == ".":
            unit = replace(unit, end=begin + len(core))
        if before and kinds_of(before) == "." and edit.at.begin < edit.at.end:
            unit = replace(unit, begin=begin)
        return unit

    def _gap(self, before: str, after: str, apart: bool) -> str:
        """What is between two characters, which in the source may be apart."""
        kinds = kinds_of(before + after)
        if len(kinds) < 2 or " " in kinds:
            return ""
        if kinds == "ww":
            return " "
        return " " if self.spaced and (apart or {*kinds} <= {*"wu"}) else ""
