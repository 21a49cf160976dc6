"""Terms of a glossary: where they are in a line, in which case they are asked for, whether a translation has them."""

import pytest

from mtkit.text.terms import Form, Glossary, Term

PAIR = ("en", "de")


def term(source: str, *targets: str) -> Term:
    return Term(tuple(map(form, source.split("|"))), tuple(map(form, targets)))


def form(text: str) -> Form:
    return Form(text.removesuffix("*"), text.endswith("*"))


BANK = term("bank", "Bank", "Banken")
OPEN = term("open", "öffnen")
TERMS = [
    BANK,
    OPEN,
    term("bank account", "Konto"),
    term("open source", "quelloffen*"),
    term("file*", "Datei*"),
    term("Apple", "Apfel"),
    term("mtkit"),
    term("ad", "Anzeige"),
    term("C++", "C++"),
]


@pytest.fixture(scope="module")
def glossary() -> Glossary:
    return Glossary(TERMS, PAIR)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("the bank is open", ["bank", "open"]),
        ("a bank account, a bank", ["bank account", "bank"]),  # the longest first
        ("open  source", ["open  source"]),
        ("banks bankable embank e-bank bank-like", []),  # whole words, hyphens included
        ("(bank) bank's bank/open", ["bank", "bank", "bank", "open"]),
        ("one file, files, filed; profile", ["file", "files", "filed"]),
        ("Bank BANK bAnk", ["Bank", "BANK", "bAnk"]),
        ("apple Apple APPLE", ["Apple"]),  # with a capital it is a name
        ("an ad, add", ["ad"]),
        ("C++ c++", ["C++"]),
        ("", []),
    ],
)
def test_terms_are_whole_words(glossary: Glossary, line: str, found: list[str]) -> None:
    assert [one.source for one in glossary.find(line)] == found


def test_what_is_no_text_has_none(glossary: Glossary) -> None:
    line = "open <a bank> bank"
    assert [one.source for one in glossary.find(line, [(5, 13)])] == ["open", "bank"]


@pytest.mark.parametrize(
    ("line", "forms"),
    [
        ("we open it", ["öffnen", "^Öffnen"]),  # in a translation it may come first
        ("Open it", ["öffnen", "^Öffnen"]),
        ("It is. Open it", ["öffnen", "^Öffnen"]),
        ("Click Open", ["öffnen", "Öffnen"]),  # a title
        ("CLICK OPEN", ["ÖFFNEN"]),
        ("BANK", ["BANK", "BANKEN"]),
        ("Bank", ["Bank", "Banken"]),
        ("MTKit", ["MTKit"]),
        ("OPEN SOURCE", ["QUELLOFFEN*"]),
    ],
)
def test_case_is_as_in_the_source(glossary: Glossary, line: str, forms: list[str]) -> None:
    (asked,) = glossary.find(line)
    assert ["^" * one.opening + one.text + "*" * one.open_ended for one in asked.forms] == forms


@pytest.mark.parametrize(
    ("source", "translation", "rendered"),
    [
        ("bank", "die Bank", True),
        ("bank", "die Banken.", True),
        ("bank", "Bankkonto und bank", False),
        ("bank", "Sitzbank", False),
        ("BANK", "die Bank", False),
        ("open", "Öffnen", True),
        ("open", "das Öffnen", False),
        ("open", "Nein! „Öffnen", True),
        ("file", "Dateien", True),
        ("file", "Profildatei", False),
        ("mtkit", "das mtkit", True),
        ("mtkit", "das MTkit", False),
        ("open source", "ein quelloffenes", True),
    ],
)
def test_what_a_translation_has(glossary: Glossary, source: str, translation: str, rendered: bool) -> None:
    (told,) = glossary.told(glossary.find(source), translation)
    assert (told.source, told.rendered) == (source, rendered)


def test_a_term_is_to_come_as_often_as_in_the_source(glossary: Glossary) -> None:
    asked = glossary.find("bank and Bank")
    assert [one.rendered for one in glossary.told(asked, "Bank")] == [True, False]
    assert [one.rendered for one in glossary.told(asked, "Bank und Banken")] == [True, True]
    assert [one.target for one in glossary.told(asked, "")] == ["Bank|Banken"] * 2


def test_where_words_are_not_apart_a_term_may_be_anywhere() -> None:
    chinese = Glossary([Term((Form("文件"),), (Form("file"),))], ("zh", "en"))
    assert [one.source for one in chinese.find("打开文件夹")] == ["文件"]
    into = Glossary([Term((Form("file"),), (Form("文件"),))], ("en", "zh"))
    assert into.told(into.find("file"), "打开文件夹")[0].rendered
    korean = Glossary([Term((Form("file"),), (Form("파일"),))], ("en", "ko"))
    assert korean.told(korean.find("file"), "파일을 엽니다")[0].rendered  # endings are written onto nouns
    assert not korean.told(korean.find("file"), "프로파일")[0].rendered


def test_glossaries_are_told_apart_by_what_they_say() -> None:
    assert repr(Glossary([BANK], PAIR)) == repr(Glossary([BANK], PAIR))
    assert repr(Glossary([BANK], PAIR)) != repr(Glossary([OPEN], PAIR))
