"""Lines that look the same are one line; what is seen stays."""

import random
import re
import unicodedata
from pathlib import Path

import pytest

from mtkit.text.fold import NOTHING, PLACED, SPACES, fold
from mtkit.text.readers.reader import locate

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"


@pytest.mark.parametrize(
    ("line", "folded"),
    [
        # spaces
        ("the\u00a0red\u202fdog", "the red dog"),
        ("a\u2003b\u2009c\u200ad\u205fe\u3000f\u1680g", "a b c d e f g"),
        ("a\tb\rc\x0bd\x0ce\x85f\u2028g\u2029h\x1fi", "a b c d e f g h i"),
        ("\u3164a\uffa0b\u2800", " a b "),
        ("  two  ", "  two  "),
        # nothing
        ("se\u00ades", "sees"),
        ("the\u200b \ufeffdog", "the dog"),
        ("\u200ethe\u200f \u202ared\u202c \u2066dog\u2069 \u2060sees\u2061", "the red dog sees"),
        ("a\x00b\x08c\x1bd\x7fe\x9ff", "abcdef"),
        ("c\u034fd\u061ce\u17b4f\ufff9g\U000e0001h\U0001d173i", "cdefghi"),
        ("\u0627\u0644\u200f\u0643\u062a\u0627\u0628", "\u0627\u0644\u0643\u062a\u0627\u0628"),
        ("ภาษา\u200bไทย", "ภาษาไทย"),
        ("ភាសា\u200bខ្មែរ", "ភាសាខ្មែរ"),
        # composed
        ("cafe\u0301 u\u0308ber", "café über"),
        ("tie\u0302\u0301ng Vie\u0323\u0302t", "tiếng Việt"),
        ("tie\u0302\u0301ng Vie\u0302\u0323t", "tiếng Việt"),
        (unicodedata.normalize("NFD", "한국어 문장"), "한국어 문장"),
        ("\u212b \u2126", "Å Ω"),
        ("が\u304b\u3099", "がが"),
        # and nothing more
        ("™ … ﬁ ² ½ Ａ ｶ “x” ‑ ’", "™ … ﬁ ² ½ Ａ ｶ “x” ‑ ’"),
        ("\u0600\u0661 \u06dd", "\u0600\u0661 \u06dd"),  # format characters by name, and yet signs
    ],
    ids=ascii,
)
def test_what_looks_the_same(line: str, folded: str) -> None:
    assert fold(line) == folded


@pytest.mark.parametrize(
    "line",
    [
        "می\u200cروم به خانه\u200cهای بزرگ",  # Persian
        "क्\u200dष और क्\u200cष",  # Hindi: half a letter, and a virama that is seen
        "শ্\u200dয র\u200d্যা",  # Bengali
        "ශ්\u200dරී ලංකා",  # Sinhala
        "എൻ ന്\u200d",  # Malayalam, a chillu of old at the end of a word
        "ه\u200d",  # Arabic, an abbreviation: the initial form
        "\u1820\u180e\u1820 \u1820\u180b",  # Mongolian
        "\u1100\u1160 \u115f\u1161",  # old Hangul, half a syllable
        f"{FAMILY} \U0001f469\U0001f3fd\u200d\U0001f4bb \u2764\ufe0f\u200d\U0001f525",
        f"1\ufe0f\u20e3 {SCOTLAND} \u2764\ufe0f \u260e\ufe0e",
        "שָׁלוֹם",  # Hebrew points in their composed order
    ],
    ids=ascii,
)
def test_what_is_seen_stays(line: str) -> None:
    assert fold(line) == unicodedata.normalize("NFC", line)
    assert fold(unicodedata.normalize("NFD", line)) == unicodedata.normalize("NFC", line)


@pytest.mark.parametrize(
    ("line", "folded"),
    [
        ("Auf\u200clage dog\u200d", "Auflage dog"),
        ("می\u200c\u200cروم", "می\u200cروم"),
        ("می\u200c روم\u200c", "می روم"),
        ("\u200cروم", "روم"),
        ("\u06f2\u06f0\u200cهزار", "\u06f2\u06f0هزار"),  # after a digit
        ("\U0001f468\u200d dog", "\U0001f468 dog"),
        ("dog\ufe0f 葛\U000e0100 葛\ufe00", "dog 葛 葛"),
        ("a\U000e0067b", "ab"),
        ("a\u1160\u115f\u180bb", "ab"),
    ],
    ids=ascii,
)
def test_joiners_where_they_do_nothing(line: str, folded: str) -> None:
    assert fold(line) == folded


def test_every_space_control_and_invisible_character() -> None:
    none = re.compile(f"[{SPACES}{NOTHING}{PLACED}]")
    for character in map(chr, [*range(0xD800), *range(0xE000, 0xF0000)]):
        if character.isspace():
            assert fold(character) == " ", ascii(character)
        elif unicodedata.category(character) == "Cc":
            assert fold(character) == "", ascii(character)
        elif none.match(character):  # alone; and the quick way lets none of them through
            assert fold(character).strip(" ") == "", ascii(character)


def test_folded_is_folded() -> None:
    pool = "ab1é \t\x00\xa0\xad\u034f\u0301\u0323\u05e9\u0627\u06cc\u0661\u200b\u200c\u200c\u200d\u200d\ufe0f\ufe0e"
    pool += "\u2764\U0001f525\U0001f468\U0001f3fb\U0001f3f4\U000e0067\U000e007f\u180b\u180e\u1820"
    pool += "\u115f\u1160\u1161\u1100\u11a8\uac00\u20e3\u0915\u094d\u093c\u0958\u0f73\u3164\uf900\u212b"
    rng = random.Random(1)
    for _ in range(20_000):
        line = "".join(rng.choices(pool, k=rng.randint(1, 7)))
        folded = fold(line)
        assert fold(folded) == folded
        assert fold(unicodedata.normalize("NFD", line)) == folded
        assert not re.search("[\t\x00\xa0\xad\u034f\u200b]", folded)


def test_readers_fold_and_count(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("the\u00a0dog\tder Hund\ncat\tKatze\nhouse\tHa\u00adus\ncafe\u0301\tCafe\u0301\n")
    reader = locate(tmp_path / "t.tsv", "en", "de")
    for _ in range(2):
        assert list(reader.folded()) == [("the dog", "der Hund"), ("cat", "Katze"), ("house", "Haus"), ("café", "Café")]
        assert reader.changed == 3
    assert next(iter(reader)) == ("the\u00a0dog", "der Hund")  # as it is, for scores against the text as it is
