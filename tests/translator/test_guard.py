"""Placeholders, tags and addresses survive whatever a model says, and good translations are left alone."""

import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

from mtkit import Candidate, Sampling, Translation, Translator
from mtkit.schema import Decode
from mtkit.search.sentence import Sentence
from mtkit.text.finder import Sought
from mtkit.text.spans import find, pairs
from mtkit.translator.edits import Squeezed
from mtkit.translator.guard import CHANGED, LOST, Guard, Part
from mtkit.translator.member import Member
from mtkit.translator.parts import Job
from mtkit.translator.request import Line, Request
from tests.translator.small import LINES, LONGEST, model_of, pieces, table, translator

MENDED = [
    ("the {0} dog", "das {0} Hund", "das {0} Hund"),
    ("the {0} dog", "das { 0 } Hund", "das {0} Hund"),
    ("the {name} dog", "das {Name} Hund", "das {name} Hund"),
    ("a %s of %d", "ein % s von % d", "ein %s von %d"),
    ("a %1$s", "ein %1 $ S", "ein %1$s"),
    ("{0} files", "｛０｝个文件", "{0}个文件"),
    ("the <b>red</b> dog", "das < b >rote</ b> Hund", "das <b>rote</b> Hund"),
    ("the <b>red</b> dog", "das <i>rote</i> Hund", "das <b>rote</b> Hund"),
    ("see http://ex.org/a?b=1.", "siehe http: //ex.org/a? b=1.", "siehe http://ex.org/a?b=1."),
    ("see http://ex.org/a", "siehe http://ex.org/ab/c jetzt", "siehe http://ex.org/a jetzt"),
    ("the {0} dog", "das {0} Hund {0}", "das {0} Hund"),
    ("the {0} dog", "das {0}, {0}`Hund`", "das {0}, `Hund`"),
    ("the {0} dog", "{1} das {0} Hund", "das {0} Hund"),
    ("a &amp; b", "a & amp; b", "a &amp; b"),
]
BROKEN = [
    ("the {0} dog", "das Hund"),
    ("the {0} dog {0}", "das {0} Hund"),
    ("the <b>red</b> dog", "das </b>rote<b> Hund"),
    ("<b>a</b> <i>b</i>", "<b>a <i></b>b</i>"),
    ("a %d", "100 % der"),
    ("{0} {1}", "{0} {0}"),  # not {1} changed, but {0} again
    ("the {0} dog", "{0} das {0} {0} Hund"),
]


def part(text: str, prefix: str = "") -> Part:
    return Part(text, prefix, 0, find(text))


def candidate(text: str, **more: Any) -> Candidate:
    return Candidate(text, -1.0, -2.0, text.split(), **more)


@pytest.mark.parametrize(("line", "text", "expected"), MENDED)
def test_what_was_changed_a_little(line: str, text: str, expected: str) -> None:
    (made,) = part(line).mended([candidate(text)])
    assert made.text == expected
    given = candidate(expected)
    assert part(line).mended([given])[0] is given


@pytest.mark.parametrize(("line", "text"), BROKEN)
def test_what_cannot_be_mended(line: str, text: str) -> None:
    assert part(line).mended([candidate(text)]) == []


def test_a_prefix_is_not_mended() -> None:
    assert part("the {0} dog", "das { 0 }").mended([candidate("das { 0 } Hund")]) == []
    (made,) = part("the {0} dog", "das").mended([candidate("das { 0 } Hund")])
    assert made.text == "das {0} Hund"


def test_links_follow_the_words() -> None:
    (made,) = part("the {0} dog").mended([candidate("{1} das { 0 } Hund", alignment=[(0, 1), (2, 5)])])
    assert (made.text, made.alignment) == ("das {0} Hund", [(0, 0), (2, 2)])
    placed = part("the {0} dog").placed(candidate("das Hund", alignment=[(0, 0), (1, 1)]))
    assert (placed.text, placed.alignment) == ("das {0} Hund", [(0, 0), (1, 1), (2, 2)])
    assert part("the {0}").placed(candidate("", alignment=[(0, 0)])).alignment == [(1, 0)]


