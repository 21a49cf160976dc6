"""Documents with markup inside of text: subtitles, XLIFF, HTML, Markdown."""

import html.parser

import pytest

from mtkit.documents.document import Options
from mtkit.documents.marked import Marked, Marking
from mtkit.documents.translated import NOT_WHOLE, Search
from tests.documents.stub import Told, made, outcome


def saying(text: str) -> Search:
    return lambda lines: [Told(text) for _ in lines]


def test_codes_come_back_as_what_they_stood_for_or_not_at_all() -> None:
    marking = Marking()
    marking.text("Press <7> ")
    marking.open("<b x='1'>", "b")
    marking.open("<i>", "i")
    marking.text("OK")
    marking.close("</i>", "i")
    marking.close("</b>", "b")
    marking.single("<br>")
    marked = marking.made(lambda text: text.replace("<", "&lt;"))
    assert marked.text == "Press <7> <8>OK</8><10/>"
    assert marked.restored("<10/><8>O</8>K <7>") == "<br><b x='1'><i>O</i></b>K &lt;7>"
    assert marked.whole("<10/> <8></8>")
    for wrong in ("<8>OK</8>", "</8>OK<8><10/>", "<8>OK</8><10/><10/>", ""):
        assert not marked.whole(wrong)
    pairs = Marked("", {"<1>": "", "</1>": "", "<2>": "", "</2>": ""})
    assert pairs.whole("<1><2></2></1>")
    assert not pairs.whole("<1><2></1></2>")


def test_cues_have_as_many_lines_as_before() -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\nHello there, my\nfriend.\n"
    assert made("srt", text, search=saying("Guten Tag, meine liebe Freundin, da.")) == (
        "1\n00:00:01,000 --> 00:00:02,000\nGuten Tag, meine\nliebe Freundin, da.\n"
    )
    speech = "1\n00:00:01,000 --> 00:00:02,000\n- Yes?\n- No.\n"
    assert made("srt", speech) == speech.replace("Yes", "seY").replace("No", "oN")
    japanese = made("srt", text, Options("x", ("en", "ja")), saying("こんにちは、私の友達。"))
    assert japanese.endswith("000\nこんにちは、\n私の友達。\n")


def test_xliff_says_the_language_and_the_state() -> None:
    unit = '<xliff version="1.2"><file source-language="en"><trans-unit id="1"><source>a bc</source></trans-unit>'
    done = made("xliff", unit + "</file></xliff>", Options("x", ("en", "de"), marked="none"))
    assert done == (
        '<xliff version="1.2"><file source-language="en" target-language="de"><trans-unit id="1"><source>a bc</source>'
        '<target state="translated">a cb</target></trans-unit></file></xliff>'
    )
    prefixed = (
        '<x:xliff xmlns:x="y" version="2.1" trgLang="fr"><x:segment><x:source>ab</x:source></x:segment></x:xliff>'
    )
    assert '<x:segment state="translated"><x:source>ab</x:source><x:target>ba</x:target>' in made("xliff", prefixed)
    lost = outcome("xliff", unit.replace("a bc", 'a <g id="1">b</g>') + "</file></xliff>", search=saying("nothing"))
    assert (lost.doubtful[0].warnings, b"<target" in lost.data) == ([NOT_WHOLE], False)


def test_codes_of_xliff_that_belong_together_nest() -> None:
    source = 'x <bpt id="1">{b}</bpt>y<ept id="1">{/b}</ept> <ph id="2">{br}</ph><it id="3" pos="open">{i}</it>'
    text = f'<xliff version="1.2"><file><trans-unit><source>{source}</source></trans-unit></file></xliff>'
    (answer,) = outcome("xliff", text).answers
    assert answer.source == "x <1>y</1> <2/><3/>"


class Words(html.parser.HTMLParser):
    """The text of a page, and its tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.tags = "", list[str]()
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(f"{tag} {attrs}")


def test_html_is_read_as_another_parser_reads_it() -> None:
    page = '<p>One <b class="x">two</b> &amp; three &lt;4&gt; caf&eacute;<br>five</p><script>six()</script>\n<p>seven'
    before, after = Words(page), Words(made("html", page))
    assert after.tags == before.tags
    assert after.text == "enO owt & eerht <4> éfacevifsix()\nneves"


def test_signs_of_html_that_are_bare_stay_so_where_that_says_the_same() -> None:
    assert made("html", "<p>AT&T, a < b, Q&A") == "<p>TA&T, a < b, Q&A"
    assert made("html", "<p>A&B", search=saying("a &lt; b &copy c")) == "<p>a &amp;lt; b &amp;copy c"
    assert made("html", "<p>A <b", search=saying("x")) == "<p>x <b"
    assert made("html", "<p>a b</p>", search=saying("<script>x</script> & \xa0")) == (
        "<p>&lt;script>x&lt;/script> &amp;</p>"
    )
    latin = '<meta charset="iso-8859-1"><p>é b</p>'.encode("latin-1")
    assert outcome("html", latin, search=saying("é →")).data.endswith("<p>é &#8594;</p>".encode("latin-1"))


def test_attributes_of_html_that_people_read_are_translated() -> None:
    page = '<html lang=en><img alt="a cat" src="a.png"><p>See <img title=\'it "is"\' alt=no> <input placeholder="ab">'
    assert made("html", page) == (
        '<html lang=de><img alt="a tac" src="a.png"><p>eeS <img title=\'ti "si"\' alt=no> <input placeholder="ba">'
    )
    assert made("html", '<img alt="a">', search=saying('"quoted" it\'s')) == '<img alt="&#34;quoted&#34; it\'s">'


def test_what_html_says_is_not_to_be_translated_is_not() -> None:
    page = '<div translate=no>a bc <div>de</div> fg</div><i class="x notranslate">hi</i><code>lm</code><pre>n\n p</pre>'
    assert made("html", page) == page
    assert made("html", page + "<p>rs") == page + "<p>sr"
    assert made("html", "<p>Use <code>ls -l</code> here</p>") == "<p>esU <code>ls -l</code> ereh</p>"


def test_markdown_stays_what_it_was() -> None:
    pytest.importorskip("markdown_it")
    text = "See [the page] and ![alt text](a.png).\n\n[the page]: /u\n"
    assert made("markdown", text).startswith("eeS [eht egap][the page] dna ![alt text](a.png).\n\n[the page]: /u")
    signs = made("markdown", "a b\n", search=saying("1. x * [y] `z` <w> _v_"))
    assert signs == "1\\. x \\* \\[y\\] \\`z\\` \\<w> \\_v\\_\n"
    wrapped = "A paragraph that is\nbroken at a width.\n"
    assert made("markdown", wrapped, search=saying("It is broken so far # here")) == "It is broken so far # here\n"
    assert made("markdown", "> " + wrapped, search=saying("It is broken as so far")) == "> It is broken as so\nfar\n"
    cell = "| a b |\n|-----|\n| c\\|d |\n"
    assert made("markdown", cell, search=saying("x|y")).startswith("| x\\|y |\n|-----|\n")
    assert outcome("markdown", cell).doubtful[0].segment.where == "line 3"
