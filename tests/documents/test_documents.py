"""What holds for every format: all but the text that is translated stays, byte for byte, whatever comes in."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from mtkit.documents import document
from mtkit.documents.document import Options
from mtkit.documents.formats import format_of, names, opened
from mtkit.documents.translated import NOT_WHOLE, NOTHING
from mtkit.errors import DataError
from mtkit.registry import resolve
from tests.documents.archives import docx, odt
from tests.documents.stub import OPTIONS, Told, made, outcome, the_same, turned

FOLDER = Path(__file__).parent / "samples"
SAMPLES = {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir())} | {"a.docx": docx(), "a.odt": odt()}
NEEDED = {"yaml": "yaml", "fluent": "fluent.syntax", "markdown": "markdown_it"}
TWO_SIDED = ("po", "tsv", "xliff")  # have a place for the translation beside the source
ALL = Options("a file", ("en", "de"), everything=True, marked="none")


def kind(name: str) -> str:
    return format_of(Path(name)) or name.rpartition(".")[2]


@pytest.fixture(autouse=True)
def installed(request: pytest.FixtureRequest) -> None:
    """Formats that need a package are tried where it is."""
    given = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    name = given.get("name") or kind(given.get("sample", ""))
    if name in NEEDED:
        pytest.importorskip(NEEDED[name])


def test_every_format_has_a_sample() -> None:
    assert set(map(kind, SAMPLES)) == set(names())


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_document_with_nothing_translated_is_what_it_was(sample: str) -> None:
    data = SAMPLES[sample]
    found = opened(kind(sample), data, OPTIONS)
    assert found.segments()
    assert found.written([]) == data


@pytest.mark.parametrize("sample", SAMPLES)
def test_what_is_translated_as_it_is_stays_byte_for_byte(sample: str) -> None:
    data = SAMPLES[sample]
    if kind(sample) not in TWO_SIDED:
        assert outcome(kind(sample), data, search=the_same).data == data


@pytest.mark.parametrize("sample", SAMPLES)
def test_words_turned_round_twice_are_the_document(sample: str) -> None:
    data = SAMPLES[sample]
    once = outcome(kind(sample), data)
    assert once.data != data
    assert not [one for one in once.answers if not one.taken]
    if kind(sample) in TWO_SIDED:
        again = outcome(kind(sample), once.data)
        assert (again.data, again.answers) == (once.data, [])  # all of it is translated
        assert again.kept == once.kept + len(once.answers)
    else:
        assert outcome(kind(sample), once.data, Options("a file", ("de", "en"))).data == data


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_document_that_is_cut_anywhere_is_refused_in_a_line_or_read(sample: str) -> None:
    data = SAMPLES[sample]
    said = list[str]()
    for end in range(0, len(data), max(1, len(data) // 100)):
        try:
            outcome(kind(sample), data[:end], ALL)
        except DataError as error:
            said.append(str(error))
    assert all(one.startswith("a file") and "\n" not in one for one in said)


@pytest.mark.parametrize("name", sorted({*names()} - {"properties", "html"}))  # which may be in Latin-1
def test_bytes_that_are_no_text_are_refused(name: str) -> None:
    for data in (b"caf\xe9\xff\xfe\n", b"a\0b\n", b"%PDF-1.4\xff"):
        with pytest.raises(DataError, match="^a file"):
            outcome(name, data)


@pytest.mark.parametrize("name", names())
def test_lines_and_files_without_end_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "LONGEST", 100)
    monkeypatch.setattr(document, "LARGEST", 1000)
    for text, said in (("a\n" + "b" * 101, "line 2: longer than 100"), ("ab\n" * 400, "1,200 bytes")):
        if not resolve("document", name).binary:
            with pytest.raises(DataError, match=said):
                outcome(name, text)


def test_byte_order_marks_and_line_ends_stay() -> None:
    for encoding, mark in (("utf-8", b"\xef\xbb\xbf"), ("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff")):
        data = mark + "One line\r\n\r\nanother — \U0001f600 line\r\n".encode(encoding)
        found = outcome("text", data).data
        assert found == mark + "enO enil\r\n\r\nrehtona — \U0001f600 enil\r\n".encode(encoding)


def test_the_same_sentence_is_translated_once() -> None:
    asked: list[str] = []

    def search(lines: Sequence[str]) -> list[Told]:
        asked.extend(lines)
        return [Told(line.upper()) for line in lines]

    assert made("text", "Yes. No. Yes.\n\nNo.\n", search=search) == "YES. NO. YES.\n\nNO.\n"
    assert asked == ["Yes.", "No."]


def test_what_comes_back_without_its_markup_or_empty_is_not_taken() -> None:
    text = 'msgid "Press it."\nmsgstr ""\n'
    lost = outcome("po", text, search=lambda lines: [Told("") for _ in lines])
    assert (lost.data.decode(), lost.doubtful[0].warnings) == (text, [NOTHING])
    assert NOT_WHOLE.startswith("its markup")


def test_a_document_in_other_languages_is_warned_of() -> None:
    said = {
        "po": 'msgid ""\nmsgstr "Language: {}\\n"\n\nmsgid "a"\nmsgstr ""\n',
        "xliff": '<xliff version="1.2"><file source-language="en-US" target-language="{}"/></xliff>',
        "html": '<html lang="{}">',
    }
    for name, text in said.items():
        other = outcome(name, text.format("fr_FR")).cautions
        assert ["fr_FR" in one for one in other] == [True], name
        same = "en" if name == "html" else "de_AT"
        assert outcome(name, text.format(same)).cautions == outcome(name, text.format("")).cautions == []


def test_formats_are_known_by_the_end_of_a_name() -> None:
    assert format_of(Path("a/b.DE.PO")) == "po"
    assert format_of(Path("x.po.gz")) == "po"
    assert format_of(Path("notes.txt")) == format_of(Path("po")) == format_of(Path("-")) == ""


def test_the_stub_turns_words_alone() -> None:
    assert turned("Press <1>OK</1>, %s or {name} 3") == "sserP <1>KO</1>, %s ro {name} 3"
