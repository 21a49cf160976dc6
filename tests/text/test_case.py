"""Copies in other cases: what they look like, and that who is copied hangs on the pair alone."""

import pytest

from mtkit.text.case import copies, title


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the big dog", "The Big Dog"),
        ("an iPhone in the USA", "An IPhone In The USA"),  # the rest is left as it is
        ("“good” (very) 3rd o'clock _x", "“Good” (Very) 3rd O'clock _x"),
        ("  élan\tökonomie\u3000ǆ ", "  Élan\tÖkonomie\u3000ǅ "),
        ("안녕 日本 %s", "안녕 日本 %S"),
        ("... -- ", "... -- "),
        ("", ""),
    ],
)
def test_title(text: str, expected: str) -> None:
    assert title(text) == expected


def test_both_sides_are_changed_alike() -> None:
    assert dict(copies(("the dog", "die Straße"), 1.0)) == {
        "upper": ("THE DOG", "DIE STRASSE"),
        "title": ("The Dog", "Die Straße"),
    }
    assert dict(copies(("dog", "개"), 1.0)) == {"upper": ("DOG", "개"), "title": ("Dog", "개")}


def test_what_does_not_change_is_not_copied() -> None:
    assert list(copies(("개", "日本"), 1.0)) == []
    assert dict(copies(("The Dog", "Der Hund"), 1.0)) == {"upper": ("THE DOG", "DER HUND")}
    assert list(copies(("THE DOG", "DER HUND"), 1.0)) == []


def test_the_share() -> None:
    pairs = [(f"word {number}", f"wort {number}") for number in range(2000)]
    drawn = {share: {pair: dict(copies(pair, share)) for pair in pairs} for share in (0.0, 0.2, 0.5, 1.0)}
    assert not any(drawn[0.0].values())
    for share, made in drawn.items():
        for name in ("upper", "title"):
            assert abs(sum(name in some for some in made.values()) - 2000 * share) < 90  # four standard deviations
    both = sum(len(some) == 2 for some in drawn[0.5].values())
    assert abs(both - 500) < 80  # two draws, not one
    assert all(made.items() <= drawn[1.0][pair].items() for pair, made in drawn[0.5].items())