def test_what_was_invented_goes() -> None:
    assert part("the {0} dog").placed(candidate("das {5} Hund <br>")).text == "das {0} Hund"


@pytest.mark.parametrize(
    ("line", "text", "made"),
    [("size%s", "5", "5%s"), ("Size %s", "Gr. 5", "Gr. 5 %s"), ("50%d or the %d", "50%d ja", "50%d ja %d")],
)
def test_what_is_put_behind_a_number_is_there(line: str, text: str, made: str) -> None:
    placed = part(line).placed(candidate(text, alignment=[]))
    assert placed.text == made
    (same,) = part(line).mended([placed])
    assert same is placed
    assert part(line).mended([candidate(text)]) == []
    assert placed.alignment


def test_marks_in_which_nothing_else_stands() -> None:
    assert part('open "{0}" or „x“ (%s) now').bare[0] == "open or „x“ now"
    assert part("*{0}* ('{1}') „{2}“ ({3}, {4})").bare[0] == "(,)"
    assert part('"<b>a</b>"').bare[0] == '"a"'
    assert part('open "{0}" now').placed(candidate("öffne jetzt")).text == 'öffne "{0}" jetzt'


def searched(answers: list[list[str]], asked: list[list[str]]) -> Any:
    def search(lines: list[Line], request: Request) -> Iterable[Translation]:
        asked.append([line.text for line in lines])
        assert not request.protect
        return [Translation(line.text, list(map(candidate, answers.pop(0)))) for line in lines]

    return search


def job(text: str) -> Job:
    return Job([text], [Sentence([[1]])], [])


def test_another_hypothesis_comes_before_repair() -> None:
    guard, one, asked = Guard(("en", "de"), Request(), 5, attends=True), job("the {0} dog"), list[list[str]]()
    assert guard.passed(0, 0, one, Line("the {0} dog"), [candidate("das Hund")]) == []
    search = searched([["das Hund", "{0} das Hund", "das {0} Hund"]], asked)
    ((number, place, made),) = guard.again(search)
    assert (number, place, [c.text for c in made], one.warnings) == (0, 0, ["{0} das Hund"], [])
    assert asked == [["the {0} dog"]]


def test_else_the_bare_line_is_taken() -> None:
    guard, one, asked = Guard(("en", "de"), Request(), 5, attends=False), job("the {0} dog"), list[list[str]]()
    assert guard.passed(0, 0, one, Line("the {0} dog"), [candidate("ein Hund")]) == []
    ((_, _, made),) = guard.again(searched([["das Hund", "Hund"], ["der Hund"]], asked))
    assert [c.text for c in made] == ["der {0} Hund"]
    assert asked == [["the {0} dog"], ["the dog"]]


def test_a_list_is_of_the_bare_line() -> None:
    guard, one, asked = Guard(("en", "de"), Request(2), 2, attends=False), job("the {0} dog"), list[list[str]]()
    assert guard.passed(0, 0, one, Line("the {0} dog"), [candidate("ein Hund")]) == []
    ((_, _, made),) = guard.again(searched([["der Hund", "das Hund", "der Hund"]], asked))
    assert [c.text for c in made] == ["der {0} Hund", "das {0} Hund"]
    assert one.warnings == [f'"{{0}}" {LOST}']
    assert asked == [["the dog"]]


def test_where_a_model_says_the_same_again_and_again_there_is_nothing_else_to_be_had() -> None:
    guard, asked = Guard(("en", "de"), Request(), 5, attends=True), list[list[str]]()
    guard.passed(0, 0, job("the {0} dog"), Line("the {0} dog"), [candidate("{0} Hund " * 10)])
    ((_, _, made),) = guard.again(searched([["der Hund"]], asked))
    assert (asked, made[0].text) == ([["the dog"]], "der {0} Hund")


def test_draws_may_be_the_same() -> None:
    guard, asked = Guard(("en", "de"), Request(3, sampling=Sampling()), 5, attends=True), list[list[str]]()
    drawn = list(map(candidate, ["das {0} Hund", "das Hund", "das {0} Hund"]))
    assert guard.passed(0, 0, job("the {0} dog"), Line("the {0} dog"), drawn) == []
    ((_, _, made),) = guard.again(searched([["der Hund"] * 3], asked))
    assert [one.text for one in made] == ["das {0} Hund", "das {0} Hund", "der {0} Hund"]


