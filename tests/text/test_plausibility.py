"""Text that is formally right and plainly not what was meant: refused, or told with file, line and cause."""

import bz2
import gzip
import random
import re
from pathlib import Path

import pytest

from mtkit.errors import DataError
from mtkit.text.languages import letters_of
from mtkit.text.plausibility import Side, oddities, refuse_other_encodings
from mtkit.text.readers.reader import locate

ENGLISH = [
    "the",
    "cat",
    "sees",
    "a",
    "dog",
    "and",
    "the",
    "dog",
    "runs",
    "to",
    "her",
    "house",
    "in",
    "town",
    "because",
    "he",
    "is",
    "glad",
]
GERMAN = [
    "die",
    "katze",
    "sieht",
    "einen",
    "hund",
    "und",
    "der",
    "rennt",
    "in",
    "ihr",
    "haus",
    "dort",
    "weil",
    "er",
    "sich",
    "freut",
    "heute",
]
KOREAN = [
    "고양이가",
    "개를",
    "보고",
    "개는",
    "집으로",
    "달려간다",
    "마을에",
    "있는",
    "그는",
    "기뻐서",
    "오늘",
    "웃는다",
]
RUSSIAN = ["кошка", "видит", "собаку", "и", "она", "бежит", "домой", "в", "город", "потому", "что", "рада", "сегодня"]


def text(words: list[str], count: int = 100, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choice(words) for _ in range(rng.randint(3, 9))) for _ in range(count)]


EN, DE = text(ENGLISH), text(GERMAN, seed=1)


def told(source: list[str], target: list[str], languages: tuple[str, str] = ("en", "de")) -> list[str]:
    return list(oddities(Side("a.en", languages[0], source), Side("a.de", languages[1], target)))


def test_of_plain_text_nothing_is_said() -> None:
    assert told(EN, DE) == told(EN, text(KOREAN), ("en", "ko")) == told(text(RUSSIAN), EN, ("ru_RU", "eng")) == []
    assert told(["yes"] * 3, ["ja"] * 3) == told([], []) == []
    assert told([*EN, "1", '"quoted"', "", "Café"], [*DE, "1", '"zitiert"', "", "Café"]) == []


