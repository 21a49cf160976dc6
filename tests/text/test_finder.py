"""Who looks for spans: own regular expressions, numbers with units, and what a translation is to have of its line."""

import pytest

from mtkit.errors import ConfigError
from mtkit.text.finder import Finder, Sought
from mtkit.text.spans import OWN, find


def texts(finder: Finder, line: str) -> list[str]:
    return [one.text for one in finder.find(line)]


def test_own_ones_are_found_and_of_two_that_overlap_the_longer() -> None:
    finder = Finder.of("en", [r"[A-Z]{2,}-\d+", r"\bFoo\b", r"\s*x*"])
    line = 'see AB-12 and Foo, <a href="AB-12">Food</a> Foo.org xx'
    assert texts(finder, line) == ["AB-12", "Foo", '<a href="AB-12">', "</a>", "Foo", "xx"]
    assert [one.kind for one in finder.find("AB-12 {0}")] == [OWN, "placeholder"]
    assert all(line[one.start : one.end] == one.text for one in finder.find(line))
    assert finder.may_have("AB-12")
    assert not Finder.of("en").may_have("AB-12")
    assert texts(Finder(), line) == [one.text for one in find(line)]


def test_what_is_no_regular_expression_is_refused() -> None:
    for wrong in ("(", "[a", "*"):
        with pytest.raises(ConfigError, match="is no regular expression"):
            Finder.of("en", [wrong])


def test_numbers_with_units_where_they_are_written_alike() -> None:
    line = "10 MB, 5km/h and 1,5 kg or 3.5 GB, 100 kHz, 12 mm2, 7 dogs, v10px, 20 °C"
    assert texts(Finder.of("en", units_in="de"), line) == ["10 MB", "5km/h", "100 kHz", "20 °C"]
    assert texts(Finder.of("en", units_in="ko"), line) == ["10 MB", "5km/h", "100 kHz", "20 °C"]
    assert texts(Finder.of("en", units_in="ru"), line) == texts(Finder.of("en"), line) == []


def test_of_ones_own_a_translation_has_the_very_text() -> None:
    line = "take AB-12 and {0}"
    sought = Sought(line, Finder.of("en", [r"[A-Z]{2,}-\d+"]).find(line))
    assert [one.text for one in sought.find("nimm AB-12 und CD-34 {0} {1}")] == ["AB-12", "{0}", "{1}"]
    assert [one.text for one in sought.find("XAB-12 AB-123 AB-12을")] == ["AB-12"]


def test_code_and_emoji_are_those_of_the_line() -> None:
    sought = Sought(line := "run `{0} x` 🎉", find(line))
    assert [one.text for one in sought.find("`{0} x` 🎉 und `{1}` 👍")] == ["`{0} x`", "🎉", "{1}"]
    assert [one.text for one in Sought("run {0}", find("run {0}")).find("`{0}`🎉")] == ["{0}"]
