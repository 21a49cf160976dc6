"""Files of terms."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from mtkit.errors import DataError
from mtkit.text import glossaries
from mtkit.text.terms import Form

PAIR = ("en", "de")
TBX2 = """<?xml version="1.0"?>
<!DOCTYPE martif SYSTEM "TBXcoreStructV02.dtd">
<martif type="TBX"><text><body>
<termEntry id="1">
<langSet xml:lang="EN-us"><tig><term>bank</term></tig>
<tig><term>banc</term><termNote type="administrativeStatus">deprecatedTerm-admn-sts</termNote></tig></langSet>
<langSet xml:lang="fr"><tig><term>banque</term></tig></langSet>
<langSet xml:lang="de"><ntig><termGrp><term>Bank</term></termGrp></ntig></langSet>
</termEntry>
<termEntry id="2"><langSet xml:lang="en"><tig><term>bank</term></tig></langSet>
<langSet xml:lang="de"><tig><term>Ufer|&amp;*</term></tig></langSet></termEntry>
<termEntry id="3"><langSet xml:lang="en"><tig><term>alone</term></tig></langSet></termEntry>
</body></text></martif>
"""
TBX3 = """<tbx xmlns="urn:iso:std:iso:30042:ed-2" type="TBX-Basic" style="dca" xml:lang="en"><text><body>
<conceptEntry id="1"><langSec xml:lang="en"><termSec><term>open  source</term></termSec></langSec>
<langSec xml:lang="de"><termSec><term>quelloffen</term></termSec><termSec><term>offen</term></termSec></langSec>
</conceptEntry></body></text></tbx>
"""


def terms(folder: Path, name: str, text: str) -> list[tuple[list[str], list[str]]]:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return [(shown(term.sources), shown(term.targets)) for term in glossaries.read(path, PAIR).terms]


def shown(forms: Sequence[Form]) -> list[str]:
    return [one.text + "*" * one.open_ended for one in forms]


def test_tsv(tmp_path: Path) -> None:
    text = "\ufeffen\tDE\r\n# a note\r\n\r\nfile*|data\tDatei* | Akte\t\r\nmtkit\r\na\\|b\\*\\\\\tC:\\new\n#tag\t#tag\n"
    assert terms(tmp_path, "t.tsv", text) == [
        (["file*", "data"], ["Datei*", "Akte"]),
        (["mtkit"], []),
        (["a|b*\\"], ["C:\\new"]),
        (["#tag"], ["#tag"]),
    ]
    assert terms(tmp_path, "t.txt", "a\tb\na\tb\n") == [(["a"], ["b"])] * 2  # the same twice is no contradiction


def test_csv(tmp_path: Path) -> None:
    assert terms(tmp_path, "t.csv", 'source,target\n"a, b",c\nd\n') == [(["a, b"], ["c"]), (["d"], [])]
    assert terms(tmp_path, "t.CSV", 'a;"b;c"\n') == [(["a"], ["b;c"])]


def test_tbx(tmp_path: Path) -> None:
    assert terms(tmp_path, "t.tbx", TBX2) == [(["bank"], ["Bank", "Ufer|&*"])]
    assert terms(tmp_path, "t.xml", TBX3) == [(["open source"], ["quelloffen", "offen"])]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.tsv", "a\tb\na\tb\tc\n", "line 2: 3 columns; expected a term, what it must become"),
        ("t.tsv", "\tb\n", "line 1: nothing in the first column"),
        ("t.tsv", "a|\tb\n", "line 1: 'a|' has a form with nothing in it"),
        ("t.tsv", "a\t*\n", "line 1: '*' has a form with nothing in it"),
        ("t.tsv", "a\tb\n\na|c\tc\n", "line 3: 'a' is in line 1, too, with another translation"),
        ("t.tsv", "# nothing\n", "has no terms for en to de"),
        ("t.csv", 'a,b\n"c,d\n', "line 2: unexpected end of data"),
        ("t.tbx", "<a>\n<b></a>", "line 2: mismatched tag; expected TBX"),
        ("t.tbx", "", "no element found"),
        ("t.tbx", '<!DOCTYPE a [\n<!ENTITY x "y">]><a>&x;</a>', "line 2: an entity is declared"),
        ("t.tbx", TBX2.replace('"de"', '"nl"'), "has no terms for en to de"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(DataError) as error:
        terms(tmp_path, name, text)
    assert str(error.value).startswith(str(tmp_path / name))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path, what in ((tmp_path / "none.tsv", "does not exist"), (tmp_path, "is a folder")):
        with pytest.raises(DataError, match=what):
            glossaries.read(path, PAIR)