ODD: dict[str, tuple[list[str], list[str], str]] = {
    "numbers": (
        [str(1000 + i) for i in range(100)],
        DE,
        "a.en, line 1: '1000': 100 of the first 100 lines have no lette",
    ),
    "quotes": (EN, [f'"{line}"' for line in DE], "a.de, line 1: .* stand in quotes; .*CSV"),
    "xml": ([f"<seg>{line}</seg>" for line in EN], DE, "a.en, line 1: .* stand in brackets, as JSON and XML do"),
    "bpe": ([line.replace("o", "o@@ ") for line in EN], DE, "a.en, line .* are cut into pieces"),
    "sentencepiece": (EN, ["▁" + line.replace(" ", " ▁") for line in DE], "a.de, line 1: .* are cut into pieces"),
    "entities": (EN, [f"{line} &amp; &quot;x&quot;" for line in DE], "a.de, line 1: .* have entities of HTML"),
    "mojibake": (
        EN,
        [f"{line} für".encode().decode("cp1252") for line in DE],
        "a.de, .* UTF-8 that was read as ",
    ),
    "undecoded": (EN, [*DE[:-1], "f\ufffdr"], "a.de, line 100: 'f\ufffdr': 1 of the first 100 lines have U.FFFD"),
    "cr": (EN, ["eins\rzwei", *DE[1:]], "a.de, line 1: .* have a CR inside"),
    "nul": (EN, [*DE[:-1], "eins\0"], "a.de, line 100: .* have a NUL character"),
    "one line": (EN, ["Hallo!"] * 60 + DE[60:], "a.de, line 1: 'Hallo!': 60 of .* are one and the same"),
    "half empty": (
        EN,
        ["" if i % 3 else line for i, line in enumerate(DE)],
        "a.de, line 2: 66 of .* are empty where ",
    ),
    "heading": (["English", *EN[1:]], ["German", *DE[1:]], "a.en, line 1: 'English' and 'German' look like a heading"),
    "codes": (["en", *EN[1:]], ["de", *DE[1:]], "a.en, line 1: 'en' and 'de' look like a heading"),
    "copied": (EN, EN[:70] + DE[70:], "a.de, line 1: 70 of the first 100 lines are those of a.en"),
    "one language": (EN, text(ENGLISH, seed=5), "a.en and a.de share .*% of their words: are they one language"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_is_told_once(name: str) -> None:
    source, target, expected = ODD[name]
    (said,) = told(source, target)
    assert re.match(expected, said), said


def test_letters_of_another_language() -> None:
    (swapped,) = told(text(KOREAN), EN, ("en", "ko"))
    assert "look swapped: data.source_lang is en, but its text is in Hangul letters, and that of ko in Latin" in swapped
    (wrong,) = told(text(RUSSIAN), DE)
    assert wrong.startswith("a.en: hardly a letter of it is one that en is written in, most are CYRILLIC")
    assert told(text(RUSSIAN), DE, ("tlh", "de")) == told(text(RUSSIAN), DE, ("en-Cyrl", "de")) == []
    assert (letters_of("zh_TW"), letters_of("ko"), letters_of("sr-Latn")) == (("CJK",), ("HANGUL", "CJK"), ())


@pytest.mark.parametrize(
    ("encoding", "words", "cause"),
    [
        ("utf-16-le", ENGLISH, "NUL characters, as UTF-16 is"),
        ("utf-16-be", ENGLISH, "NUL characters, as UTF-16 is"),
        ("utf-32-le", ENGLISH, "NUL characters, as UTF-32 is"),
        ("utf-16-le", ["дом", "кот"], "as UTF-16 is when it is read as UTF-8"),
    ],
)
def test_another_encoding_on_one_side_is_refused_before_lines_are_counted(
    tmp_path: Path, encoding: str, words: list[str], cause: str
) -> None:
    (tmp_path / "t.de").write_text("\n".join(DE) + "\n")
    (tmp_path / "t.en.gz").write_bytes(gzip.compress("".join(f"{line}\n" for line in text(words)).encode(encoding)))
    with pytest.raises(DataError, match=rf"t\.en\.gz, line \d: full of .*{cause}.*iconv -f UTF-\d\dLE -t UTF-8"):
        list(locate(tmp_path / "t", "en", "de"))


@pytest.mark.parametrize(("mark", "name"), [("\r", "CR"), ("\u2028", r"U\+2028"), ("\x85", r"U\+0085")])
def test_other_line_ends_are_refused(tmp_path: Path, mark: str, name: str) -> None:
    (tmp_path / "t.en").write_text("\n".join(EN) + "\n")
    (tmp_path / "t.de").write_bytes(mark.join(DE).encode())
    with pytest.raises(DataError, match=rf"t\.de: 99 {name} characters in 1 line\(s\): .*expected LF"):
        list(locate(tmp_path / "t", "en", "de"))


def test_some_of_them_are_text() -> None:
    refuse_other_encodings(["a\u2028b\x00c\x0cd\re", "x"], "t")
    refuse_other_encodings([f"{line}\r\r" for line in EN[:4]] + EN, "t")
    refuse_other_encodings([], "t")


@pytest.mark.parametrize("data", [bz2.compress(b"text"), b"\xff\xfea\0\n", b"PK\x03\x04\xff", b"%PDF-1.4 \xe2\n"])
def test_what_is_no_text_is_called_by_its_name(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "t.en").write_bytes(data)
    (tmp_path / "t.de").write_bytes(data)
    with pytest.raises(DataError, match=r"t\.en is no plain text but (compressed \(bzip2\)|UTF-16|an archive|a PDF)"):
        list(locate(tmp_path / "t", "en", "de"))


def test_columns_of_a_table(tmp_path: Path) -> None:
    rows = [f"{i}\t{a}\t{9000 + i}\t{b}\n" for i, (a, b) in enumerate(zip(EN, DE, strict=True))]
    (tmp_path / "t.tsv").write_text("".join(rows))
    columns, numbers = locate(tmp_path / "t.tsv", "en", "de").oddities()
    assert "t.tsv, line 1: 4 columns, of which the first is taken as source and the second as target" in columns
    assert "is the text in columns 2,4? Then take them: cut -f 2,4 " in columns
    assert "t.tsv (source), line 1: '0': 100 of the first 100 lines have no letter" in numbers
    (tmp_path / "t.tsv").write_text("".join(f"{a}\t{b}\tCC-BY\n" for a, b in zip(EN, DE, strict=True)))
    (columns,) = locate(tmp_path / "t.tsv", "en", "de").oddities()
    assert columns.endswith("3 columns, of which the first is taken as source and the second as target")
