"""What nearly equal pairs have in common: the same letters in the same order, whatever case, numbers and marks."""

import re
import unicodedata

from mtkit.text.filters import key

_ZEROS = re.compile("00+")


class _Bare(dict[int, str | None]):
    """For `str.translate`: letters and vowel signs without case, digits as 0, and nothing for all else."""

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        category = unicodedata.category(character)
        kept = None if category[0] in "PSZC" else "0" if category == "Nd" else character.casefold()
        self[code] = kept
        return kept


_BARE = _Bare()


def near_key(source: str, target: str) -> int:
    """A key that nearly equal pairs share; that of the pair itself where a side has nothing but numbers and marks."""
    sides = _bare(source), _bare(target)
    return key(*sides) if all(side.strip("0") for side in sides) else key(source, target)


def _bare(line: str) -> str:
    made = line.translate(_BARE)
    return _ZEROS.sub("0", made) if "00" in made else made  # 7 and 12 are a number each
