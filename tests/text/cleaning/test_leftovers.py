"""HTML and mojibake: damaged by the standard library, repaired, and what only looks like it left alone."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtkit.text.cleaning.leftovers import undecodable, unmangled, without_html
from mtkit.text.cleaning.rules import Cleaning

SENTENCES = [
    "Für Ärger sorgt übrigens die Straße.",
    "Ça n’a pas été très long… « déjà »",
    "Он сказал: «Привет, мир»!",
    "日本語のテキスト",
    "naïve café — 20 €",
    "Zażółć gęślą jaźń",
    "😀 schön",
    "Rīga",
    "Ärger",
]


@pytest.mark.parametrize("sentence", SENTENCES)
@pytest.mark.parametrize("times", [1, 2, 3])
def test_what_was_read_as_latin_1_comes_back(sentence: str, times: int) -> None:
    damaged = sentence
    for _ in range(times):
        damaged = damaged.encode().decode("latin-1")
    assert unmangled(damaged) == sentence
    assert unmangled(sentence) == sentence


@pytest.mark.parametrize("sentence", SENTENCES)
def test_what_was_read_as_windows_1252_comes_back(sentence: str) -> None:
    """The five bytes that it has no sign for stay controls, as browsers read them."""
    damaged = "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in sentence.encode())
    assert unmangled(damaged) == sentence


@pytest.mark.parametrize(
    "line",
    [
        "Viel Spaß…",
        "CAFÉ…",
        "CAFÉ’S",
        "Schließ’ die Tür!",
        "AMANHÃ”",
        "DÉJÀ VU",
        "CAFÉ\xa0!",
        "Größe: 10 m²",
        "MENÜ“",
        "©2020 Müller®",
        "“À bientôt”",
        "plain",
        "",
    ],
)
def test_what_is_right_is_left_alone(line: str) -> None:
    assert unmangled(line) == line


@given(st.text(alphabet=st.characters(codec="latin-1"), max_size=30))
def test_a_repair_is_exact(line: str) -> None:
    """Whatever is repaired is the same line when it is damaged again."""
    repaired = unmangled(line)
    once = repaired
    for _ in range(3):
        if once == line:
            return
        once = once.encode().decode("latin-1")
    assert once == line


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("<p>One <b>bold</b> word</p>", "One bold word"),
        ("one<br/>two", "one two"),
        ("in<i>sid</i>e", "inside"),
        ("<a href='x'>link</a>", "link"),
        ("Tom &amp; Jerry", "Tom & Jerry"),
        ("a&amp;quot;b", 'a"b'),
        ("x<script>alert(1)</script>y<!-- no -->z", "x y z"),
        ("caf&eacute; &#8364;5", "café €5"),
        ("AT&T; R&D", "AT&T; R&D"),
        ("a < b and c > d", "a < b and c > d"),
        ("<1>kept</1> <name>", "<1>kept</1> <name>"),
        ("?a=1&copy=2", "?a=1&copy=2"),
        ("<barely> text", "<barely> text"),
    ],
)
def test_html(line: str, text: str) -> None:
    assert without_html(line) == text


@given(st.text(max_size=40))
def test_what_was_escaped_comes_back(text: str) -> None:
    if re.search("[<&]", text) or "\0" in text or "\r" in text:
        return
    assert without_html(html.escape(text)).split() == text.split()


def test_kept_dropped_or_repaired() -> None:
    damaged, right = ("f&uuml;r", "fÃ¼r"), ("für", "für")
    for value, found in (("drop", (damaged, [], "mojibake")), ("repair", (right, ["mojibake", "html"], None))):
        assert Cleaning({"html": value, "mojibake": value}, ("de", "de")).repaired(*damaged) == found
    assert undecodable("f\ufffdr")
    assert Cleaning({"mojibake": "repair"}, ("de", "de")).repaired("f\ufffdr", "a")[2] == "mojibake"
    assert Cleaning({"html": "repair"}, ("de", "de")).repaired("f\ufffdr", "a") == (("f\ufffdr", "a"), [], None)