def test_what_is_right_is_not_searched_again() -> None:
    guard, one = Guard(("en", "de"), Request(), 5, attends=True), job("the {0} dog")
    right = [candidate("das {0} Hund")]
    assert guard.passed(0, 0, one, Line("the {0} dog"), right)[0] is right[0]
    assert guard.passed(0, 0, one, Line("the {0} dog"), [candidate("das { 0} Hund")])[0].text == right[0].text
    assert one.warnings == [f'"{{0}}" {CHANGED}']
    plain = [candidate("das Hund {7}")]
    assert guard.passed(1, 0, job("the dog"), Line("the dog"), plain) is plain
    assert list(guard.again(searched([], []))) == []


HARD = [
    "the {0} dog sees {{big.cat}}",
    "the %1$s dog finds %d",
    "the <b>red</b> dog",
    "the dog sees http://ex.org/a?b=1",
    "{0} the {0} cat and {1}{0}",
    "<p>the <b>big <i>red</i></b> house</p>",
    '<a href="http://ex.org/?a=1&amp;b=%s">the dog</a> &amp; the cat<br/>',
    "one <x@ex.org> and a.b+c@ex.org, three",
    r"two %-5d: %05.1f of %(name)s\nthree",
    "the <b>{0}</b>",
    "%s the",
]


def holds(line: str, made: Translation) -> None:
    """Everything is there, as often as in the line, in each translation; tags nest."""
    assert made.candidates
    sought = Sought(line, find(line))
    for one in made.candidates:
        found = sought.find(one.text)
        assert Counter(span.text for span in found) == Counter(span.text for span in find(line)), one.text
        assert len(pairs(found)) == len(pairs(find(line)))
        for source, target in one.alignment or []:
            assert 0 <= source < len(line.split())
            assert 0 <= target < len(one.text.split())


@pytest.fixture(scope="module")
def small() -> Any:
    return translator()


@pytest.fixture(scope="module")
def others() -> dict[str, Any]:
    """Models that speak nonsense: without attention, with columns of three pieces, into a language without spaces, and
    one to which most characters are unknown."""
    words = pieces(byte_fallback=False)
    return {
        "blind": translator(attention={"name": "none"}),
        "conv": translator(conv=3, longest=40),
        "unspaced": translator(languages=("en", "zh")),
        "words": Translator([Member(model_of(table(), words), words, words, LONGEST)], Decode(), ("en", "de")),
    }


@pytest.mark.parametrize(
    "asked",
    [{}, {"n_best": 4}, {"align": True, "details": True}, {"beam_size": 1}, {"sampling": Sampling(), "n_best": 3}],
    ids=["plain", "n_best", "details", "greedy", "drawn"],
)
def test_whatever_is_asked_for(small: Translator, asked: dict[str, Any]) -> None:
    for line, made in zip(HARD, small.translate(HARD, **asked), strict=True):
        holds(line, made)
        assert len(made.candidates) <= asked.get("n_best", 1)
        assert "sampling" in asked or len({one.text for one in made.candidates}) == len(made.candidates)
        for one in made.candidates:
            assert (one.attention is None) == (one.alignment is None) == (not asked.get("align"))


@pytest.mark.parametrize("name", ["blind", "conv", "unspaced", "words"])
def test_whatever_model(others: dict[str, Translator], name: str) -> None:
    for line, made in zip(HARD, others[name].translate(HARD), strict=True):
        holds(line, made)


def test_an_ensemble() -> None:
    first, second = (translator(longest=longest)._members[0] for longest in (20, 30))
    both = Translator([first, second], Decode(), ("en", "de"))
    for line, made in zip(HARD, both.translate(HARD), strict=True):
        holds(line, made)


def test_lines_without_them_are_searched_as_ever(small: Translator) -> None:
    alone = small.translate(LINES, n_best=3, details=True)
    beside = small.translate([*LINES, *HARD], n_best=3, details=True)[: len(LINES)]
    off = small.translate(LINES, n_best=3, details=True, protect=False)
    assert alone == off
    assert [[c.text for c in one.candidates] for one in beside] == [[c.text for c in one.candidates] for one in alone]


