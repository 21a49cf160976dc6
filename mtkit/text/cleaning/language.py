"""The rule on languages: a side that is in another one than it should be, as far as py3langid (an extra) can tell."""

import importlib.util

from mtkit.errors import ConfigError
from mtkit.text.cleaning.rule import Check, Pair
from mtkit.text.languages import primary

FEW = 20  # bytes of letters: of fewer no language is guessed
# Languages that a word or two tell apart: a side that is taken for its neighbour may well be right.
_ALIKE = [frozenset(some.split()) for some in ("da nb nn no", "bs hr sr", "cs sk", "id ms", "gl pt", "bg mk", "xh zu")]
MISSING = "filter.language needs py3langid: pip install 'mtkit[clean]', or set filter.language = 0"


def available() -> bool:
    """Whether languages can be told apart here."""
    return importlib.util.find_spec("py3langid") is not None


def language(margin: float, languages: Pair) -> Check | None:
    """A side is likelier in another language than in its own, by a margin. Short ones are not dropped on a guess.

    Raises:
        ConfigError: py3langid is not installed.
    """
    if not available():
        raise ConfigError(MISSING)
    from mtkit.text.detection import Detector

    detector = Detector()
    known = [code if code in detector.languages else "" for code in map(primary, languages)]
    if not any(known):
        return None
    own = [next((some for some in _ALIKE if code in some), frozenset((code,))) for code in known]

    def foreign(line: str, side: int) -> bool:
        if not known[side] or len(line) < FEW // 4 or len("".join(filter(str.isalpha, line)).encode()) < FEW:
            return False
        return detector.surplus(line, own[side]) > margin

    return lambda source, target: foreign(source, 0) or foreign(target, 1)
