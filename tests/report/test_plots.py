"""Figures are SVG in the page's colours: the same each time, and whole by themselves."""

import re
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import pytest

from mtkit.errors import MtkitError
from mtkit.report.plots import SERIES, Series, bars, color, curves, standalone

ONE = Series("a <b> & $c$", [1, 2, 3, 4], [3.0, 2.0, None, 1.0], [2.5, 1.5, 1.0, 0.5], [3.5, 2.5, 2.0, 1.5])
TWO = Series("two", [1], [5.0], dashed=True)
FIGURES: list[Callable[[str], str]] = [
    lambda title: curves([ONE, TWO], title=title, x="updates", y="nats"),
    lambda title: curves([ONE], title=title, x="updates", y="nats", log_x=True, log_y=True, marks=True),
    lambda title: bars(["1-5", "6-"], {"a": [1.0, 2.0], "b": [None, 3.0]}, title=title, x="", y="BLEU"),
    lambda title: bars([f"a long name {n}" for n in range(9)], {"a": [1.0] * 9}, title=title, x="", y=""),
]


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_is_svg_in_variables(figure: Callable[[str], str]) -> None:
    svg = figure('A "title" & <more>')
    assert svg == figure('A "title" & <more>')
    element = ElementTree.fromstring(svg)
    assert element.attrib["aria-label"] == 'A "title" & <more>'
    assert "width" not in element.attrib
    colours = set(re.findall(r"(?:fill|stroke): (#\w+)", svg))
    assert not colours, "not in the style sheet"
    assert "var(--series-1)" in svg
    ids, used = re.findall(r'\sid="([^"]*)"', svg), re.findall(r'(?:href="|url\()#([^")]*)', svg)
    assert len(ids) == len(set(ids))
    assert set(used) == set(ids)
    others = re.findall(r'\sid="([^"]*)"', figure("another"))
    assert not set(ids) & set(others), "two figures on one page"


def test_powers_of_ten_are_no_formulas() -> None:
    steep = Series("a", [1, 10, 1000], [1e-12, 1.0, 1e9])
    svg = curves([steep], title="t", x="x", y="y", log_x=True, log_y=True)
    assert "mathdefault" not in svg
    labels = re.findall(r">([^<>]+)</text>", svg)
    assert {"10", "100", "1000", "1", "10⁶"} & set(labels) >= {"10", "100", "1000", "1"}
    assert any(label.startswith("10⁻") for label in labels)


def test_a_file_of_its_own_knows_its_colours() -> None:
    text = standalone(FIGURES[0]("t"))
    ElementTree.fromstring(text)
    light, dark = re.findall(r":root \{(.*?)\}", text)
    for variable in set(re.findall(r"var\((--[\w-]+)\)", text)):
        assert f"{variable}: #" in light
        assert f"{variable}: #" in dark
    assert 'width="403.2pt"' in text


def test_more_series_than_colours() -> None:
    assert color(0) == color(SERIES)
    assert len({color(number) for number in range(SERIES)}) == SERIES
    many = curves([Series(str(n), [1, 2], [n, n]) for n in range(SERIES + 2)], title="t", x="x", y="y")
    assert "#0501" not in many


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MtkitError, match=r"pip install 'mtkit\[report\]'"):
        FIGURES[0]("t")
