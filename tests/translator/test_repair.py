"""Translations that are clearly broken give way to better ones, and others are let be."""

from collections.abc import Iterator, Sequence

import pytest

from mtkit import Sampling, Translator
from mtkit.schema import Decode
from mtkit.text.terms import Form, Glossary, Term
from mtkit.translator.again import looked_over
from mtkit.translator.request import Candidate, Line, Request, Translation
from tests.translator.small import LINES, decode, translator

PAIR = ("en", "de")
TAGS = "<the><dog><sees><a> {cat} dog"
SAID = {
    "the dog": ["der Hund"],
    "a salad": ["ein Salat Salat Salat Salat", "ein Salat"],
    "150 dogs": ["Hunde", "105 Hunde", "150 Hunde"],
    "red house": ["", "Haus Haus Haus", "rotes Haus"],
    "so it is and was": ["so it is and was"],
    TAGS: ["<the><dog><sees><a> {cat} Hund"],  # what is no text is copied rightly
}
SINGLE = ["<s>", "▁", "a", "b", "<0x0A>"]


class Searching:
    """Says the first with a search as ever, with blocking of three all but the last, with two the last, too."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[str], Decode, Request]] = []

    def __call__(self, lines: Sequence[Line], decode: Decode, request: Request) -> Iterator[Translation]:
        self.asked.append(([line.text for line in lines], decode, request))
        for line in lines:
            every = SAID[line.text]
            some = {0: every[:1], 3: every[:-1] or every, 2: every}[decode.no_repeat_ngram]
            yield Translation(line.text, [Candidate(text, -1.0 - n, -1.0 - n, []) for n, text in enumerate(some)])


def made(
    texts: Sequence[str], request: Request, names: Sequence[str] = ("▁ab",)
) -> tuple[list[Translation], Searching]:
    search = Searching()
    lines = [Line(text, number=number) for number, text in enumerate(texts)]
    return list(looked_over(search, lines, decode(beam_size=2), request, PAIR, names)), search


def test_what_is_broken_is_searched_again_until_it_is_not() -> None:
    found, search = made(list(SAID), Request(guard=True))
    assert [one.text for one in found] == [
        "der Hund",
        "ein Salat",
        "150 Hunde",
        "rotes Haus",
        "so it is and was",
        SAID[TAGS][0],
    ]
    assert [one.broken for one in found] == [[], ["loop"], ["numbers"], ["empty"], ["copy"], []]
    better, worse = "and gave way to a better one", "and others are no better; look at it"
    assert [one.warnings for one in found] == [
        [],
        [f"the translation was broken (loop) {better}"],
        [f"the translation was broken (numbers) {better}"],
        [f"the translation was broken (empty) {better}"],
        [f"the translation was broken (copy) {worse}"],
        [],
    ]
    assert [texts for texts, _, _ in search.asked] == [list(SAID), list(SAID)[1:5], list(SAID)[1:5]]
    first, second, third = (decode for _, decode, _ in search.asked)  # and what is short is not cut up
    assert first == decode(beam_size=2)
    assert [(one.beam_size, one.no_repeat_ngram, one.min_length) for one in (second, third)] == [(8, 3, 1), (8, 2, 1)]
    assert [request.n_best for _, _, request in search.asked] == [1, 8, 8]
    assert found[1].as_json()["broken"] == ["loop"]


def test_of_a_line_of_which_nothing_else_is_better_parts_are() -> None:
    """Loops are the model's as long as it is given all of it; tags, spaces and links are those of the line."""
    line = " the dog sees the <b>cat</b>. It finds 7 houses and one more, it says. "
    parts = []

    def search(lines: Sequence[Line], decode: Decode, request: Request) -> Iterator[Translation]:
        parts.append([line.text for line in lines])
        for one in lines:
            whole = one.text == line
            text = "der der der der der Hund" if whole else "<b>alle</b> da." if "." in one.text else "ja, 7,"
            yield Translation(one.text, [Candidate(text, -1.0, -1.0, [], alignment=[(0, 0)])], ["w"] * (not whole))

    request = Request(guard=True, align=True)
    (found,) = looked_over(search, [Line(line, number=3)], decode(), request, PAIR, ["▁ab"])
    assert parts[-1] == ["the dog sees the <b>cat</b>.", "It finds 7 houses and one more,", "it says."]
    assert parts[:-1] == [[line]] * 3
    assert found.text == " <b>alle</b> da. ja, 7, <b>alle</b> da. "
    assert found.parts == 3
    assert found.candidates[0].alignment == [(0, 0), (5, 2), (12, 4)]
    assert found.warnings[-1] == "the translation was broken (loop) and gave way to a better one"
    (prefixed,) = looked_over(search, [Line(line, "der")], decode(), request, PAIR, ["▁ab"])
    assert prefixed.text.startswith("der der")  # a prefix is one of the whole


