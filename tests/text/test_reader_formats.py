"""Parallel text in the formats of other programs: what is read of them, and what is refused."""

import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest

from mtkit.errors import DataError
from mtkit.text import compression
from mtkit.text.readers.reader import locate

TMX = """<?xml version="1.0" encoding="{encoding}"?>
<!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4"><header srclang="en" datatype="xml" segtype="sentence" adminlang="en" o-tmf="x"
 creationtool="t" creationtoolversion="1"/>
<body>{units}</body></tmx>
"""
XLIFF_1 = """<?xml version="1.0"?>
<xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2">
<file original="a" source-language="en-US" target-language="de" datatype="plaintext"><body>{units}</body></file>
</xliff>"""
XLIFF_2 = """<?xml version="1.0"?>
<xliff version="2.0" xmlns="urn:oasis:names:tc:xliff:document:2.0" srcLang="en" trgLang="de-AT">
<file id="f1">{units}</file></xliff>"""


def tuv(language: str, text: str, more: str = "") -> str:
    return f'<tuv xml:lang="{language}"{more}><seg>{text}</seg></tuv>'


def units(*some: str) -> str:
    return "".join(f"<tu>{one}</tu>" for one in some)


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def read(path: Path, source: str = "en", target: str = "de") -> list[tuple[str, str]]:
    return list(locate(path, source, target))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_memories(tmp_path: Path, encoding: str) -> None:
    text = TMX.format(
        encoding=encoding,
        units=units(
            tuv("EN-US", "Good &amp; b&#252;se") + tuv("de", "Gut\n und böse") + tuv("fr", "Bien"),
            tuv("en", "only here") + tuv("fr", "seul"),
            tuv("en_GB", "second") + tuv("en", "exact") + tuv("de-AT", "österreichisch"),
        ),
    )
    path = written(tmp_path, "m.tmx", text.encode(encoding))
    assert read(path) == [("Good & büse", "Gut  und böse"), ("exact", "österreichisch")]
    assert read(path, "en", "fr") == [("Good & büse", "Bien"), ("only here", "seul")]
    assert read(written(tmp_path, "z.tmx.gz", gzip.compress(text.encode(encoding)))) == read(path)


def test_of_a_language_the_segment_that_was_changed_last_counts(tmp_path: Path) -> None:
    old, new = ' changedate="20200101T000000Z"', ' changedate="20240101T000000Z"'
    both = tuv("de", "neu", new) + tuv("de", "alt", old)
    path = written(tmp_path, "m.tmx", TMX.format(encoding="utf-8", units=units(tuv("en", "x") + both)))
    assert read(path) == [("x", "neu")]
    again = tuv("de", "erst") + tuv("de", "dann")
    path = written(tmp_path, "n.tmx", TMX.format(encoding="utf-8", units=units(tuv("en", "x") + again)))
    assert read(path) == [("x", "dann")]


def test_markup_in_a_memory_is_numbered_alike_on_both_sides(tmp_path: Path) -> None:
    source = (
        'Press <bpt i="1" x="7">&lt;b&gt;</bpt>OK<ept i="1">&lt;/b&gt;</ept> <hi x="3">now</hi>'
        '<ph>%s<sub>note</sub></ph><it pos="begin">[</it>'
    )
    target = '<hi x="3">Jetzt</hi> <bpt i="1">&lt;b&gt;</bpt>OK<ept i="1">&lt;/b&gt;</ept> drücken<ph>%s</ph>'
    path = written(tmp_path, "m.tmx", TMX.format(encoding="utf-8", units=units(tuv("en", source) + tuv("de", target))))
    assert read(path) == [("Press <1>OK</1> <2>now</2><3/><4/>", "<2>Jetzt</2> <1>OK</1> drücken<3/>")]


