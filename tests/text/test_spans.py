"""What is a placeholder, a tag or an address by its form, and what only looks so."""

import time
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtkit.text.spans import TRIGGER, find, hidden, pairs, percent_first, without

FOUND: list[tuple[str, list[str] | int]] = [
    ("`code` and ``more of it``을", ["`code`", "``more of it``"]),
    ("so 🎉, ok 👍🏽👍, 👨‍👩‍👧 ☀️ 1️⃣ 🇩🇪", ["🎉", "👍🏽👍", "👨‍👩‍👧", "☀️", "1️⃣", "🇩🇪"]),
    ("the {0} dog sees {{big.cat}}", ["{0}", "{{big.cat}}"]),
    ("{} {name} {0:.2f} {user.name!r} { $count } { -brand } #{x} ${x} %{x}", 9),
    ("{{ name | upper }} {% if x %} {{{raw}}} <%= x %>", ["{{ name | upper }}", "{% if x %}", "{{{raw}}}", "<%= x %>"]),
    (
        "{n, plural, one {# item} other {{x} items}} left",
        ["{n, plural, one {# item} other {{x} items}}"],
    ),
    ("{ DATETIME($d, month: 'long') }", ["{ DATETIME($d, month: 'long') }"]),
    ("the %1$s dog finds %d", ["%1$s", "%d"]),
    ("%s: %-5d, %05.1f and %lu (%zu) %+d %x %@", ["%s", "%-5d", "%05.1f", "%lu", "%zu", "%+d", "%x", "%@"]),
    ("%(name)s has %(count)d, %<total>d of %total% in %PATH%", 5),
    ("%s%s, %d%%, %dpx, %ds", ["%s", "%s", "%d", "%%", "%d", "%d"]),
    ("%Y-%m-%d %H:%M", ["%Y", "%m", "%d", "%H", "%M"]),
    ("%d个文件在%s中", ["%d", "%s"]),
    ("%1 %2 of %L3.", ["%1", "%2", "%L3"]),
    ("%1$d%d {0} %s", ["%1$d", "%d", "{0}", "%s"]),
    ("$VAR$ ${x} $(x) $HOME", ["$VAR$", "${x}", "$(x)", "$HOME"]),
    ("the <b>red</b> dog<br/>", ["<b>", "</b>", "<br/>"]),
    ("<a href=\"http://ex.org/?a=1&amp;b=%s\" class='x > y' download>it</a>", 2),
    ("<0>see</0> <x id=\"1\"/> <g id='2'> <!-- a < b --> <my-tag data-x=1 />", 6),
    ('<a href=\\"x y\\">it</a>', 2),
    ("Tom &amp; Jerry&#160;&#xA0;&lt;&quot;", ["&amp;", "&#160;", "&#xA0;", "&lt;", "&quot;"]),
    ("see http://ex.org/a?b=1, (https://x.org/A_(b)).", ["http://ex.org/a?b=1", "https://x.org/A_(b)"]),
    ("[it](http://ex.org/{id}/%s) and www.ex.org/a.", ["http://ex.org/{id}/%s", "www.ex.org/a"]),
    ("访问http://ex.org/查看。", ["http://ex.org/"]),
    ("write to a.b+c@ex-1.co.uk or mailto:x@ex.org.", ["a.b+c@ex-1.co.uk", "mailto:x@ex.org"]),
    ("me@ex.org에 @user example.com/x 192.168.0.1:80", ["me@ex.org", "@user", "example.com/x", "192.168.0.1:80"]),
    ("<<first name>> of __FIRST_NAME__, __init__", ["<<first name>>", "__FIRST_NAME__", "__init__"]),
    ("[X7X] has [X12X]files", ["[X7X]", "[X12X]"]),
    ("<!DOCTYPE html> <B>x</b>", ["<!DOCTYPE html>", "<B>", "</b>"]),
    ("hello :wave: @count@", [":wave:", "@count@"]),
    (r"one\ntwo\tThree \"x\" \u00e9", [r"\n", r"\t", r"\"", r"\"", r"\u00e9"]),
    (r"open C:\new\table.txt now", [r"C:\new\table.txt"]),
]
NOTHING = [
    "100 % sure",
    "50%d",
    "5 %d",
    "50 %-a",
    "50%-a es 20 %-os",
    "a 100%.",
    "100 %ig, 30%ige",
    "the %ile and the %age",
    "%50 ve %50'si",
    "50% off, 20% of it",
    "50%% off",
    "a < b and c > d",
    "if a <b and c> d, <3 and x<y",
    "a <- b -> c <= d",
    "{ alone",
    "} and { in turn",
    "a { b c } d",
    "{really not this}",
    "$5 and $6, US$ 7, A$AP, $USD",
    "R&D, AT&T; Q & A; &File",
    "caf&eacute; don&#39;t",
    "12:30:45, a:b:c, note: this",
    "at 5 @ 3, a @ b",
    "Node.js, e.g. this, 1.2.3, end.The",
    "a \\ b \\textbf",
    "and/or, 1/2, he/she",
    "snake_case_name, ____, a__b__c, << x",
    "[X] [x7x] [X7] [XX]",
    "`quoted' and 'quotes' and `this' and #tags, :ref:`text`, `link`_, ` a `",
    "",
]


@pytest.mark.parametrize(("line", "expected"), FOUND)
def test_what_is_found(line: str, expected: list[str] | int) -> None:
    texts = [one.text for one in find(line)]
    assert (len(texts) if isinstance(expected, int) else texts) == expected


