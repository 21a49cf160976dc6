"""Translations with the terms of a glossary: which they have, and which of two has more. Must not know search."""

from dataclasses import replace

from mtkit.schema import Decode
from mtkit.text.finder import Finder
from mtkit.text.fold import fold
from mtkit.text.terms import Glossary
from mtkit.translator.request import Translation

BEAM = 5  # with a narrower one there would be no choice where in a translation a term is said


class Termed:
    """What a glossary has to say of translations.

    Args:
        finder: of what there are no terms in: placeholders, tags and addresses; None: of nothing.
    """

    def __init__(self, glossary: Glossary, finder: Finder | None) -> None:
        self._glossary, self._finder = glossary, finder

    def decode(self, decode: Decode) -> Decode:
        """How lines are searched that have to say terms."""
        return decode.model_copy(update={"beam_size": max(BEAM, decode.beam_size)})

    def told(self, translation: Translation) -> Translation:
        """With the terms of its source."""
        source = fold(translation.source)
        found = self._finder.find(source) if self._finder else []
        asked = self._glossary.find(source, [(one.start, one.end) for one in found])
        return replace(translation, terms=self._glossary.told(asked, translation.text)) if asked else translation

    def lacks(self, translation: Translation) -> bool:
        """Whether it lacks a term."""
        return self.missing(translation) > 0

    def missing(self, translation: Translation) -> int:
        """Terms that it lacks."""
        return sum(not one.rendered for one in translation.terms)

    def better(self, first: Translation, second: Translation) -> Translation:
        """The one with more terms."""
        second = self.told(second)
        return second if self.missing(second) < self.missing(first) else first

    @staticmethod
    def warned(translation: Translation) -> Translation:
        """With a warning of each term that it lacks."""
        lacks = [f"'{one.source}' is not rendered as '{one.target}'" for one in translation.terms if not one.rendered]
        return replace(translation, warnings=[*translation.warnings, *lacks]) if lacks else translation


def said(translation: Translation) -> frozenset[str]:
    """The terms that a translation has wherever they stand in its source."""
    return frozenset(one.source for one in translation.terms) - {
        one.source for one in translation.terms if not one.rendered
    }