def test_it_can_be_switched_off(small: Translator) -> None:
    made = small.translate(HARD[0], protect=False)
    assert "{0}" not in made.text
    assert not any(LOST in one for one in made.warnings)


def test_a_prefix_stays_as_it_was_given(small: Translator) -> None:
    for prefix in ("das rote", "das {0}", "ein"):
        (made,) = small.window([Line("the {0} dog sees {1}", prefix)])
        assert made.text.startswith(prefix)
        holds("the {0} dog sees {1}", made)
    (made,) = small.window([Line("{0}", "eins")])
    assert made.text.startswith("eins")
    assert made.text.count("{0}") == 1


@pytest.mark.parametrize(
    "line", ["{0}", "<br/>", "http://ex.org/a?b=1", " me@ex.org ", "%s: %d, {0}.", "{{big.cat}} — 3"]
)
def test_nothing_else_to_translate(small: Translator, line: str) -> None:
    made = small.translate(line)
    assert (made.text, made.warnings, made.candidates[0].tokens) == (line, [], [])


def test_a_long_line_is_not_cut_within_one(small: Translator) -> None:
    tag = '<a href="http://ex.org/a b. c" title="one two. three, four; five">'
    line = f"the {{0}} dog. {tag}the red cat</a> sees %(a b. c)s the house, " * 4 + "x" * LONGEST + tag + "one"
    made = small.translate(line, align=True)
    assert any("parts" in one for one in made.warnings)
    holds(line, made)
    assert sum(LOST in one for one in made.warnings) > 1


def test_what_encloses_words_of_two_parts(small: Translator) -> None:
    words = "the red dog sees the cat and the house. "
    line = f"<p>{words}<b>one <i>two</i> {words}{words}three</b> <i>{words * 2}</i> 3%% of %s{words}</p>"
    made = small.translate(line, n_best=2)
    assert any("parts" in one for one in made.warnings)
    holds(line, made)
    assert made.text.startswith("<p>")
    assert made.text.endswith("</p>")


def test_five_percent_is_text() -> None:
    turkish = translator(languages=("tr", "en"))
    line = "the red dog %5 sees <b>one</b> house, " * 5
    made = turkish.translate(line)
    holds(line.replace("%5", ""), made)
    assert turkish.translate("the %5 dog").warnings == []


def test_many_pieces_of_one_are_no_long_line(small: Translator) -> None:
    line = "the dog sees http://ex.org/" + "a/b" * 2 * LONGEST
    made = small.translate(line)
    holds(line, made)
    assert not any("parts" in one for one in made.warnings)
    (forced,) = small.window([Line(line, "das")])
    assert forced.text.startswith("das")
    holds(line, forced)


def test_parts_of_a_long_line_and_long_spans_take_no_time_each() -> None:
    parts = ["the <b>red</b> %s dog sees the <i>{0} house. </i>"] * 500
    line, guard = Line("".join(parts)), Guard(("en", "de"), Request(), 5, True)
    one = Job(parts, [Sentence([[1]])] * len(parts), [])
    start = time.process_time()
    for place, text in enumerate(parts):
        assert guard.passed(0, place, one, line, [candidate(text)])
    address = "http://ex.org/" + "a/b%20c" * 10_000
    (made,) = part(f"see {address}").mended([candidate("siehe " + address.replace("/b", "/ B", 1))])
    assert made.text == f"siehe {address}"
    many = "%s %d " * 300 + "dog"
    (made,) = part(many).mended([candidate(many.replace("%", "% "))])
    assert made.text == many
    assert time.process_time() - start < 0.7


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ein % S", (4, 7)),
        ("％ｓ", (0, 2)),
        ("%st %s", (4, 6)),
        ("50%s_, %\u3000s", (7, 10)),
        ("%  x", None),
        ("İ%sa İ%S", (6, 8)),
    ],
)
def test_the_same_but_for_white_space_case_and_width(text: str, found: tuple[int, int] | None) -> None:
    assert next(Squeezed.of(text).find("%s"), None) == found
    assert next(Squeezed.of(text, 3).find("%s"), None) == (found if found and found[0] >= 3 else None)
