"""`data/build` reads, cleans and splits rightly what its packages hold."""

import gzip
import hashlib
import struct
from itertools import combinations
from pathlib import Path

import pytest

from data.build import catalogues, help, pairs, properties, splits
from data.build.packages import Package, find
from data.build.pairs import Message, Pair
from data.build.writing import write

SPLITS = splits.SPLITS


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
    assert list(catalogues.read_catalogue(catalogue(entries, order))) == [
        ("STR_ROWS", "$1 row", "$1 Zeile"),
        ("stock", "_Open", "Ö_ffnen"),
    ]


def test_other_files_are_refused() -> None:
    with pytest.raises(ValueError, match="magic"):
        list(catalogues.read_catalogue(b"PK\x03\x04" + bytes(24)))


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
    assert catalogues.clean(text, "somedialog|label") == expected


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
    assert catalogues.clean(text, "somedialog|label") == text


@pytest.mark.parametrize("context", ["STR_NAME", "somedialog|extended_tip|name", "extended_tip|name"])
def test_underscores_are_text_outside_labels(context: str) -> None:
    assert catalogues.clean("Rounds to To_currency, see FILE_NAME", context) == "Rounds to To_currency, see FILE_NAME"
    assert catalogues.clean("The decimals of To_currency", context) == "The decimals of To_currency"


def test_common_buttons_are_labels() -> None:
    assert catalogues.clean("_Close all", "stock") == "Close all"


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
    assert catalogues.clean(text, "STR_NAME") == expected


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
    assert catalogues.is_usable(Pair(source, target), language) is usable


def test_a_pair_is_kept_once() -> None:
    messages = [
        Message("a|label", "_Open file", "Datei ö_ffnen"),
        Message("b|label", "Open _file", "_Datei öffnen"),
        Message("STR_OPEN", "~Open file", "Datei ~öffnen"),
        Message("STR_NEXT", "Next", "Weiter"),
    ]
    assert catalogues.clean_pairs(messages, "de") == [("Open file", "Datei öffnen")]


# ---- splitting


@pytest.mark.parametrize("text", ["Open File…", "open file:", "OPEN FILE ...", "Open-file"])
def test_near_copies_fold_alike(text: str) -> None:
    assert splits.fold(text) == splits.fold("Open file")


@pytest.mark.parametrize("text", ["Open files", "Open file 2", "…", "파일 열기"])
def test_other_strings_fold_apart(text: str) -> None:
    assert splits.fold(text) != splits.fold("Open file")


def test_components_join_shared_sources_and_targets() -> None:
    a = Pair("Open file", "Datei öffnen")
    b = Pair("Open File...", "Öffnet Datei")  # the source of a, nearly
    c = Pair("Opens a file", "öffnet Datei:")  # the target of b, nearly
    d = Pair("Close file", "Datei schließen")
    e = Pair("Datei öffnen", "Open file")  # shares strings with a, but on the other side
    found = sorted(sorted(group) for group in splits.components([d, c, b, a, e]))
    assert found == sorted([sorted([a, b, c]), [d], [e]])


def test_one_reference_keeps_the_first_in_sorted_order() -> None:
    first = Pair("Open file", "Datei auswählen")
    second = Pair("Open file", "Datei öffnen")
    third = Pair("Select file", "Datei öffnen")
    assert splits.one_reference([third, second, first]) == [first, third]


def test_large_long_and_symbolic_components_are_not_held_out() -> None:
    pair = Pair("Open file", "Datei öffnen")
    assert splits.may_be_held_out([pair])
    assert not splits.may_be_held_out([pair] * (splits.HELD_OUT_COMPONENT + 1))
    assert not splits.may_be_held_out([Pair("word " * 41, "Wort")])
    assert not splits.may_be_held_out([Pair("a = (%1 + %2) * $(ARG1)", "b")])


def number(index: int) -> str:
    """A made word for a number, of letters only."""
    return "".join("abcdefghij"[int(digit)] for digit in str(index))


