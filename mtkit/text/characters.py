"""Characters that are no text, and how all others are spelled in bytes (UTF-8). Must not know tokenizers."""

import functools
import re
from collections.abc import Mapping, Sequence

# What a translation never says: control characters (no source has any: they are folded away), what breaks a line,
# surrogates, and what stands for a character that was damaged or is none.
NO_TEXT = ((0x00, 0x1F), (0x7F, 0x9F), (0x2028, 0x2029), (0xD800, 0xDFFF), (0xFFFD, 0xFFFF))
BEYOND = (0x110000, 0x1FFFFF)  # what four bytes could spell, and Unicode has not
# First bytes, by how many more follow, and the least character that is not spelled in fewer.
LEADS = (
    (range(0x80), 0, 0),
    (range(0xC0, 0xE0), 1, 0x80),
    (range(0xE0, 0xF0), 2, 0x800),
    (range(0xF0, 0xF8), 3, 1 << 16),
)
_NO_TEXT = re.compile("[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in NO_TEXT) + "]")

Spelling = Sequence[Mapping[int, int]]
"""An automaton: in each state what may come next, and the state after that. In state 0 no character is begun."""


def is_text(piece: str) -> bool:
    """Whether a translation may say all of its characters."""
    return _NO_TEXT.search(piece) is None


def completed(text: str) -> str:
    """A decoded text without the bytes at its end that are no whole character, where its greatest length cut one."""
    return text.rstrip("\ufffd").rstrip(" ") if text.endswith("\ufffd") else text


@functools.lru_cache(maxsize=4)
def spelling(there: frozenset[int] = frozenset(range(256))) -> Spelling:
    """The bytes that spell text; one that leads nowhere is none of them.

    Args:
        there: the bytes that can be said.
    """
    states: list[dict[int, int]] = [{}]
    free: dict[int, int | None] = {}
    """States in which any character is text, by how many bytes are left."""

    def begun(first: int, last: int, left: int, least: int) -> int | None:
        """The state in which so many bytes are left that spell one of these characters; None: no text comes of it."""
        no_text = [(lo, hi) for lo, hi in (*NO_TEXT, BEYOND, (0, least - 1)) if lo <= last and first <= hi]
        if any(lo <= first and last <= hi for lo, hi in no_text):
            return None
        if not left:
            return 0
        if not no_text and left in free:
            return free[left]
        size = 64 ** (left - 1)
        starts = {0x80 + i: first + i * size for i in range(64) if 0x80 + i in there}
        moves = {byte: begun(start, start + size - 1, left - 1, least) for byte, start in starts.items()}
        state = _added(states, moves)
        if not no_text:
            free[left] = state
        return state

    for leads, left, least in LEADS:
        size = 64**left
        for i, lead in enumerate(leads):
            if lead in there and (state := begun(i * size, (i + 1) * size - 1, left, least)) is not None:
                states[0][lead] = state
    return states


def _added(states: list[dict[int, int]], moves: dict[int, int | None]) -> int | None:
    """The state of these moves, of which those to None lead nowhere."""
    known = {byte: state for byte, state in moves.items() if state is not None}
    if not known:
        return None
    if known not in states[1:]:
        states.append(known)
    return states.index(known, 1)
