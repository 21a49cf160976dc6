"""What is clearly broken about a translation, and what only looks so."""

import pytest

from mtkit.metrics.broken import BROKEN, MEANS, broken


@pytest.mark.parametrize(
    ("source", "translation", "found"),
    [
        ("The dog sleeps.", "Der Hund schläft.", []),
        ("The dog sleeps.", "", ["empty"]),
        ("The dog sleeps.", " … ", ["empty"]),
        ("42", "", []),  # where there is nothing to be said
        ("salad", "Salat Salat Salat", ["loop"]),
        ("no, no, no!", "nein, nein, nein!", []),
        ("a man in a shop", "ein Mann in einem Laden in einem Laden", ["loop"]),
        ("a very very old man", "ein sehr sehr alter Mann", []),
        ("banana", "bananananananananana", ["loop"]),
        ("haaaaaaaaaaaaaa", "haaaaaaaaaaaaaa", []),
        ("He said that it was not there.", "He said that it was not there.", ["copy"]),
        ("New York, Rome and Paris", "New York, Rom und Paris", []),
        ("press the button", "press the button", []),  # three words may be a name
        ("I have 150 dogs.", "Ich habe Hunde.", ["numbers"]),
        ("I have 150 dogs.", "Ich habe 105 Hunde.", ["numbers"]),
        ("I have 2 dogs.", "Ich habe zwei Hunde.", []),
        ("It costs 1,500.25", "Es kostet 1.500,25", []),
        ("12/25/2019", "25.12.2019", []),
        ("It is 5:30 pm and 17 people came", "Es ist 17:30, und 17 kamen", []),
        ("Twenty people", "20 Leute", []),  # a word may become a number
        ("Open", "Öffnen " + " ".join(f"Wort{chr(97 + n)}" for n in range(20)), ["length"]),
        ("This is a long sentence, and it is said with a great many words and more.", "Das.", ["length"]),
        ("The dog sleeps all day long", "Собака спит целый день", ["script"]),
        ("Привет, Москва", "Hello, Москва", []),
    ],
)
def test_what_is_broken(source: str, translation: str, found: list[str]) -> None:
    assert broken(source, translation, ("en", "de")) == found


@pytest.mark.parametrize(
    ("source", "translation", "pair", "found"),
    [
        ("20,000 people came", "2만 명이 왔다", ("en", "ko"), []),
        ("30 people came", "三十人来了", ("en", "zh"), []),
        ("Use LibreOffice Writer and Calc", "LibreOffice Writer와 Calc를 사용하세요", ("en", "ko"), []),
        ("This is a sentence in English", "This is a sentence en ingles mas", ("en", "ko"), []),
        ("This is a sentence", "Dies ist ein langer anderer Satz", ("en", "ko"), ["script"]),
        ("hahaha", "哈哈哈", ("en", "zh"), []),
        ("good", "好好好好好好好", ("en", "zh"), ["loop"]),
        ("打开文件", "Open the file", ("zh", "en"), []),
        ("print the list of all", "print the list of all", ("ko", "en"), []),  # it was so in the source
        ("colour of the old house", "colour of the old house", ("en", "EN"), []),
        ("it is not so at all", "it is not so at all", ("en", "xx"), ["copy"]),
    ],
)
def test_languages_are_not_alike(source: str, translation: str, pair: tuple[str, str], found: list[str]) -> None:
    assert broken(source, translation, pair) == found


def test_every_kind_is_explained() -> None:
    assert tuple(MEANS) == BROKEN