def test_what_is_said_without_an_end_is_kept_brief() -> None:
    ratios: list[float] = []

    def search(lines: Sequence[Line], decode: Decode, request: Request) -> Iterator[Translation]:
        ratios.append(decode.max_ratio)
        for one in lines:
            text = "viel zu lang " if decode.max_ratio < 1 else "".join(f"so {n} " for n in range(99))
            yield Translation(one.text, [Candidate(text, -1.0, -1.0, [])])

    (found,) = looked_over(search, [Line("eleven")], decode(), Request(guard=True), PAIR, ["▁ab"])
    assert (found.text, found.broken) == ("viel zu lang ", ["length"])
    assert ratios == [3.0, 3.0, 3.0, 0.1]


def test_lines_in_many_parts_are_let_be() -> None:
    def looks(parts: int) -> int:
        def search(lines: Sequence[Line], decode: Decode, request: Request) -> Iterator[Translation]:
            asked.append(len(lines))
            for one in lines:
                yield Translation(one.text, [Candidate("a a a a a a", -1.0, -1.0, [])], parts=parts)

        asked = list[int]()
        list(looked_over(search, [Line("the dog")], decode(), Request(guard=True), PAIR, ["▁ab"]))
        return len(asked)

    assert [looks(8), looks(9)] == [3, 1]


def test_nothing_is_searched_twice_where_nothing_is_broken() -> None:
    found, search = made(["the dog"], Request(guard=True))
    assert (found[0].text, len(search.asked)) == ("der Hund", 1)


@pytest.mark.parametrize("request_", [Request(guard=False, mbr="chrf"), Request(guard=True, sampling=Sampling())])
def test_draws_are_let_be_and_so_is_all_without_it(request_: Request) -> None:
    found, _ = made(["a salad"], request_)
    assert (found[0].text, found[0].broken) == (SAID["a salad"][0], [])


def test_pieces_of_one_character_come_in_longer_rows() -> None:
    search = Searching()
    rows: list[int] = []

    def searching(lines: Sequence[Line], decode: Decode, request: Request) -> Iterator[Translation]:
        rows.append(decode.no_repeat_ngram)
        return search(lines, decode.model_copy(update={"no_repeat_ngram": 0}), request)

    list(looked_over(searching, [Line("a salad")], decode(), Request(guard=True), PAIR, SINGLE))
    assert rows == [0, 12, 8]


def test_terms_are_not_lost_by_it() -> None:
    terms = Glossary([Term((Form("salad"),), (Form("Salat"),))], PAIR)
    (found,), search = made(["a salad"], Request(guard=True, glossary=terms))
    assert (found.text, [one.rendered for one in found.terms]) == ("ein Salat", [True])
    assert [request.glossary for _, _, request in search.asked] == [None, terms, terms]


def test_lists_begin_with_the_better_one() -> None:
    (found,), _ = made(["150 dogs"], Request(guard=True, n_best=2))
    assert [one.text for one in found.candidates] == ["150 Hunde", "Hunde"]


def test_a_model_that_says_one_word_again_and_again() -> None:
    """In a real search: blocked pieces make another translation."""
    small: Translator = translator()
    target = small.members[0].target_tokenizer
    piece = target.encode(["Hund"])[0][0]
    small.members[0].model.output.bias_V.data[piece] += 30
    plain, guarded = small.translate(LINES[0]), small.translate(LINES[0], guard=True)
    assert "loop" in guarded.broken
    assert guarded.text != plain.text
    assert small.translate("", guard=True).candidates == []
