"""Documents of word processors: archives that zipfile reads, with all in its place."""

import io
import zipfile

from mtkit.documents.office import Office
from mtkit.documents.translated import NOT_WHOLE
from tests.documents.archives import CONTENT, DATE, DOCUMENT, WORD, docx, odt
from tests.documents.stub import Told, outcome


def members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.testzip() is None
        return {name: file.read(name) for name in file.namelist()}


def body(paragraphs: str) -> str:
    return f'<w:document xmlns:w="{WORD}"><w:body>{paragraphs}</w:body></w:document>'


def paragraphs(data: bytes) -> str:
    text = members(data)["word/document.xml"].decode()
    return text.partition("<w:body>")[2].partition("</w:body>")[0]


def run(text: str, form: str = "") -> str:
    form = f"<w:rPr>{form}</w:rPr>" if form else ""
    return f'<w:r>{form}<w:t xml:space="preserve">{text}</w:t></w:r>'


def test_members_that_do_not_change_stay_and_all_are_in_their_order() -> None:
    for kind, data, changed in (("docx", docx(), "word/"), ("odt", odt(), "")):
        before, found = members(data), outcome(kind, data).data
        after = members(found)
        assert list(after) == list(before)
        differing = [name for name in before if before[name] != after[name]]
        assert differing
        assert all(name.endswith(".xml") and name.startswith(changed) for name in differing)
        one, other = (zipfile.ZipFile(io.BytesIO(some)) for some in (data, found))
        for name in before:
            was, now = one.getinfo(name), other.getinfo(name)
            assert (was.date_time, was.compress_type, was.external_attr) == (
                DATE, now.compress_type, now.external_attr
            )  # fmt: skip
            assert now.date_time == DATE
        assert one.comment == other.comment
    assert after["mimetype"] == before["mimetype"]


def test_runs_that_word_has_cut_are_one_sentence() -> None:
    cut = '<w:r w:rsidR="1"><w:t>Good mor</w:t></w:r><w:proofErr w:type="x"/><w:r><w:rPr><w:lang w:val="en"/></w:rPr>'
    text = body(f"<w:p>{cut}<w:t>ning, all.</w:t></w:r></w:p>")
    found = outcome("docx", docx(text))
    assert found.answers[0].source == "Good morning, all."
    assert paragraphs(found.data) == (
        '<w:p><w:r w:rsidR="1"><w:t xml:space="preserve">dooG gninrom, lla.</w:t></w:r></w:p>'
    )


def test_formats_go_with_their_words() -> None:
    text = body("<w:p>" + run("See the ") + run("red", "<w:b/>") + run(" dog") + "</w:p>")
    found = outcome("docx", docx(text), search=lambda lines: [Told("<1>Rot</1>: der Hund"), *map(Told, lines[1:])])
    assert paragraphs(found.data) == "<w:p>" + run("Rot", "<w:b/>") + run(": der Hund") + "</w:p>"
    lost = outcome("docx", docx(text), search=lambda lines: [Told("Rot"), *map(Told, lines[1:])])
    assert lost.doubtful[0].warnings == [NOT_WHOLE]
    assert members(lost.data)["word/document.xml"].decode() == text


def test_what_was_taken_out_stays_and_what_was_put_in_is_text() -> None:
    gone = '<w:del w:id="1"><w:r><w:delText>old</w:delText></w:r></w:del>'
    text = body("<w:p>" + run("A ") + gone + f'<w:ins w:id="2">{run("new")}</w:ins>' + run(" one") + "</w:p>")
    found = outcome("docx", docx(text))
    assert found.answers[0].source == "A <1/><2>new</2> one"
    assert paragraphs(found.data) == (
        "<w:p>" + run("A ") + gone + f'<w:ins w:id="2">{run("wen")}</w:ins>' + run(" eno") + "</w:p>"
    )


def test_paragraphs_inside_of_paragraphs_are_translated_in_their_places() -> None:
    box = f"<w:r><w:pict><w:txbxContent><w:p>{run('in a box')}</w:p></w:txbxContent></w:pict></w:r>"
    for around in ("words", ""):
        text = body(f"<w:p>{run(around) if around else ''}{box}</w:p>")
        expected = text.replace("in a box", "ni a xob").replace("words", "sdrow")
        assert members(outcome("docx", docx(text)).data)["word/document.xml"].decode() == expected
    note = members(outcome("odt", odt()).data)["content.xml"].decode()
    assert note.count("eton") == CONTENT.count("note</text:p>")
    assert "<text:page-number>one</text:page-number>" in note


def test_a_document_says_of_each_segment_where_it_stands() -> None:
    found = outcome("docx", docx())
    assert [one.segment.where for one in found.answers] == [
        "word/document.xml, line 3",
        "word/document.xml, line 4",
        "word/document.xml, line 5",
        "word/footer1.xml, line 2",
    ]
    assert Office.binary
    assert "&amp; more" in DOCUMENT
