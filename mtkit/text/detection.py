"""Which language a text is in: py3langid (Lui and Baldwin 2012), whose model lies in it.

Must not know who asks. Imported only where somebody does, since py3langid is an extra.
"""

import functools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from py3langid.langid import MODEL_FILE, LanguageIdentifier

LOOKED_AT = 4096  # characters of a text


@dataclass(frozen=True)
class Guess:
    """A language that a text may be in.

    Attributes:
        confidence: from 0 to 1; of all languages that come into question together 1.
    """

    language: str
    confidence: float


class Detector:
    """Tells languages apart.

    Args:
        languages: codes of those that come into question; what py3langid does not know is never guessed, unless there
            is nothing else. None: all that it knows.
    """

    def __init__(self, languages: Iterable[str] | None = None) -> None:
        self._all = languages is None
        self.languages = sorted(_whole().labels if languages is None else languages)

    @property
    def _identifier(self) -> LanguageIdentifier | None:
        return _whole() if self._all else _identifier(tuple(self.languages))

    def guesses(self, text: str) -> list[Guess]:
        """The languages, likeliest first."""
        identifier = self._identifier
        if identifier is None:
            return [Guess(language, 1 / len(self.languages)) for language in self.languages]
        return [Guess(language, float(share)) for language, share in identifier.rank(text[:LOOKED_AT])]

    def surplus(self, text: str, languages: Collection[str]) -> float:
        """By how much another language is likelier than the likeliest of these, of which it knows one at least.

        Returns:
            From 0 (none is) to 1.
        """
        identifier = self._identifier
        assert identifier is not None, "it knows one of them"
        text = text[:LOOKED_AT]
        if identifier.classify(text)[0] in languages:  # nearly always, and quicker than to compare all
            return 0.0
        shares = dict(identifier.rank(text))
        return float(max(shares.values()) - max(shares.get(language, 0.0) for language in languages))


@functools.cache
def _whole() -> LanguageIdentifier:
    """That of all languages that it knows."""
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


@functools.cache
def _identifier(languages: Sequence[str]) -> LanguageIdentifier | None:
    """Read once, in half a second; None: it knows none of them."""
    made = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    known = [one for one in languages if one in made.labels]
    if known:
        made.set_languages(known)
    return made if known else None
