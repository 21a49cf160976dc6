"""What nearly equal pairs have in common: the same letters in the same order, whatever case, numbers and marks."""

import re

from mtkit.text.filters import key

_NUMBER = re.compile(r"\d+")
# Spaces, punctuation and signs. No \W: marks of Indic and other scripts are vowels.
_MARKS = re.compile(
    "[\\s!-/:-@\\[-`{-~\xa1-\xa9\xab-\xb4\xb6-\xb9\xbb-\xbf\xd7\xf7\u02c2-\u02df\u058a\u05be\u060c\u061b\u061f"
    "\u066a-\u066d\u06d4\u0964\u0965\u0970\u0e2f\u0e5a\u0e5b\u104a-\u104f\u1361-\u1368\u17d4-\u17da\u2000-\u206f"
    "\u20a0-\u20cf\u2190-\u2bff\u2e00-\u2e7f\u3000-\u3004\u3008-\u3020\u3030\u303d\u30a0\u30fb\ufe10-\ufe19\ufe30"
    "-\ufe6f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\U0001f000-\U0001faff]+"
)


def near_key(source: str, target: str) -> int:
    """A key that nearly equal pairs share; that of the pair itself where a side has nothing but numbers and marks."""
    sides = _bare(source), _bare(target)
    return key(*sides) if all(side.strip("0") for side in sides) else key(source, target)


def _bare(line: str) -> str:
    return _MARKS.sub("", _NUMBER.sub("0", line.casefold()))
