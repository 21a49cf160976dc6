"""Documents of word processors, small ones."""

import io
import zipfile

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
OFFICE = "urn:oasis:names:tc:opendocument:xmlns:"
DATE = (2020, 2, 2, 2, 2, 2)

DOCUMENT = f"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<w:document xmlns:w="{WORD}" xmlns:r="urn:r"><w:body>
<w:p><w:pPr><w:pStyle w:val="Title"/></w:pPr><w:r><w:t xml:space="preserve">A title &amp; more</w:t></w:r></w:p>
<w:p><w:r w:rsidR="1"><w:t xml:space="preserve">Press the </w:t></w:r><w:r><w:rPr><w:b/></w:rPr>\
<w:t xml:space="preserve">red</w:t></w:r><w:r w:rsidR="1"><w:t xml:space="preserve"> button, see </w:t></w:r>\
<w:hyperlink r:id="rId1"><w:r><w:rPr><w:u/></w:rPr><w:t xml:space="preserve">this page</w:t></w:r></w:hyperlink>\
<w:r w:rsidR="1"><w:t xml:space="preserve">. Then wait.</w:t></w:r><w:r><w:br/></w:r>\
<w:r w:rsidR="1"><w:t xml:space="preserve">After a break</w:t></w:r><w:bookmarkStart w:id="0"/></w:p>
<w:tbl><w:tr><w:tc><w:p><w:r><w:t xml:space="preserve">A cell</w:t></w:r></w:p></w:tc></w:tr></w:tbl>
<w:p><w:pPr/></w:p><w:sectPr/></w:body></w:document>"""
CONTENT = f"""<?xml version="1.0" encoding="UTF-8"?>
<office:document-content xmlns:office="{OFFICE}office:1.0" xmlns:text="{OFFICE}text:1.0"><office:body><office:text>
<text:h text:outline-level="1">A title</text:h>
<text:p text:style-name="P1">Press the <text:span text:style-name="T1">red</text:span> button\
<text:note><text:note-body><text:p>A <text:s/>note</text:p></text:note-body></text:note>, page \
<text:page-number>one</text:page-number>.\
<text:line-break/>After a break</text:p>
<text:list><text:list-item><text:p>An item</text:p></text:list-item></text:list><text:p/>
</office:text></office:body></office:document-content>"""


def archive(members: dict[str, str | bytes], comment: bytes = b"") -> bytes:
    """Members in their order; the first one is stored, the others are compressed."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for number, (name, data) in enumerate(members.items()):
            one = zipfile.ZipInfo(name, DATE)
            one.compress_type = zipfile.ZIP_DEFLATED if number else zipfile.ZIP_STORED
            one.external_attr = 0o600 << 16
            file.writestr(one, data)
        file.comment = comment
    return made.getvalue()


def docx(document: str = DOCUMENT) -> bytes:
    """A document of Word."""
    footer = DOCUMENT[: DOCUMENT.index("<w:body>")].replace("w:document", "w:ftr")
    footer += '<w:p><w:r><w:t xml:space="preserve">The foot</w:t></w:r></w:p></w:ftr>'
    others: dict[str, str | bytes] = {"word/media/image1.png": bytes(range(256)), "word/footer1.xml": footer}
    return archive({"[Content_Types].xml": "<Types/>", "word/document.xml": document, **others}, b"a comment")


def odt(content: str = CONTENT) -> bytes:
    """A text document of OpenDocument."""
    styles = CONTENT[: CONTENT.index("<office:body>")] + "<text:p>The head</text:p></office:document-content>"
    kind = "application/vnd.oasis.opendocument.text"
    return archive({"mimetype": kind, "content.xml": content, "styles.xml": styles, "meta.xml": "<x/>"})
