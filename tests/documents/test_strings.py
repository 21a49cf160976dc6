"""Strings of applications: JSON, properties, Android, Fluent, YAML, and the choices of ICU in them."""

import json

import pytest

from mtkit.documents import icu
from mtkit.documents.document import Options
from mtkit.documents.translated import AMONG_WORDS, NOT_WHOLE, Search
from tests.documents.stub import Told, made, outcome

RUSSIAN = Options("a file", ("en", "ru"))


def saying(text: str) -> Search:
    """A translator that says one thing."""
    return lambda lines: [Told(text) for _ in lines]


def test_json_is_written_as_its_file_is() -> None:
    assert made("json", '{"a": "caf\\u00e9 \\/ \\"x\\""}') == '{"a": "\\u00e9fac \\/ \\"x\\""}'
    said = saying("ü “ \U0001f600\t")
    assert made("json", '{"a": "b"}', search=said) == '{"a": "ü “ \U0001f600"}'
    ascii_only = made("json", '{"a": "b", "c": "\\u00e9 x"}', search=said)
    assert ascii_only.isascii()
    assert json.loads(ascii_only) == {"a": "ü “ \U0001f600", "c": "ü “ \U0001f600"}
    assert made("json", '["\\ud800 half", 1e999, 5]') == '["\\ud800 half", 1e999, 5]'


def test_of_messages_of_extensions_the_message_alone_is_translated() -> None:
    text = '{"a": {"message": "On", "description": "of a button"}, "b": {"message": "Off"}}'
    assert made("json", text) == text.replace('"On"', '"nO"').replace('"Off"', '"ffO"')
    other = '{"a": {"message": "On", "note": "x y"}, "b": {"text": "Off"}}'
    assert made("json", other) == '{"a": {"message": "nO", "note": "x y"}, "b": {"text": "ffO"}}'


def test_variants_of_icu_are_translated_and_the_choice_stays() -> None:
    text = "{n, plural, offset:1 =0 {none} one {# file of {x}} other {{k, select, m {his} other {her}}}}"
    assert icu.variants(text) == [
        (False, "{n, plural, offset:1 =0 {"),
        (True, "none"),
        (False, "} one {"),
        (True, "# file of {x}"),
        (False, "} other {"),
        (False, "{k, select, m {"),
        (True, "his"),
        (False, "} other {"),
        (True, "her"),
        (False, "}}"),
        (False, "}}"),
    ]
    turned = text.replace("none", "enon").replace("file of", "elif fo").replace("his", "sih").replace("her", "reh")
    turned = turned.replace("otreh", "other")
    assert made("json", json.dumps([text])) == json.dumps([turned])
    for none in (
        "{n, plural}",
        "{n, plural, }",
        "You {n, plural, other {x}}",
        "{n, plural, one {x}",
        "{a}",
        "'{'n, plural",
    ):
        assert icu.variants(none) is None
    assert outcome("json", '["You {n, plural, other {x}} see"]').doubtful[0].warnings == [AMONG_WORDS]


def test_properties_are_written_as_readers_of_any_age_read_them() -> None:
    german = saying("Größe – it's")
    assert made("properties", "a = b\n", search=german) == "a = Gr\\u00f6\\u00dfe \\u2013 it's\n"
    assert made("properties", "a = bé\n", search=german) == "a = Größe – it's\n"
    latin = outcome("properties", "a = bé\n".encode("latin-1"), search=german).data
    assert latin == "a = Größe \\u2013 it's\n".encode("latin-1")
    assert made("properties", "a=It''s {0}\nb=It's\n", search=german) == (
        "a=Gr\\u00f6\\u00dfe \\u2013 it''s\nb=Gr\\u00f6\\u00dfe \\u2013 it's\n"
    )
    assert made("properties", "a:long \\\r\n  value\r\nb = \\ x\n") == "a:gnol \\\r\n  eulav\r\nb = \\ x\n"


def test_android_escapes_what_it_must() -> None:
    french = saying('l\'eau & "feu" <x>')
    assert made("android", "<resources><string name='a'>b</string></resources>", search=french) == (
        "<resources><string name='a'>l\\'eau &amp; \\\"feu\\\" &lt;x&gt;</string></resources>"
    )
    lines = "<resources><string>One\\nTwo it\\'s\\u2019</string><string-array translatable='false'><item>x</item>"
    whole = lines + "</string-array></resources>"
    assert made("android", whole) == whole.replace("One", "enO").replace("Two it\\'s", "owT ti\\'s")


def test_android_has_the_quantities_of_the_target_language() -> None:
    text = '<resources>\n <plurals>\n  <item quantity="one">a b</item>\n  <item quantity="other">cd</item>\n </plurals>'
    found = outcome("android", text + "</resources>", RUSSIAN)
    assert found.data.decode() == (
        '<resources>\n <plurals>\n  <item quantity="one">a b</item>\n  <item quantity="few">dc</item>\n'
        '  <item quantity="many">dc</item>\n  <item quantity="other">dc</item>\n </plurals></resources>'
    )
    assert [one.segment.where for one in found.doubtful] == ["line 4"]
    assert outcome("android", text + "</resources>").doubtful == []


def test_fluent_takes_no_translation_that_breaks_it() -> None:
    pytest.importorskip("fluent.syntax")
    text = "a = Hi { $name }\n    .title = Go\n    .accesskey = G\n-brand-name = Fox\n"
    assert made("fluent", text) == text.replace("Hi", "iH").replace("Go", "oG")
    for wrong in ("Hallo", "Hallo { $nam }", "{ $name } {", "{ $name } { $name }"):
        found = outcome("fluent", text, search=saying(wrong))
        assert found.answers[0].warnings == [NOT_WHOLE]
        assert "a = Hi { $name }\n" in found.data.decode()
    block = "a =\n    One line\n    and another\n"
    assert made("fluent", block, search=lambda lines: [Told("[x" if "and" in one else one) for one in lines]) == (
        "a =\n    One line [x\n"
    )


def test_fluent_has_a_doubt_where_plurals_lack() -> None:
    pytest.importorskip("fluent.syntax")
    text = "a =\n    { $n ->\n        [one] One file\n       *[other] Many files\n    }\n"
    assert made("fluent", text) == text.replace("One file", "enO elif").replace("Many files", "ynaM selif")
    assert len(outcome("fluent", text, RUSSIAN).doubtful) == 2
    assert outcome("fluent", text).doubtful == []


@pytest.mark.system
def test_yaml_keeps_its_styles_and_stays_yaml() -> None:
    yaml = pytest.importorskip("yaml")

    odd = saying('yes: it\'s #1 "x"')
    text = (
        "en:\n  a: plain\n  b: 'single'\n  c: \"double\"\n  d: |\n    block\n  e: [flow]\n  f: true\n  g: 2020-01-01\n"
    )
    found = made("yaml", text, search=odd)
    assert yaml.safe_load(found)["de"] == yaml.safe_load(text)["en"] | {
        **dict.fromkeys("abc", 'yes: it\'s #1 "x"'),
        "d": 'yes: it\'s #1 "x"\n',
        "e": ['yes: it\'s #1 "x"'],
    }
    assert "b: 'yes: it''s" in found
    for value in ("no", "12", "null", "- x", "a\tb", "{x}", "2020-01-01"):
        assert yaml.safe_load(made("yaml", "a: word\n", search=saying(value)))["a"] == value
