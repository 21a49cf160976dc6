"""Plain text and columns."""

import pytest

from mtkit.documents.document import Options
from mtkit.documents.marked import Marked
from mtkit.documents.passage import Passage
from mtkit.errors import DataError
from tests.documents.stub import Told, made

WRAPPED = "This paragraph has been broken by a width\nof some forty characters. It goes on and\non.\n"


def wanted(text: str, breaks: str = "guess", joints: tuple[str, str] = (" ", " ")) -> list[str]:
    return Passage(Marked(text), breaks, joints).wanted


def test_lines_that_a_width_has_made_are_joined_and_made_again() -> None:
    assert wanted(WRAPPED) == [
        "This paragraph has been broken by a width of some forty characters.",
        "It goes on and on.",
    ]
    longer = made("text", WRAPPED, search=lambda lines: [Told(line.replace("has", "may well have")) for line in lines])
    assert longer == (
        "This paragraph may well have been broken\nby a width of some forty characters. It\ngoes on and on.\n"
    )


def test_lines_that_stand_for_themselves_stay_apart() -> None:
    assert wanted("Dear Sir,\nthank you.\n") == ["Dear Sir,", "thank you."]
    assert wanted("1. Open it\n2) Close it\n- Leave\n") == ["Open it", "Close it", "Leave"]
    assert wanted("Name:\tsome value   and more") == ["Name:", "some value", "and more"]
    assert wanted("  -q, --quiet   say less") == ["say less"]


def test_sentences_are_cut_where_they_end_alone() -> None:
    assert wanted("Ask Dr. Miller. He knows, e.g. Fig. 3 of it. Yes!") == [
        "Ask Dr. Miller.",
        "He knows, e.g. Fig. 3 of it.",
        "Yes!",
    ]
    assert wanted("Press <b>OK. Then wait</b>. See {x, plural, one {it. Go} other {them. Go}} now. End.") == [
        "Press <b>OK. Then wait</b>.",
        "See {x, plural, one {it. Go} other {them. Go}} now.",
        "End.",
    ]


def test_keys_of_menus_are_taken_out_and_put_in() -> None:
    for text, without in {"_Open": "Open", "E_xit": "Exit", "Save &As...": "Save As...", "_Über": "Über"}.items():
        assert wanted(text) == [without]
    for text in ("Q&A", "AT&T", "my_name", "see My_name here_", "a _b _c", "&lt;x", "Copy & paste", "x_y_z"):
        assert wanted(text) == [text]
    said = {"_Save": "_Speichern", "_Close": "Schließen _c", "E_xit": "_Beenden", "_No": "1"}
    for text, translation in said.items():
        answer = [Told(translation.replace("_", ""))]
        assert made("text", text, search=lambda lines, answer=answer: answer) == translation  # type: ignore[misc]


def test_languages_without_spaces_between_sentences() -> None:
    text = "これは本です。あれは猫です。\n"
    assert made("text", text, Options("x", ("ja", "en")), lambda lines: [Told("A cat.") for _ in lines]) == (
        "A cat. A cat.\n"
    )
    assert made("text", "One. Two.\n", Options("x", ("en", "ja")), lambda lines: [Told("本。") for _ in lines]) == (
        "本。本。\n"
    )


def test_columns_are_filled_or_replaced() -> None:
    text = "Save\tschon da\t7\nOpen\t\t8\nNo"
    assert made("tsv", text) == "Save\tschon da\t7\nOpen\tnepO\t8\nNo\toN"
    assert made("tsv", text, Options("x", ("en", "de"), everything=True)) == "Save\tevaS\t7\nOpen\tnepO\t8\nNo\toN"
    assert made("tsv", text, Options("x", ("en", "de"), ((1, 1),))) == "evaS\tschon da\t7\nnepO\t\t8\noN"
    two = Options("x", ("en", "de"), ((1, 3), (2, 4)))
    assert made("tsv", "on\tno\t\t\n", two) == "on\tno\tno\ton\n"
    with pytest.raises(DataError, match="x, line 2: 2 columns, and translations are to come into 3 and 4"):
        made("tsv", "\t\t\t\non\tno\n", two)
    tab = made("tsv", "ab\n", search=lambda lines: [Told("a\tb") for _ in lines])
    assert tab == "ab\ta b\n"
