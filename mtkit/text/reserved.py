"""Pieces that no text makes: they stand in a line for something else, as for a tag before it or a span in it.

Every tokenizer that is trained here has all of them, since none can be added later. Which of them means what is up to
the owner of a name: spans are numbered along a line, and of tags a bundle says which is which.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from mtkit.errors import ConfigError

SYMBOLS = tuple(f"<mtkit:{number}>" for number in range(64))
SPANS, TAGS = SYMBOLS[:24], SYMBOLS[24:]
"""What stands for a span, and what says before a line how it is to be translated."""

_OPENS, _COLON = (
    "<\ufe64\uff1c",
    ":\ufe13\ufe55\uff1a",
)  # a tokenizer may take the wide and small forms for the plain one
_BEGUN = re.compile(rf"[{_OPENS}](?=\w{{5}}[{_COLON}])")
_BEGINNING = "<mtkit:"


def plain(text: str) -> str:
    """A text of which no tokenizer makes a reserved piece: where it spells one, a space parts it.

    Whatever somebody wrote goes through here before symbols are written into it.
    """
    if text.isascii():
        return text.replace(_BEGINNING, "< mtkit:") if _BEGINNING in text else text
    return _BEGUN.sub(_parted, text)


def _parted(found: re.Match[str]) -> str:
    there = found.string[found.start() : found.start() + len(_BEGINNING)]
    return found[0] + " " * (unicodedata.normalize("NFKC", there) == _BEGINNING)


def of_tags(names: Sequence[str], known: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """The symbols of tags: name -> symbol, in the order of the names.

    Args:
        known: tags that a model has learnt, with the symbols that these have.

    Raises:
        ConfigError: there are more than there are symbols.
    """
    free = (symbol for symbol in TAGS if symbol not in known.values())
    made = {name: known.get(name) or next(free, "") for name in names}
    if "" in made.values():
        raise ConfigError(
            f"{len({*names, *known})} tags are more than the {len(TAGS)} that a tokenizer has pieces for: use fewer"
        )
    return made