def test_files_for_translators(tmp_path: Path) -> None:
    units_1 = """
      <trans-unit id="1"><source>Save <g id="1">all</g><x id="2"/></source>
        <target><g id="1">Alles</g> sichern<x id="2"/></target>
        <alt-trans><source>Other</source><target>Anderes</target></alt-trans><note>no text</note></trans-unit>
      <trans-unit id="2"><source>New</source><target state="new">New</target></trans-unit>
      <trans-unit id="3"><source>None</source></trans-unit>
      <trans-unit id="4"><source>Empty</source><target/></trans-unit>
      <group><trans-unit id="5"><source>A <bpt id="1">{\\b</bpt>b<ept id="1">}</ept></source>
        <seg-source><mrk mtype="seg">A b</mrk></seg-source>
        <target><mrk mtype="seg">Ein <bpt id="1">{\\b</bpt>b<ept id="1">}</ept></mrk></target></trans-unit></group>"""
    wanted = [("Save <1>all</1><2/>", "<1>Alles</1> sichern<2/>"), ("A <1>b</1>", "Ein <1>b</1>")]
    assert read(written(tmp_path, "a.xlf", XLIFF_1.format(units=units_1))) == wanted
    assert read(written(tmp_path, "a.xliff", XLIFF_1.format(units=units_1))) == wanted
    units_2 = """<unit id="1"><originalData><data id="d">x</data></originalData>
        <segment state="final"><source>Go <pc id="1">on<cp hex="0009"/></pc></source>
          <target>Los <pc id="1">jetzt</pc></target></segment>
        <segment state="initial"><source>Later</source><target>Später</target></segment>
        <ignorable><source> </source><target> </target></ignorable>
        <segment><source><sc id="3"/>All<ec startRef="3"/> <ph id="4"/></source>
          <target><ph id="4"/> <sc id="3"/>Alle<ec startRef="3"/></target></segment>
      </unit>"""
    assert read(written(tmp_path, "b.xlf", XLIFF_2.format(units=units_2))) == [
        ("Go <1>on </1>", "Los <1>jetzt</1>"),
        ("<1>All</1> <2/>", "<2/> <1>Alle</1>"),
    ]
    with pytest.raises(DataError, match="no translated unit of de to en: it is of en to de-AT"):
        read(tmp_path / "b.xlf", "de", "en")


BOMB = '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"<!DOCTYPE tmx [{BOMB}]><tmx>&b;</tmx>", "line 1: declares the entity 'a'"),
        ('<!DOCTYPE tmx [<!ENTITY x SYSTEM "file:///etc/passwd">]><tmx>&x;</tmx>', "line 1: declares the entity 'x'"),
        ("<tmx>\n&nbsp;</tmx>", "line 2, column 1: broken XML: undefined entity"),
        ("<tmx><body><tu></body></tmx>", "line 1, column 18: broken XML: mismatched tag"),
        ("<tmx><body>\n<tu>", "line 2, column 5: broken XML: no element found"),
        ("", "line 1, column 1: broken XML: no element found"),
        ("<html/>", "<html> is no <tmx>"),
        ("<tmx>" + "<a>" * 300, "more than 256 elements"),
        ('<?xml version="1.0" encoding="klingon"?><tmx/>', "cannot be read: unknown encoding: klingon"),
        (
            TMX.format(encoding="utf-8", units=units(tuv("fr", "a") + tuv("es", "b"))),
            "no unit in both en and de: it has fr, es",
        ),
    ],
)
def test_what_is_no_memory_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, "m.tmx", text)
    with pytest.raises(DataError) as error:
        read(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)


def test_every_beginning_of_a_memory_is_refused(tmp_path: Path) -> None:
    whole = TMX.format(encoding="utf-8", units=units(tuv("en", "ä") + tuv("de", "ö"))).encode().rstrip()
    for end in range(len(whole)):
        with pytest.raises(DataError):
            read(written(tmp_path, "m.tmx", whole[:end]))


def test_a_memory_is_read_as_it_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = 0

    def blocks(path: Path) -> Iterator[bytes]:
        nonlocal taken
        head, tail = TMX.format(encoding="utf-8", units="|").encode().split(b"|")
        yield head
        for number in range(10**9):  # far more than would fit
            taken += 1
            yield units(tuv("en", f"line {number}") + tuv("de", f"Zeile {number}")).encode()
        yield tail

    monkeypatch.setattr(compression, "blocks", blocks)
    pairs = iter(locate(written(tmp_path, "m.tmx", ""), "en", "de"))
    for number in range(1000):
        assert next(pairs) == (f"line {number}", f"Zeile {number}")
    assert taken == 1000


def catalogue() -> polib.POFile:
    made = polib.POFile()
    made.metadata = {"Content-Type": "text/plain; charset=utf-8", "Plural-Forms": "nplurals=2; plural=(n != 1);"}
    made.append(polib.POEntry(msgid="Save\nall", msgstr="Alles\nsichern", msgctxt="menu"))
    made.append(polib.POEntry(msgid="%d file", msgid_plural="%d files", msgstr_plural={0: "%d Datei", 1: "%d Dateien"}))
    made.append(polib.POEntry(msgid="Open", msgstr=""))
    return made