@pytest.mark.parametrize("line", NOTHING)
def test_what_only_looks_so(line: str) -> None:
    assert find(line, percent_first=line.startswith("%5")) == []


def test_percent_before_the_number() -> None:
    assert [one.text for one in find("%1 dosya")] == ["%1"]
    assert find("%5 indirim", percent_first=True) == []
    assert [one.text for one in find("%s %5", percent_first=True)] == ["%s"]
    assert [percent_first(code) for code in ("tr", "TR_tr", "en", "tru")] == [True, True, False, False]


def test_behind_a_number_as_many_are_known_as_must_be_there() -> None:
    line = "5%s 6 %s %s 7%1"
    assert [one.start for one in find(line)] == [9]
    assert [one.start for one in find(line, wanted=Counter({"%s": 1, "%1": 1}))] == [1, 9, 13]
    assert [one.start for one in find(line, wanted=Counter({"%s": 2, "%d": 1}))] == [1, 6, 9]


def test_what_encloses_what() -> None:
    spans = find("<b>a <i>b</i></b> <br> {{#x}}c{{/x}} <p> </u> <i>d</i>")
    texts = [(spans[first].text, spans[last].text) for first, last in sorted(pairs(spans).items())]
    assert texts == [("<b>", "</b>"), ("<i>", "</i>"), ("{{#x}}", "{{/x}}"), ("<i>", "</i>")]
    assert len(pairs(find("<b>a <i>b</b></i>"))) == 1  # they do not nest
    assert pairs(find("<b/>a</b> {x} <img src=a>")) == {}


def test_many_that_enclose_take_no_time_each() -> None:
    for line, count in (("<b>" * 9_000 + "</b>" * 9_000, 9_000), ("<i>" + "<b>" * 9_000 + "</i></b>" * 9_000, 1)):
        spans = find(line)
        start = time.process_time()
        assert len(pairs(spans)) == count
        assert time.process_time() - start < 0.5


@given(st.lists(st.sampled_from(["<a>", "</a>", "<b>", "</b>", "{{#c}}", "{{/c}}", "{x}"]), max_size=12))
def test_the_last_that_was_opened_is_closed_first(texts: list[str]) -> None:
    spans = find(" ".join(texts))
    expected: dict[int, int] = {}
    opened: list[int] = []
    for place, span in enumerate(spans):
        same = [at for at in opened if spans[at].name == span.name]
        if span.role == "open":
            opened.append(place)
        elif span.role == "close" and same:
            expected[same[-1]] = place
            opened = [at for at in opened if at < same[-1]]
    assert pairs(spans) == expected


BARE = [
    ("the {0} dog sees {{big.cat}}", "the dog sees"),
    ("<b>H</b>ello", "Hello"),
    ("the <b>red</b> dog", "the red dog"),
    ("one<br/>two", "one two"),
    ("a%sb", "a b"),
    ("Hello, {name}!", "Hello,!"),
    ("see {0} {1} now", "see now"),
    ("{0} - {1}", "-"),
    (" {0} ", ""),
    ("Tom &amp; Jerry", "Tom Jerry"),
]


@pytest.mark.parametrize(("line", "bare"), BARE)
def test_a_line_without_them(line: str, bare: str) -> None:
    text, places = without(line, find(line))
    assert text == bare
    assert len(places) == len(text)
    assert all(line[place] == character for place, character in zip(places, text, strict=True) if character != " ")


@given(st.lists(st.sampled_from([text for line, _ in FOUND for text in line.split()] + NOTHING), max_size=8))
def test_they_do_not_overlap_and_are_found_again(words: list[str]) -> None:
    line = " ".join(words)
    spans = find(line)
    assert all(one.end <= other.start for one, other in pairwise(spans))
    assert all(line[one.start : one.end] == one.text for one in spans)
    assert all(TRIGGER.search(one.text) for one in spans)
    if not any(one.text == "%%" for one in spans):
        alone = " ".join(one.text for one in spans)
        assert [one.text for one in find(alone)] == [one.text for one in spans]
    text, signs = hidden(line, spans)
    assert text.translate(signs) == line
    assert len(text) == len(line) - sum(len(one.text) - 1 for one in spans)


def test_a_line_that_has_such_characters_itself() -> None:
    line = "\U000f0000 {0}"
    assert hidden(line, find(line)) == (line, {})


STARTS = '{ &  $ ) {{ % <a_b= <a_b=" <!-- %( a. a@ {n,plural, {n,plural,{x} http:// a- \\\\a'


@pytest.mark.parametrize("part", STARTS.split())
def test_no_line_takes_long(part: str) -> None:
    line = "http://x" + part.replace("_", " ") * (20_000 // len(part))
    start = time.process_time()
    find(line)
    assert time.process_time() - start < 2


ROWS = [
    *(start + "0" * 20_000 for start in ("%", "%-", "%.", "%(a)", "%1$", "%1$.", "%<a>", "%(a)+")),
    "%(a)" + " " * 20_000,
    "%1$" + "#0" * 10_000,
    "<a" + " " * 20_000,
    "{" + " " * 20_000,
    "a.b" * 7_000,
]


@pytest.mark.parametrize("line", ROWS, ids=[line[:5].strip() + line[-1] for line in ROWS])
def test_no_long_row_takes_long(line: str) -> None:
    start = time.process_time()
    find(line)
    assert time.process_time() - start < 0.5
