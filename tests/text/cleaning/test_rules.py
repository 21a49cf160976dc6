"""Cleaning rules: each at its border, on what it must take and on what it must leave."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtkit.schema import Filter
from mtkit.schema.cleaning import PRESETS
from mtkit.text.cleaning.near import near_key
from mtkit.text.cleaning.rules import REPAIRS, RULES, Cleaning

EN_DE = ("en", "de")


def broken(source: str, target: str, languages: tuple[str, str] = EN_DE, **settings: Any) -> str | None:
    return Cleaning(settings, languages).broken(source, target)


def test_every_rule_has_its_key_and_every_key_its_rule() -> None:
    keys = set(Filter(preset="web").cleaning())
    assert keys == set(RULES) | set(REPAIRS)
    assert set(PRESETS["web"]) - keys == {"near_duplicates"}
    assert Filter().cleaning() == {}
    assert Cleaning({}, EN_DE).broken("a", "12345 <b>") is None


@pytest.mark.parametrize(
    ("source", "target", "differ"),
    [
        ("It has 37 pages", "Es hat 37 Seiten", False),
        ("It has 37 pages", "Es hat 73 Seiten", True),
        ("It has 37 pages", "Es hat Seiten", True),
        ("It has 2 pages", "Es hat zwei Seiten", False),  # small, and thus a word
        ("It has 2 pages", "Es hat 3 Seiten", True),
        ("a hundred", "100", False),
        ("50 percent", "fünfzig Prozent", False),
        ("1,000,000 and 3.5", "3,5 und 1.000.000", False),
        ("in 1990 100 men", "100 Mann 1990", False),
        ("over 2,000", "über 2000", False),
        ("10 000 men", "10.000 Mann", False),
        ("3 million", "3.000.000", False),
        ("2011/2012", "2011-2012", False),
        ("10:00 - 13:30", "10.00-13.30", False),
        ("5-12 May", "5. bis 12. Mai", False),
        ("06", "6", False),
        ("at 2:30 p.m.", "um 14:30 Uhr", False),
        ("in '98", "1998", False),
        ("12.30", "1230", False),
        ("35 and 48", "48 und 53", True),
        ("٣٧ كتابا", "37 Bücher", False),
        ("37 pages", "三十七页", False),
        ("1" * 5000, "1" * 5000 + "2", True),  # more digits than Python makes a number of
    ],
)
def test_numbers(source: str, target: str, differ: bool) -> None:
    assert broken(source, target, numbers=True) == ("numbers" if differ else None)
    assert broken(target, source, numbers=True) == ("numbers" if differ else None)


@pytest.mark.parametrize(
    ("source", "target", "differ"),
    [
        ("%s of %d", "%d von %s", False),
        ("%s of %d", "%d von", True),
        ("%s of %s", "%2$s von %1$s", False),
        ("{name} left", "{name} ging", False),
        ("{name} left", "{Name} ging", True),
        ('<a title="x">y</a>', '<a title="z">w</a>', False),
        ("<b>y</b>", "y", True),
        ("see https://a.org/en/x", "siehe http://www.a.org/de/y", False),
        ("see https://a.org", "siehe https://b.org", True),
        ("{n, plural, one {# file} other {# files}}", "{n, plural, one {# Datei} other {# Dateien}}", False),
        ("100% sure", "zu 100 % sicher", False),
        ("a. b and c", "a und b", False),
    ],
)
def test_spans(source: str, target: str, differ: bool) -> None:
    assert broken(source, target, spans=True) == ("spans" if differ else None)


@pytest.mark.parametrize(
    ("source", "target", "languages", "rule"),
    [
        ("a b c d e", "f", EN_DE, None),  # too few words to say anything
        ("a b c d e f", "g", EN_DE, "max_word_ratio"),
        ("a b c d e f", "g h", EN_DE, None),
        ("abcdefghijklmnopqrstu vw", "x", EN_DE, "max_char_ratio"),
        ("abcdefghijklmnopqrst", "x", EN_DE, None),
        ("a b c d e f", "甲乙", ("en", "zh"), None),
    ],
)
def test_lengths(source: str, target: str, languages: tuple[str, str], rule: str | None) -> None:
    assert broken(source, target, languages, max_word_ratio=3.0, max_char_ratio=3.0) == rule


@pytest.mark.parametrize(
    ("source", "target", "languages", "found"),
    [
        ("Пример текста", "Beispiel", EN_DE, True),
        ("alpha α", "Straße", EN_DE, False),
        ("Moscow", "Москва", ("en", "ru"), False),
        ("a language", "a language", ("en", "ru"), True),
        ("USB-C cable", "USB-C 케이블", ("en", "ko"), False),
        ("music", "ミュージックー", ("en", "ja"), False),
        ("Ｌａｔｉｎ ｗｉｄｅ", "Weite, 5 µm, nº 3", EN_DE, False),
        ("Привет, мир", "abc", ("xx", "de"), False),  # of one language nothing is known
    ],
)
def test_script(source: str, target: str, languages: tuple[str, str], found: bool) -> None:
    assert broken(source, target, languages, script=0.5) == ("script" if found else None)


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("12.05.2020 - 17:30", "max_marks"),
        ("A5: 12 (!)", "max_marks"),
        ("Abcde 12345", None),
        ("में में", None),  # vowels and viramas are no letters of their own
        ("so l" + 9 * "o" + "ng", None),
        ("so l" + 10 * "o" + "ng", "max_repeats"),
        (10 * "=" + " heading of the whole", "max_repeats"),
        ("1000000000000 makes a trillion of it", None),
    ],
)
def test_marks_and_repeats(line: str, rule: str | None) -> None:
    assert broken(line, "gut", max_marks=0.6, max_repeats=9) == rule
    assert broken("good", line, max_marks=0.6, max_repeats=9) == rule


def test_language() -> None:
    pytest.importorskip("py3langid", reason="py3langid is not installed")
    cleaning = Cleaning({"language": 0.5}, EN_DE)
    english, german = "The house on the hill is for sale again.", "Das Haus auf dem Hügel steht wieder zum Verkauf."
    french = "La maison sur la colline est de nouveau à vendre."
    assert [cleaning.broken(*pair) for pair in ((english, german), (english, french), (german, german))] == [
        None,
        "language",
        "language",
    ]
    assert cleaning.broken("OK", "D'accord") is None, "too short to tell"
    norwegian = "Dette er en setning som kunne være dansk, men som er norsk."
    assert Cleaning({"language": 0.1}, ("en", "da")).broken(english, norwegian) is None, "told apart by a word or two"
    unknown = Cleaning({"language": 0.5}, ("qq", "xx"))
    assert (unknown.idle, unknown.broken(french, french)) == (["language"], None)
    assert Cleaning({"language": 0.5}, ("qq", "de_AT")).broken(french, german) is None


def test_rules_that_know_nothing_of_the_languages() -> None:
    settings = {"max_word_ratio": 3.0, "script": 0.5, "numbers": True}
    assert Cleaning(settings, ("en", "zho_Hans")).idle == ["max_word_ratio"]
    assert Cleaning({"script": 0.5}, ("xx", "yy")).idle == ["script"]


def test_near_keys() -> None:
    same = near_key("Save file 12", "Datei 12 speichern")
    assert near_key("SAVE “file” 7!", "Datei 12 speichern…") == same
    assert near_key("Save files 12", "Datei 12 speichern") != same
    assert near_key("ab", "c") != near_key("a", "bc")
    assert near_key("1", "2") != near_key("3", "4"), "nothing but numbers is compared as it is"
    assert near_key("कि", "a") != near_key("का", "a"), "marks of Indic scripts are vowels"


@given(st.text(alphabet="aab.", max_size=60), st.integers(1, 12))
def test_runs_are_found_as_by_looking_at_each(line: str, most: int) -> None:
    longest = max((len(list(run)) for _, run in itertools.groupby(line)), default=0)
    assert (broken(line, "", max_repeats=most) == "max_repeats") == (longest > most)
