"""Documents that are damaged, or made to harm whoever reads them: refused in a line that names the place."""

import contextlib
import struct
import time

import pytest

from mtkit.documents import zip as archives
from mtkit.errors import DataError
from tests.documents.archives import CONTENT, archive, docx, odt
from tests.documents.stub import outcome

BOMB = '<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><resources><string name="x">&b;</string></resources>'
OUTSIDE = '<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]><resources><string name="x">&a;</string></resources>'


@pytest.mark.parametrize("text", [BOMB, OUTSIDE])
def test_entities_that_a_document_declares_are_refused(text: str) -> None:
    with pytest.raises(DataError, match="^a file, line 1: declares the entity 'a', which is not read"):
        outcome("android", text)
    with pytest.raises(DataError, match=r"^a file \(word/document.xml\), line 1: declares the entity"):
        outcome("docx", docx(text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<resources>\n<string>a</resources>", "line 2, column 12: mismatched tag; expected strings of Android"),
        ("<resources>\n<string>é&x;</string></resources>", "line 2, column 10: undefined entity"),
        ("<resources", "line 1, column 1: unclosed token"),
        ("", "line 1, column 1: no element found"),
        ("<a:b/>", "line 1, column 1: unbound prefix"),
        ("<html/>", "line 1: found <html>, expected strings of Android"),
        ("<r>" * 600, "line 1: more than 500 elements inside each other"),
    ],
)
def test_xml_that_is_none_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        outcome("android", text)


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("json", '{"a": }', "line 1: Expecting value; expected JSON"),
        ("json", '{"a":\n"b"', "line 2: Expecting ',' delimiter"),
        ("json", "[" * 100_000, "line 1: more than 500 tables and lists inside each other"),
        ("srt", "1\nno times\nText\n", "line 1: found '1', expected subtitles"),
        ("vtt", "1\n00:01.000 --> 00:02.000\nText\n", "line 1: found '1"),
        ("vtt", "WEBVTT\n\n00:01 --> 00:02.000\nText\n", "line 3: found"),
        ("xliff", "<xliff version='3.0'/>", "line 1: found <xliff> of version '3.0', expected <xliff> of version"),
        ("xliff", "<xliff version='1.2'><trans-unit/></xliff>", "line 1: a trans-unit without source"),
        ("fluent", "a = b\nfoo\n", 'line 2: Expected token: "="; expected Fluent'),
        ("properties", "a = b\n=c\n", "line 2: found '=c', expected NAME = VALUE"),
    ],
)  # fmt: skip
def test_what_is_not_of_its_format_is_refused_with_its_line(kind: str, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        outcome(kind, text)


@pytest.mark.system
@pytest.mark.parametrize(
    ("text", "said"), [("a: [b\n", "line 2: .*; expected YAML"), ("- " * 300 + "a", "more than 100 tables")]
)
def test_yaml_that_is_none_is_refused_with_its_line(text: str, said: str) -> None:
    pytest.importorskip("yaml")
    with pytest.raises(DataError, match=said):
        outcome("yaml", text)


def test_names_that_lead_out_of_an_archive_are_refused() -> None:
    for name in ("../x", "/etc/passwd", "a/../../b", "..\\x", "C:x"):
        with pytest.raises(DataError, match="^a file is no archive that can be read: a member is called .*leads out"):
            outcome("odt", archive({"content.xml": CONTENT, name: "x"}))


def test_what_would_fill_the_memory_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = archive({"a": "", "content.xml": " " * 50_000_000})
    assert len(bomb) < 100_000
    monkeypatch.setattr(archives, "MOST", 1_000_000)
    with pytest.raises(DataError, match=r"content.xml has 50,000,000 bytes, expected at most 1,000,000"):
        outcome("odt", bomb)
    at = bomb.rindex(b"PK\x01\x02")  # the last member's entry, which may say something else
    lying = bomb[: at + 24] + struct.pack("<L", 1000) + bomb[at + 28 :]
    with pytest.raises(DataError, match="content.xml is not what the directory says"):
        outcome("odt", lying)


def test_an_archive_that_is_damaged_anywhere_is_refused_or_read() -> None:
    """One byte is another one; what is read is then what it was, or is told to be damaged."""
    data = odt()
    said = list[str]()
    for at in range(0, len(data), 7):
        try:
            outcome("odt", data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        except DataError as error:
            said.append(str(error))
    assert len(said) > 50
    assert all(one.startswith("a file") and "\n" not in one for one in said)


def test_archives_without_what_makes_a_document_of_them_are_refused() -> None:
    with pytest.raises(DataError, match="a file has no word/document.xml in it; expected a document of Word"):
        outcome("docx", odt())
    with pytest.raises(DataError, match="no archive that can be read: it has no directory at its end"):
        outcome("docx", b"PK\x03\x04 and then nothing")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("html", "<a " * 100_000),
        ("html", "<a b='" * 50_000),
        ("html", "<!--" * 100_000),
        ("html", "<b>" * 20_000 + "x"),
        ("html", "&" * 100_000),
        ("text", "a. " * 50_000),
        ("text", ("x" * 50 + "\n") * 5_000),
        ("po", 'msgid "' + "\\\\" * 100_000 + '"\nmsgstr ""\n'),
        ("properties", "a=" + "\\\n" * 100_000),
        ("json", '["' + "\\u00e9" * 50_000 + '"]'),
        ("json", '["' + "{a, plural, one {" * 10_000 + '"]'),
        ("srt", "1\n00:00:01,000 --> 00:00:02,000\n" + "word " * 20_000 + "\nb\n"),
        ("markdown", "*a " * 3_000),
        ("markdown", "[" * 10_000),
        ("fluent", "a = " + "{ $x } " * 5_000 + "\n"),
    ],
)
def test_time_grows_with_the_length_and_not_with_its_square(kind: str, text: str) -> None:
    if kind in ("markdown", "fluent"):
        pytest.importorskip({"markdown": "markdown_it", "fluent": "fluent.syntax"}[kind])
    began = time.process_time()
    with contextlib.suppress(DataError):
        outcome(kind, text)
    assert time.process_time() - began < 10
