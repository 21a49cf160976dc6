"""Translations that are clearly broken give way to better ones (`mtkit.metrics.broken`); must not know how to search.

Not to be taken for `mtkit.translator.guard`, which brings through what must not change.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from mtkit.metrics.broken import EMPTY, LENGTH, broken
from mtkit.metrics.words import characters, split
from mtkit.schema import Decode
from mtkit.text import languages, sentences, spans
from mtkit.text.finder import Finder
from mtkit.translator.request import Candidate, Translation
from mtkit.translator.termed import Termed

WIDE = 8  # hypotheses, at least, and twice as many as search kept
NGRAMS = (3, 2)  # pieces in a row that do not come twice: first, and where that does not help
SINGLE = 4  # times as many where pieces are characters
FEW = 8  # parts of a line that is searched again, at most
SHORT = 8  # words of a part, at most, of a line of which nothing else is any better
BRIEF = 0.1  # pieces a source piece, at most, beside ten: of what a model says nonsense of whatever it is asked


class Repair:
    """What becomes of broken translations.

    Args:
        pair: the languages, source and target.
        n_best: translations of a line that are wanted.
        termed: the terms that they are to have.
        finder: of placeholders, tags and addresses, which are no text; None: they are.
    """

    def __init__(self, pair: tuple[str, str], n_best: int, termed: Termed | None, finder: Finder | None = None) -> None:
        self._pair, self._n_best, self._termed, self._finder = pair, n_best, termed, finder

    def looked_at(self, translation: Translation) -> Translation:
        """With what is broken.

        What no model has said is not; and a line in many parts is too long to be searched again and again for a word of
        it.
        """
        said = translation.parts <= FEW and translation.candidates and translation.candidates[0].logprob
        wrong = self._broken(translation.source, translation.text) if said else []
        return replace(translation, broken=wrong) if wrong else translation

    def is_broken(self, translation: Translation) -> bool:
        """Whether it was, and is yet."""
        return bool(translation.broken and self._broken(translation.source, translation.text))

    def is_endless(self, translation: Translation) -> bool:
        """Whether it is far too long."""
        long = len(translation.text) > len(translation.source)
        return bool(translation.broken and long and LENGTH in self._broken(translation.source, translation.text))

    def _broken(self, source: str, translation: str) -> list[str]:
        if self._finder:
            source, translation = map(_bare, (source, translation))
        return broken(source, translation, self._pair)

    @staticmethod
    def decodes(decode: Decode, names: Sequence[str]) -> Iterator[Decode]:
        """How such lines are searched again, one after the other."""
        beam = max(WIDE, 2 * decode.beam_size)
        single = max((len(name.strip("▁")) for name in names if not name.startswith("<")), default=1) < 2
        for ngram in NGRAMS:
            blocked = ngram * SINGLE if single else ngram
            if decode.no_repeat_ngram:
                blocked = min(blocked, decode.no_repeat_ngram)
            keys = {"beam_size": beam, "no_repeat_ngram": blocked, "min_length": max(1, decode.min_length)}
            yield decode.model_copy(update=keys)

    @staticmethod
    def brief(decode: Decode) -> Decode:
        """How a line is searched of which far too much is said, whatever is done."""
        return decode.model_copy(update={"max_ratio": min(BRIEF, decode.max_ratio)})

    def parts(self, line: str) -> list[str]:
        """Sentences, clauses or some words of a line; nothing that must not change is cut."""
        words = split if languages.language(self._pair[0]).spaced else characters
        text, signs = spans.hidden(line, self._finder.find(line)) if self._finder else (line, {})
        nothing = dict.fromkeys(signs, "")

        def lengths(texts: list[str]) -> list[int]:
            return [max(1, len(words(one.translate(nothing)))) for one in texts]

        return [one.translate(signs) for one in sentences.split(text, SHORT, lengths)]

    def better(self, first: Translation, second: Translation) -> Translation:
        """Of all candidates of both the one with the fewest faults that lacks the fewest terms, of these the best."""
        best = min(first.candidates[:1] + second.candidates, key=lambda one: self._worth(first, one))
        if best is first.candidates[0]:
            return first
        others = sorted((one for one in second.candidates if one is not best), key=lambda one: -one.score)
        made = replace(second, candidates=[best, *others][: self._n_best], broken=first.broken)
        return self._termed.told(made) if self._termed else made

    def _worth(self, translation: Translation, candidate: Candidate) -> tuple[int, int, float]:
        wrong = self._broken(translation.source, candidate.text)
        missing = 0
        if self._termed:
            missing = self._termed.missing(self._termed.told(replace(translation, candidates=[candidate])))
        return len(wrong) + (EMPTY in wrong), missing, -candidate.score

    def told(self, translation: Translation) -> Translation:
        """With a warning, if its first form was broken."""
        if not translation.broken:
            return translation
        then = "and others are no better; look at it" if self.is_broken(translation) else "and gave way to a better one"
        warning = f"the translation was broken ({', '.join(translation.broken)}) {then}"
        return replace(translation, warnings=[*translation.warnings, warning])


def _bare(text: str) -> str:
    found = spans.find(text)
    return spans.without(text, found)[0] if found else text
