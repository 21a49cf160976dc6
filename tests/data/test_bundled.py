"""The bundled text in ``data/`` is what its READMEs say, and ``data/build.py`` cleans and splits rightly."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import re
import struct
import sys
import unicodedata
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from types import ModuleType

import pytest

DATA = Path(__file__).resolve().parents[2] / "data"
LANGUAGES = ("de", "ko")
SPLITS = ("train", "dev", "test")
FILES = [(language, split, side) for language in LANGUAGES for split in SPLITS for side in ("en", language)]


def load_build() -> ModuleType:
    """Import data/build.py, which is no part of a package, from its path."""
    spec = importlib.util.spec_from_file_location("bundled_data_build", DATA / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


build = load_build()


def packed(language: str, split: str, side: str) -> bytes:
    return (DATA / f"ui.en-{language}" / f"{split}.{side}.gz").read_bytes()


def lines(language: str, split: str, side: str) -> list[str]:
    """Return the lines of a file, split at LF only."""
    text = gzip.decompress(packed(language, split, side)).decode("utf-8")
    assert text.endswith("\n")
    return text[:-1].split("\n")


def near(text: str) -> str:
    """A string without case and without the punctuation at its end."""
    return re.sub(r"[\s.:;,!?…]+$", "", text.casefold())


# ---- the files


@pytest.mark.parametrize("measure", [str, str.casefold, near], ids=["exact", "casefold", "near"])
@pytest.mark.parametrize(("language", "side"), [("de", "en"), ("de", "de"), ("ko", "en"), ("ko", "ko")])
def test_no_string_stands_in_two_splits(language: str, side: str, measure: Callable[[str], str]) -> None:
    strings = {split: {measure(line) for line in lines(language, split, side)} for split in SPLITS}
    for one, other in combinations(SPLITS, 2):
        assert strings[one] & strings[other] == set(), f"in both {one} and {other}"


@pytest.mark.parametrize("split", ["dev", "test"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_held_out_sources_have_one_reference(language: str, split: str) -> None:
    for side in ("en", language):
        folded = [near(line) for line in lines(language, split, side)]
        assert len(set(folded)) == len(folded)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_pair_is_repeated_or_untranslated(language: str) -> None:
    pairs: list[tuple[str, str]] = []
    for split in SPLITS:
        pairs += zip(lines(language, split, "en"), lines(language, split, language), strict=True)
    assert len(set(pairs)) == len(pairs)
    assert [pair for pair in pairs if pair[0] == pair[1]] == []
    assert [source for source, _ in pairs if len(source.split()) < 2] == []


@pytest.mark.parametrize(("language", "split", "side"), FILES)
def test_lines_are_plain(language: str, split: str, side: str) -> None:
    for line in lines(language, split, side):
        assert line
        assert line == " ".join(line.split())
        assert not any(unicodedata.category(char) in ("Cc", "Cf", "Co", "Cn") for char in line), repr(line)
        assert "\ufffd" not in line


@pytest.mark.parametrize(("language", "split", "side"), FILES)
def test_no_marked_keys_are_left(language: str, split: str, side: str) -> None:
    left = [line for line in lines(language, split, side) if re.search(r"\([_~]\w\)|[a-z]~[a-z]", line)]
    assert left == []


@pytest.mark.parametrize(("language", "split", "side"), FILES)
def test_checksums_match_the_readme(language: str, split: str, side: str) -> None:
    readme = (DATA / f"ui.en-{language}" / "README.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| `{split}\.{side}\.gz` \| `(\w+)` \| `(\w+)` \|$", readme, re.MULTILINE)
    assert row is not None
    data = packed(language, split, side)
    assert hashlib.sha256(data).hexdigest() == row[1]
    assert hashlib.sha256(gzip.decompress(data)).hexdigest() == row[2]


@pytest.mark.parametrize(("language", "split", "side"), FILES)
def test_gzip_header_has_no_time_and_no_name(language: str, split: str, side: str) -> None:
    data = packed(language, split, side)
    assert data[3] == 0  # no flags: no file name, no comment
    assert data[4:8] == bytes(4)


@pytest.mark.parametrize(
    ("language", "split", "low", "high"),
    [
        ("de", "train", 13_500, 14_500),
        ("de", "dev", 550, 650),
        ("de", "test", 550, 650),
        ("ko", "train", 9_900, 10_700),
        ("ko", "dev", 550, 650),
        ("ko", "test", 550, 650),
    ],
)
def test_counts(language: str, split: str, low: int, high: int) -> None:
    count = len(lines(language, split, "en"))
    assert count == len(lines(language, split, language))
    assert low <= count <= high
    readme = (DATA / f"ui.en-{language}" / "README.md").read_text(encoding="utf-8")
    assert f"| {split} | {count} |" in readme


def test_held_out_order_is_not_alphabetical() -> None:
    test = lines("de", "test", "en")
    initials = {line[0].casefold() for line in test[:30]}
    assert test != sorted(test)
    assert len(initials) >= 8


def test_licence_is_beside_the_text() -> None:
    text = (DATA / "LICENSE.MPL-2.0").read_text(encoding="utf-8")
    assert text.startswith("Mozilla Public License Version 2.0")
    assert "Exhibit B" in text
    for language in LANGUAGES:
        readme = (DATA / f"ui.en-{language}" / "README.md").read_text(encoding="utf-8")
        assert f"libreoffice-l10n-{language}" in readme
        assert "Mozilla Public License 2.0" in readme


# ---- reading


def catalogue(entries: list[tuple[str, str]], order: str) -> bytes:
    """Make a compiled gettext catalogue."""
    tables: list[bytes] = []
    strings = b""
    start = 28 + 16 * len(entries)
    for column in (0, 1):
        for entry in entries:
            raw = entry[column].encode("utf-8")
            tables.append(struct.pack(f"{order}2I", len(raw), start + len(strings)))
            strings += raw + b"\0"
    ids_at, texts_at = 28, 28 + 8 * len(entries)
    header = struct.pack(f"{order}7I", 0x950412DE, 0, len(entries), ids_at, texts_at, 0, start)
    return header + b"".join(tables) + strings


@pytest.mark.parametrize("order", ["<", ">"])
def test_catalogue_is_read_in_either_byte_order(order: str) -> None:
    entries = [
        ("", "Content-Type: text/plain; charset=UTF-8\n"),
        ("STR_ROWS\x04$1 row\0$1 rows", "$1 Zeile\0$1 Zeilen"),
        ("stock\x04_Open", "Ö_ffnen"),
    ]
    assert list(build.read_catalogue(catalogue(entries, order))) == [
        ("STR_ROWS", "$1 row", "$1 Zeile"),
        ("stock", "_Open", "Ö_ffnen"),
    ]


def test_other_files_are_refused() -> None:
    with pytest.raises(ValueError, match="magic"):
        list(build.read_catalogue(b"PK\x03\x04" + bytes(24)))


# ---- cleaning


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("_Open...", "Open..."),
        ("Save _As", "Save As"),
        ("A_ccept All", "Accept All"),
        ("Sounds like (_Japanese)", "Sounds like (Japanese)"),
        ("HT_TP proxy:", "HTTP proxy:"),
        ("Ran_ge for %VALUETYPE", "Range for %VALUETYPE"),
        ("Broch~ure", "Brochure"),
        ("0.~5 inch", "0.5 inch"),
        ("Alle a_nnehmen", "Alle annehmen"),
        ("Schreib~geschützt öffnen", "Schreibgeschützt öffnen"),
        ("Zur Auto_Korrektur hinzufügen", "Zur AutoKorrektur hinzufügen"),
        ("DDE_-Befehl", "DDE-Befehl"),
        ("열기(_O)...", "열기..."),
        ("배치 (_L):", "배치:"),
        ("보고서 이름(~R)", "보고서 이름"),
        ("전체 화면 모드로 열기(\xad_O)", "전체 화면 모드로 열기"),
        ("01/01/1904(_0)", "01/01/1904"),
        ("_Y 축", "Y 축"),
    ],
)
def test_accelerators_are_removed_from_labels(text: str, expected: str) -> None:
    assert build.clean(text, "somedialog|label") == expected


@pytest.mark.parametrize(
    "text",
    [
        "Adding %EXTENSION_NAME",
        "Table '%OBJECT_NAME%' contains merges",
        "$(WIDTH_IN_PX) pixels",
        "error ($exception_type$)",
        "$control_class$ $control_name$",
        "-strikeout- and _underline_",
        "an underscore ( _ ) here",
        "an underscore (_).",
        "Ignore ~~ at the end",
        "a tilde (~) before the letter",
        "1~30의 색인값",
        "값 (1 ~ 9)",
        "원(빨강~검정) 4개",
    ],
)
def test_other_underscores_and_tildes_are_kept_in_labels(text: str) -> None:
    assert build.clean(text, "somedialog|label") == text


@pytest.mark.parametrize("context", ["STR_NAME", "somedialog|extended_tip|name", "extended_tip|name"])
def test_underscores_are_text_outside_labels(context: str) -> None:
    assert build.clean("Rounds to To_currency, see FILE_NAME", context) == "Rounds to To_currency, see FILE_NAME"
    assert build.clean("The decimals of To_currency", context) == "The decimals of To_currency"


def test_common_buttons_are_labels() -> None:
    assert build.clean("_Close all", "stock") == "Close all"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("first\nsecond\r\n third\t", "first second third"),
        ("3\u202f×\u202f3\xa0cells", "3 × 3 cells"),
        ("not made.<BR>Please check", "not made. Please check"),
        ("\u200bDruck\xadbereich", "Druckbereich"),
        ("포\x95¨할 장", ""),
        ("private \ue000 use", ""),
        (" \n ", ""),
    ],
)
def test_lines_are_folded_and_broken_ones_emptied(text: str, expected: str) -> None:
    assert build.clean(text, "STR_NAME") == expected


@pytest.mark.parametrize(
    ("source", "target", "language", "usable"),
    [
        ("Open file", "Datei öffnen", "de", True),
        ("Open", "Öffnen", "de", False),
        ("Open file", "Öffnen", "de", True),
        ("Line Style", "Line Style", "de", False),
        ("", "Datei öffnen", "de", False),
        ("Open file", "", "de", False),
        ("%1 R × %2 C", "%1 Z × %2 S", "de", False),
        ("%PRODUCTNAME $(ARG1)", "$(ARG1) %PRODUCTNAME", "de", False),
        ("Open file", "파일 열기", "ko", True),
        ("Screen Beans", "ScreenBeans", "ko", False),
    ],
)
def test_usable_pairs(source: str, target: str, language: str, usable: bool) -> None:
    assert build.is_usable(build.Pair(source, target), language) is usable


def test_a_pair_is_kept_once() -> None:
    messages = [
        build.Message("a|label", "_Open file", "Datei ö_ffnen"),
        build.Message("b|label", "Open _file", "_Datei öffnen"),
        build.Message("STR_OPEN", "~Open file", "Datei ~öffnen"),
        build.Message("STR_NEXT", "Next", "Weiter"),
    ]
    assert build.clean_pairs(messages, "de") == [("Open file", "Datei öffnen")]


# ---- splitting


@pytest.mark.parametrize("text", ["Open File…", "open file:", "OPEN FILE ...", "Open-file"])
def test_near_copies_fold_alike(text: str) -> None:
    assert build.fold(text) == build.fold("Open file")


@pytest.mark.parametrize("text", ["Open files", "Open file 2", "…", "파일 열기"])
def test_other_strings_fold_apart(text: str) -> None:
    assert build.fold(text) != build.fold("Open file")


def test_components_join_shared_sources_and_targets() -> None:
    a = build.Pair("Open file", "Datei öffnen")
    b = build.Pair("Open File...", "Öffnet Datei")  # the source of a, nearly
    c = build.Pair("Opens a file", "öffnet Datei:")  # the target of b, nearly
    d = build.Pair("Close file", "Datei schließen")
    e = build.Pair("Datei öffnen", "Open file")  # shares strings with a, but on the other side
    found = sorted(sorted(group) for group in build.components([d, c, b, a, e]))
    assert found == sorted([sorted([a, b, c]), [d], [e]])


def test_one_reference_keeps_the_first_in_sorted_order() -> None:
    first = build.Pair("Open file", "Datei auswählen")
    second = build.Pair("Open file", "Datei öffnen")
    third = build.Pair("Select file", "Datei öffnen")
    assert build.one_reference([third, second, first]) == [first, third]


def test_large_long_and_symbolic_components_are_not_held_out() -> None:
    pair = build.Pair("Open file", "Datei öffnen")
    assert build.may_be_held_out([pair])
    assert not build.may_be_held_out([pair] * (build.HELD_OUT_COMPONENT + 1))
    assert not build.may_be_held_out([build.Pair("word " * 41, "Wort")])
    assert not build.may_be_held_out([build.Pair("a = (%1 + %2) * $(ARG1)", "b")])


def number(index: int) -> str:
    """A made word for a number, of letters only."""
    return "".join("abcdefghij"[int(digit)] for digit in str(index))


def test_split_is_whole_sized_and_independent_of_the_order() -> None:
    pairs = [build.Pair(f"source {number(i)}", f"Ziel {number(i)}") for i in range(100)]
    pairs += [build.Pair("many targets", f"Wort {number(i)}") for i in range(10)]
    pairs += [build.Pair("two targets", "Erstes"), build.Pair("Two targets:", "Zweites")]
    splits = build.split(pairs, held_out=20)
    assert splits == build.split(reversed(pairs), held_out=20)
    assert len(splits["test"]) == len(splits["dev"]) == 20
    assert {pair for pair in pairs if pair.source == "many targets"} <= set(splits["train"])
    for one, other in combinations(SPLITS, 2):
        for side in (0, 1):
            strings = [{build.fold(pair[side]) for pair in splits[name]} for name in (one, other)]
            assert strings[0] & strings[1] == set()
    lost = set(pairs) - {pair for rows in splits.values() for pair in rows}
    assert lost <= {("two targets", "Erstes"), ("Two targets:", "Zweites")}
    assert len(lost) <= 1


# ---- writing


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    splits = {name: [build.Pair(f"{name} file", f"{name}-Datei")] for name in SPLITS}
    for folder in ("one", "two"):
        build.write(tmp_path / folder, "de", splits, "some-package", "1.2")
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == sorted([f"{s}.{side}.gz" for s in SPLITS for side in ("en", "de")] + ["README.md"])
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert gzip.decompress((tmp_path / "one" / "dev.de.gz").read_bytes()) == b"dev-Datei\n"
    readme = (tmp_path / "one" / "README.md").read_text(encoding="utf-8")
    assert "`some-package`" in readme
    assert "`1.2`" in readme


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"some-package_\*\.deb"):
        build.find_package(tmp_path, "some-package")