def test_split_is_whole_sized_and_independent_of_the_order() -> None:
    given = [Pair(f"source {number(i)}", f"Ziel {number(i)}") for i in range(100)]
    given += [Pair("many targets", f"Wort {number(i)}") for i in range(10)]
    given += [Pair("two targets", "Erstes"), Pair("Two targets:", "Zweites")]
    made = splits.split(given, held_out=20)
    assert made == splits.split(reversed(given), held_out=20)
    assert len(made["test"]) == len(made["dev"]) == 20
    assert {pair for pair in given if pair.source == "many targets"} <= set(made["train"])
    for one, other in combinations(SPLITS, 2):
        for side in (0, 1):
            strings = [{splits.fold(pair[side]) for pair in made[name]} for name in (one, other)]
            assert strings[0] & strings[1] == set()
    lost = set(given) - {pair for rows in made.values() for pair in rows}
    assert lost <= {("two targets", "Erstes"), ("Two targets:", "Zweites")}
    assert len(lost) <= 1


def test_what_domains_share_is_held_out_of_none_but_the_first() -> None:
    first = [Pair(f"first {number(i)}", f"Erst {number(i)}") for i in range(60)]
    alone = splits.split(first, held_out=10)
    held, trained = alone["test"][0], alone["train"][0]
    second = [Pair(f"second {number(i)}", f"Zweit {number(i)}") for i in range(60)]
    second += [Pair(held.source, "anders"), Pair("other", trained.target.upper())]
    chain = Pair("second a", trained.target)  # joins a pair of the second to what the first trains on
    third = [Pair(f"third {number(i)}", f"Dritt {number(i)}") for i in range(60)] + [second[5]]
    made = splits.split_domains({"one": first, "two": [*second, chain], "three": third}, held_out=10)
    assert made["one"] == alone
    assert {len(made[domain][name]) for domain in made for name in ("dev", "test")} == {10}
    assert Pair(held.source, "anders") not in {pair for rows in made["two"].values() for pair in rows}
    assert {Pair("other", trained.target.upper()), chain, second[0], second[5]} <= set(made["two"]["train"])
    assert second[5] in made["three"]["train"]
    for side in (0, 1):
        strings = [{splits.fold(pair[side]) for rows in made.values() for pair in rows[name]} for name in SPLITS]
        assert [one & other for one, other in combinations(strings, 2)] == [set()] * 3


def test_what_two_programs_say_of_themselves_is_the_same() -> None:
    assert splits.fold("Restart Thunderbird…") == splits.fold("restart Firefox")
    assert not splits.may_be_held_out([Pair("Settings", "Einstellungen")])  # a single word


# ---- help


def page(*blocks: str) -> bytes:
    text = "\n".join(blocks)
    return f'<html><body><p>menu</p><div id="DisplayArea">{text}</div></body></html>'.encode()


def test_blocks_of_pages_are_read_without_their_markup() -> None:
    switched = (
        '<p id="a" class="paragraph">Choose <span class="switchinline"><span hidden="true" id="MACx" class="MAC">'
        'Preferences</span><span hidden="true" id="defaultx"><b>Tools</b> - Options</span></span>.'
        "<br>Then <!-- no -->wait.</p>"
    )
    found = help.blocks(page("<h1 id='t'><a name='x'></a>Größe &amp; more</h1>", switched, '<p class="code">x = 1</p>'))
    assert found == [
        ("h1", "t", "Größe & more"),
        ("p", "a", "Choose Tools - Options. Then wait."),
        ("p", "", ""),
    ]


def test_pages_are_joined_by_place_and_id() -> None:
    english = page('<p id="a">One dog.</p>', '<p id="b">Two dogs.</p>', "<p>Three</p>", '<p class="code">x</p>')
    german = page('<p id="a">Ein Hund.</p>', '<p id="c">Zwei Hunde.</p>', "<p>Drei</p>", '<p class="code">x</p>')
    assert list(help.join(english, german)) == [("One dog.", "Ein Hund."), ("Three", "Drei")]
    assert list(help.join(english, page("<p>Ein Hund.</p>"))) == []


