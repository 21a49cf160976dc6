"""Messages in ICU's format: the variants of a choice are texts of their own.

`{n, plural, one {# file} other {# files}}` is what stands between, and "# file" and "# files".
"""

import re
from collections.abc import Iterator

_CHOICE = re.compile(r"\{\s*\w{1,60}\s*,\s*(plural|select|selectordinal)\s*,")
_SELECTOR = re.compile(r"\s*(?:offset:\s*\d+\s*)?(?:=\d+|\w+)\s*\{")
_QUOTED = re.compile(r"'[{}#|][^']*'")
DEEPEST = 10  # choices inside each other


def chooses(text: str) -> bool:
    """Whether there is a choice in a text."""
    return "{" in text and _CHOICE.search(text) is not None


def variants(text: str, depth: int = 0) -> list[tuple[bool, str]] | None:
    """A text that is a choice, cut into what stands as it is and (True) variants; None: it is none, or has other words.

    Joined they are the text.
    """
    start = len(text) - len(text.lstrip())
    found = _CHOICE.match(text, start)
    if not found or depth > DEEPEST:
        return None
    made, at, before = list[tuple[bool, str]](), found.end(), 0
    while selector := _SELECTOR.match(text, at):
        end = _closing(text, selector.end())
        if end is None:
            return None
        inside = text[selector.end() : end]
        made.append((False, text[before : selector.end()]))
        made += variants(inside, depth + 1) or [(True, inside)]
        before, at = end, end + 1
    if not made or not re.fullmatch(r"\s*\}\s*", text[at:]):
        return None
    return [*made, (False, text[before:])]


def _closing(text: str, at: int) -> int | None:
    """Where what is open before `at` is closed."""
    open_ = 1
    for place, sign in _signs(text, at):
        open_ += 1 if sign == "{" else -1
        if not open_:
            return place
    return None


def _signs(text: str, at: int) -> Iterator[tuple[int, str]]:
    """Brackets that are not quoted."""
    quoted = [found.span() for found in _QUOTED.finditer(text, at)]
    for found in re.finditer(r"[{}]", text[at:]):
        place = at + found.start()
        if not any(start <= place < end for start, end in quoted):
            yield place, found[0]
