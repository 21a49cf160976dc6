"""Pieces that no text makes: they stand in a line for something else, as for a tag before it or a span in it.

Every tokenizer that is trained here has all of them, since none can be added later. Which of them means what is up to
the owner of a name: spans are numbered along a line, tags are told by their place in a list that a bundle keeps.
"""

import re
import unicodedata
from collections.abc import Sequence

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


def of_tags(names: Sequence[str]) -> dict[str, str]:
    """The symbols of tags, which are told by their places: name -> symbol.

    Raises:
        ConfigError: there are more than there are symbols.
    """
    if len(names) > len(TAGS):
        raise ConfigError(f"{len(names)} tags are more than the {len(TAGS)} that a tokenizer has pieces for: use fewer")
    return dict(zip(names, TAGS, strict=False))
