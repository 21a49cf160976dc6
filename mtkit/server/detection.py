"""Which language a text is in, of those that are served: py3langid (Lui and Baldwin 2012), whose model lies in it."""

import functools
from collections.abc import Iterable, Sequence
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
            is nothing else.
    """

    def __init__(self, languages: Iterable[str]) -> None:
        self.languages = sorted(languages)

    def guesses(self, text: str) -> list[Guess]:
        """The languages, likeliest first."""
        identifier = _identifier(tuple(self.languages))
        if identifier is None:
            return [Guess(language, 1 / len(self.languages)) for language in self.languages]
        return [Guess(language, float(share)) for language, share in identifier.rank(text[:LOOKED_AT])]


@functools.cache
def _identifier(languages: Sequence[str]) -> LanguageIdentifier | None:
    """Read once, in half a second; None: it knows none of them."""
    made = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    known = [one for one in languages if one in made.labels]
    if known:
        made.set_languages(known)
    return made if known else None