def test_catalogues(tmp_path: Path) -> None:
    made, wanted = catalogue(), [("Save all", "Alles sichern"), ("%d file", "%d Datei"), ("%d files", "%d Dateien")]
    made.save_as_mofile(str(tmp_path / "c.mo"))
    assert sorted(read(tmp_path / "c.mo")) == sorted(wanted)
    made.append(polib.POEntry(msgid="Doubt", msgstr="Zweifel", flags=["fuzzy"]))
    made.append(polib.POEntry(msgid="Gone", msgstr="Weg", obsolete=True))
    made.save(str(tmp_path / "c.po"))
    assert read(tmp_path / "c.po") == wanted
    latin = str(made).replace("charset=utf-8", "charset=iso-8859-1").replace("Alles", "Ällés")
    assert read(written(tmp_path, "l.po", latin.encode("latin-1")))[0] == ("Save all", "Ällés sichern")
    one = polib.POFile()
    one.metadata = {"Content-Type": "text/plain; charset=utf-8"}
    one.append(polib.POEntry(msgid="%d file", msgid_plural="%d files", msgstr_plural={0: "파일 %d개"}))
    one.save(str(tmp_path / "k.po"))
    assert read(tmp_path / "k.po", "en", "ko") == [("%d files", "파일 %d개")]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("c.po", b"to whom it may concern\n"),
        ("c.po", b'msgid ""\nmsgstr "Content-Type: text/plain; charset=klingon\\n"\n'),
        ("c.mo", b"no catalogue"),
        ("c.mo", b""),
        ("c.mo", b"\xde\x12\x04\x95" + b"\xff" * 40),
    ],
)
def test_what_is_no_catalogue_is_refused(tmp_path: Path, name: str, data: bytes) -> None:
    with pytest.raises(DataError, match="gettext"):
        read(written(tmp_path, name, data))


@pytest.mark.parametrize("apart", [",", ";", "\t"])
def test_columns_by_name(tmp_path: Path, apart: str) -> None:
    rows = [("id", "DE", "en-US"), ("1", 'Er sagte "ja", ja', "He said;\tyes"), ("2", "Zwei\nZeilen", "two")]
    with (tmp_path / "t.csv").open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file, delimiter=apart).writerows(rows)
    assert read(tmp_path / "t.csv") == [("He said;\tyes", 'Er sagte "ja", ja'), ("two", "Zwei Zeilen")]


def test_columns_called_source_and_target(tmp_path: Path) -> None:
    assert read(written(tmp_path, "t.csv", "Target,source\nb,a\n")) == [("a", "b")]
    with pytest.raises(DataError, match="line 1: expected columns en and de, or source and target; there are 'a', 'b'"):
        read(written(tmp_path, "t.csv", "a,b\n1,2\n"))
    with pytest.raises(DataError, match="line 3: 1 fields, expected 2"):
        read(written(tmp_path, "t.csv", "en,de\n1,2\n3\n"))
    with pytest.raises(DataError, match="line 2: "):
        read(written(tmp_path, "t.csv", 'en,de\n"1,2\n'))


def test_objects_a_line(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"en": "a", "de": "b", "score": 1}, {"translation": {"de": "d", "en": "c"}}]
    rows.append({"en": None, "de": "x\ny"})
    path = written(tmp_path, "t.jsonl", "\n\n".join(map(json.dumps, rows)))
    with pytest.raises(DataError, match="line 5: expected columns en and de"):
        read(path)
    rows[2]["en"] = ""
    path = written(tmp_path, "t.jsonl", "\n\n".join(map(json.dumps, rows)))
    assert read(path) == [("a", "b"), ("c", "d"), ("", "x y")]
    for line, said in (
        ("[1]", "expected an object"),
        ("{", "no JSON"),
        ('{"en": "\\ud800", "de": "x"}', "half a character"),
    ):
        with pytest.raises(DataError, match=said):
            read(written(tmp_path, "t.jsonl", line))


def test_tables_of_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"de": ["b", None], "n": [1, 2], "en": ["a", "c"]}), tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet") == [("a", "b"), ("c", "")]
    inside = pyarrow.table({"translation": [{"en": "a", "de": "b"}]})
    parquet.write_table(inside, tmp_path / "i.parquet")
    assert read(tmp_path / "i.parquet") == [("a", "b")]
    with pytest.raises(DataError, match="no table of Parquet, or damaged"):
        read(written(tmp_path, "x.parquet", b"PAR1 and no more"))
