"""The automaton of UTF-8 against Python's decoder, and against what Unicode calls a control character."""

import random
import unicodedata

import pytest

from mtkit.text.characters import is_text, spelling


def spelled(given: bytes) -> bool:
    """Whether these bytes are whole characters that the automaton takes."""
    state = 0
    for byte in given:
        if byte not in spelling()[state]:
            return False
        state = spelling()[state][byte]
    return state == 0


def decoded(given: bytes) -> bool:
    """Whether Python decodes them, to text."""
    try:
        return is_text(given.decode("utf-8"))
    except UnicodeDecodeError:
        return False


def test_every_sequence_of_two_bytes() -> None:
    for given in (bytes([first, second]) for first in range(256) for second in range(256)):
        assert spelled(given) == decoded(given), given
    for byte in range(256):
        assert spelled(bytes([byte])) == decoded(bytes([byte]))


def test_sequences_at_the_edges_and_by_chance() -> None:
    draw = random.Random(1)
    edges = [0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBD, 0xBE, 0xBF, 0xC0, 0xC2, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 0xF5]
    good = 0
    for _ in range(30_000):
        length = draw.choice([3, 4, 5])
        lead = draw.choice([0xE0, 0xE1, 0xE2, 0xEC, 0xED, 0xEF, 0xF0, 0xF1, 0xF4, 0xF8])
        rest = [draw.choice(edges) if draw.random() < 0.5 else draw.randrange(0x80, 0xC0) for _ in range(length - 1)]
        given = bytes([lead, *rest])
        assert spelled(given) == decoded(given), given
        good += spelled(given)
    assert good > 1000


def test_every_character_is_text_or_named_here() -> None:
    others = {chr(i) for i in (*range(0xD800, 0xE000), 0x2028, 0x2029, 0xFFFD, 0xFFFE, 0xFFFF)}
    for character in map(chr, [*range(0x3000), *range(0xD000, 0x10400), *range(0x10400, 0x110000, 97), 0x10FFFF]):
        wanted = character not in others and unicodedata.category(character) != "Cc"
        assert is_text(f"a{character}") == wanted, hex(ord(character))
        if character not in others or not 0xD800 <= ord(character) < 0xE000:
            assert spelled(character.encode()) == wanted, hex(ord(character))


@pytest.mark.parametrize("gone", [{0xA4}, set(range(0x80, 0xC0)), {0xC3, *range(0x80, 0x90)}])
def test_nothing_is_begun_that_cannot_be_completed(gone: set[int]) -> None:
    made = spelling(frozenset(range(256)) - gone)
    assert not {byte for state in made for byte in state} & gone
    assert all(made[1:])
    assert all(after < len(made) for state in made for after in state.values())
    assert set(range(0x20, 0x7F)) <= made[0].keys()
    if len(gone) == 64:
        assert len(made) == 1
        assert max(made[0]) == 0x7E
