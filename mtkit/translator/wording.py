"""What a translation has to say, as pieces: the forms of terms as the target tokenizer writes them in a text.

Must not know models, nor how it is searched.
"""

from collections.abc import Iterator

from mtkit.search.sentence import APART, OPENING, WITHIN, Group, Phrase
from mtkit.text.terms import Asked, Form, Glossary, grouped
from mtkit.text.tokenizer import Tokenizer

BEFORE = "("  # after which a word is written without the mark of a new one


class Wording:
    """The forms of a glossary's terms as pieces; each is made once."""

    def __init__(self, glossary: Glossary, target: Tokenizer) -> None:
        self.glossary, self._target = glossary, target
        self._made: dict[Form, tuple[Phrase, ...]] = {}

    def groups(self, asked: list[Asked]) -> Iterator[Group]:
        """What is to be said of some terms; what cannot be written is left out."""
        for forms, count in grouped(asked):
            if phrases := tuple(phrase for form in forms for phrase in self.phrases(form)):
                yield Group(tuple(dict.fromkeys(phrases)), count)

    def phrases(self, form: Form) -> tuple[Phrase, ...]:
        """The ways to write a form; none: the vocabulary cannot."""
        if form not in self._made:
            self._made[form] = tuple(self._phrases(form))
        return self._made[form]

    def _phrases(self, form: Form) -> Iterator[Phrase]:
        target, open_ended = self._target, self.glossary.open_ended(form)
        ids = target.encode([form.text])[0]
        if not self._spells(ids, form.text):
            return
        yield Phrase(tuple(ids), OPENING if form.opening else WITHIN, open_ended)
        if form.opening:
            return
        # After a bracket or a hyphen, and where words are not apart, it has no mark.
        whole = target.encode([BEFORE + form.text])[0]
        for first in range(1, len(whole)):
            if target.decode(whole[:first]) == BEFORE:
                inside = whole[first:]
                if self._spells(whole, BEFORE + form.text) and not target.names[inside[0]].startswith("▁"):
                    yield Phrase(tuple(inside), WITHIN if self.glossary.anywhere else APART, open_ended)
                return

    def _spells(self, ids: list[int], text: str) -> bool:
        return bool(ids) and self._target.decode(ids) == text and not set(ids) & set(self._target.never)