@pytest.mark.parametrize(
    ("source", "target", "parts"),
    [
        ("Open it. Then close it.", "Öffnen Sie es. Schließen Sie es dann.", 2),
        ("Open it. Then close it!", "Öffnen Sie es. Schließen Sie es dann.", 1),  # other marks
        ("Open it. Then close it.", "Öffnen und schließen Sie es.", 1),
        ("Open it. Then close all of the windows that are left open.", "Öffnen Sie dies alles und noch mehr. Zu.", 1),
        ("Use e.g. The Hague.", "Verwenden Sie z. B. Den Haag.", 1),
        ("파일을 엽니다. 그런 다음 닫습니다.", "Open it. Then close it.", 2),
    ],
)
def test_blocks_are_cut_into_sentences_where_both_sides_agree(source: str, target: str, parts: int) -> None:
    found = help.sentences(source, target)
    assert len(found) == parts
    assert [" ".join(pair[side] for pair in found) for side in (0, 1)] == [source, target]


# ---- properties


def test_properties_are_read_as_java_does() -> None:
    text = "# comment\n! another\n\nkey = value \\\n    goes on\nb:caf\\u00e9\\n\\ttwo\nempty=\nc d\n"
    assert properties.read_properties(text) == {
        "key": "value goes on",
        "b": "café\n\ttwo",
        "empty": "",
        "c": "d",
    }


def test_plurals_of_properties_give_one_form() -> None:
    assert properties.last_form("#1 tab;#1 tabs") == "#1 tabs"
    assert properties.last_form("Open; then close") == "Open; then close"


def test_entities_are_read_and_followed() -> None:
    dtd = """<!-- <!ENTITY old "old"> --><!ENTITY name "Post">\n<!ENTITY a.label 'About &name; &amp; "you" &other;'>"""
    read = properties.read_entities(dtd)
    assert read == {"name": "Post", "a.label": 'About &name; &amp; "you" &other;'}
    assert properties.resolved(read["a.label"], read) == 'About Post & "you" &other;'


# ---- what is a translation


@pytest.mark.parametrize(
    ("source", "target", "language", "usable"),
    [
        ("Close { $count } tabs", "{ $count } Tabs schließen", "de", True),
        ("Close { $count } tabs", "Tabs schließen", "de", False),
        ("Close %S", "%S schließen", "de", True),
        ("Settings", "Einstellungen", "de", True),
        ("Europe/Berlin", "Europa/Berlin", "de", False),
        ("one | two", "eins | zwei", "de", False),
        ("=SUM(1; 2)", "=SUMME(1; 2)", "de", False),
        ("a(1) = 2^3 + 4.0/(5-6) ok", "a(1) = 2^3 + 4.0/(5-6) gut", "de", False),
        ("Yes " * 200, "Ja " * 200, "de", False),
        ("Yes", "Ja, und noch viel mehr, was dort nicht steht, weil es von woanders kommt", "de", False),
        ("Quit Firefox", "Firefox 종료", "ko", True),
        ("Quit Firefox now", "Firefox now", "ko", False),
        ("It is read. It is written.", "읽습니다. And this was never put into it.", "ko", False),
    ],
)
def test_translations_of_programs(source: str, target: str, language: str, usable: bool) -> None:
    assert pairs.is_translation(Pair(source, target), language) is usable
    assert pairs.usable([Pair(source, target)] * 2, language) == [Pair(source, target)] * usable


# ---- packages and files


def test_packages_are_found_and_checked(tmp_path: Path) -> None:
    package = Package("some-package", "1:2.3", hashlib.sha256(b"deb").hexdigest())
    with pytest.raises(SystemExit, match=r"some-package_1%3a2\.3_\*\.deb"):
        find(package, tmp_path)
    file = tmp_path / "some-package_1%3a2.3_all.deb"
    file.write_bytes(b"deb")
    assert find(package, tmp_path) == file
    file.write_bytes(b"another")
    with pytest.raises(SystemExit, match="SHA-256"):
        find(package, tmp_path)


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    made = {name: [Pair(f"{name} file", f"{name}-Datei")] for name in SPLITS}
    for folder in ("one", "two"):
        write(tmp_path / folder, "web", "de", made, [Package("some-package", "1.2", "3f")])
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == sorted([f"{s}.{side}.gz" for s in SPLITS for side in ("en", "de")] + ["README.md"])
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert gzip.decompress((tmp_path / "one" / "dev.de.gz").read_bytes()) == b"dev-Datei\n"
    readme = (tmp_path / "one" / "README.md").read_text(encoding="utf-8")
    assert "| `some-package` | `1.2` | `3f` |" in readme
