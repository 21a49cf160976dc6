"""How characters are spelled in a text, \\u00e9 or &eacute; or é: so they are in its translation.

Must not know any format.
"""

import re
from collections.abc import Callable, Mapping


def spelling(
    raw: str, escape: re.Pattern[str], read: Callable[[str], str], default: Mapping[str, str]
) -> Callable[[str], str]:
    """How text is written where `raw` stood.

    Args:
        escape: what spells a character.
        read: such a spelling -> the character.
        default: character -> how it is spelled where `raw` says nothing of it.
    """
    table = {ord(character): spelled for character, spelled in default.items()}
    for found in escape.finditer(raw):
        if len(character := read(found[0])) == 1:
            table[ord(character)] = found[0]
    return lambda text: text.translate(table)


def unescaped(raw: str, escape: re.Pattern[str], read: Callable[[str], str]) -> str:
    """The text that is spelled so."""
    return escape.sub(lambda found: read(found[0]), raw)
