"""Sentences seen from inside models, in a browser: pointed at, stepped through, and true to the numbers."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtkit.jobs.look import looked, page
from mtkit.translator.request import Line, Pair
from mtkit.translator.translator import Translator
from tests.browser.conftest import Browser, Opened
from tests.report.test_page import HOSTILE
from tests.translator.small import decode, translator

pytestmark = pytest.mark.browser
TRANSFORMER: dict[str, Any] = {"encoder": {"name": "transformer"}, "decoder": {"name": "transformer"}}
NONE: dict[str, Any] = {"attention": {"name": "none"}, "decoder": {"wiring": "plain"}}
LINE = "the red dog sees the cat"
SUMS = """LOOKS.flat().flatMap(look => look.parts).flatMap(part => part.attention).flatMap(one => one.heads.flat())
  .map(row => row.reduce((sum, x) => sum + x, 0))"""


def made(longest: int = 20, least: int = 4, **keys: Any) -> Translator:
    return Translator(translator(longest=longest, **keys).members, decode(max_ratio=1, min_length=least), ("en", "de"))


@functools.cache
def html(models: tuple[Translator, ...], *lines: Line | Pair) -> str:
    return page(list(looked(models, lines)))


@functools.cache
def each() -> tuple[Translator, ...]:
    return made(), made(conv=2), made(**TRANSFORMER), made(**NONE)


@functools.cache
def long() -> tuple[Translator, ...]:
    return (made(longest=800),)


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Callable[..., Opened]:
    def open_(models: tuple[Translator, ...], *lines: Line | Pair, **how: bool) -> Opened:
        file = tmp_path / "look.html"
        file.write_text(html(models, *lines), encoding="utf-8")
        return browser.open(file, **how)

    return open_


def value(page: Any, row: int, column: int, head: str, table: str = "attention[0].heads") -> float:
    """What the JSON in the page says."""
    path = f"JSON.parse(document.getElementById('looks').textContent)[0][0].parts[0].{table}"
    return float(page.evaluate(f"{path}{head}[{row}][{column}]"))


@pytest.mark.parametrize("phone", [False, True])
@pytest.mark.parametrize("dark", [False, True])
def test_models_stand_side_by_side(opened: Callable[..., Opened], phone: bool, dark: bool) -> None:
    seen = opened(each(), Line(LINE), phone=phone, dark=dark)
    seen.clean()
    assert seen.page.locator("article.look").count() == 4
    assert seen.page.locator(".note").all_inner_texts() == [
        "This model has no attention: how it moves with the source is seen by its gradients alone."
    ]
    assert seen.page.locator("canvas").count() == 4
    assert seen.page.locator("figure svg").count() == 3 * 4  # states and gates, of both sides; a Transformer has none
    sums = seen.page.evaluate(SUMS)
    assert sums == pytest.approx([1] * len(sums), abs=1e-3)
    tops = [box["y"] for box in (one.bounding_box() for one in seen.page.locator("article.look").all())]
    assert (tops[0] == tops[1]) != phone


def test_attention_is_pointed_at_and_stepped_through(opened: Callable[..., Opened]) -> None:
    seen = opened(each()[2:3], Line(LINE))
    page = seen.page
    output = page.locator(".matrix output")
    box = page.locator("canvas").bounding_box()
    page.locator("canvas").hover(position={"x": box["width"] - 5, "y": box["height"] - 5})
    rows, columns = page.evaluate("[LOOKS[0][0].parts[0].target.length, LOOKS[0][0].parts[0].source.length]")
    assert output.get_attribute("data-row") == str(rows - 1)
    assert output.get_attribute("data-column") == str(columns - 1)
    page.mouse.move(0, 0)
    page.locator(".matrix select").nth(1).focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "CANVAS"
    page.keyboard.press("Home")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    row, column = rows - 2, 1
    assert output.get_attribute("data-row") == str(row)
    assert output.get_attribute("data-column") == str(column)
    heads = [value(page, row, column, f"[{head}]") for head in range(4)]
    assert float(output.get_attribute("data-value")) == pytest.approx(sum(heads) / 4)
    page.locator(".matrix select").nth(1).select_option("3")
    assert output.inner_text().endswith(f": {heads[2]:.4f}")
    page.locator(".matrix select").first.select_option(label="gradients (translation → source)")
    assert float(output.get_attribute("data-value")) == value(page, row, column, "", "saliency")
    page.locator(".matrix select").first.select_option(label="source → itself")
    assert float(output.get_attribute("data-value")) <= 1
    seen.clean()


def test_a_piece_shows_what_it_was_preferred_to(opened: Callable[..., Opened]) -> None:
    (model,) = each()[:1]
    seen = opened((model,), Line(LINE))
    page = seen.page
    part = page.evaluate("LOOKS[0][0].parts[0]")
    page.locator(".pieces button").nth(1).click()
    rows = page.locator(".pieces + .beside tbody tr").all_inner_texts()
    nodes = {node["number"]: node for node in part["tree"]}
    for number in part["target"][1]["others"]:
        assert any(row.startswith(nodes[number]["piece"]) for row in rows)
    assert any("this one" in row for row in rows)
    assert page.locator(".matrix output").get_attribute("data-row") == "1"
    page.locator(".pieces button").nth(1).press("Enter")
    assert page.locator(".pieces + .beside tbody tr").count() == 0
    (best,) = page.locator(".tree li.best").all_inner_texts()
    (wanted,) = model.window([Line(LINE)])
    assert f"score {wanted.score:.4f}" in best
    assert page.locator(".tree li").count() > 1
    page.locator(".links button").first.focus()
    assert page.locator(".links button.lit").count() == 1 + sum(source == 0 for source, _ in seen_links(page))
    seen.clean()


def seen_links(page: Any) -> list[list[int]]:
    return page.evaluate("LOOKS[0][0].links")  # type: ignore[no-any-return]


def test_text_is_text(opened: Callable[..., Opened]) -> None:
    lines = [Line(text, number=number) for number, text in enumerate(HOSTILE)]
    seen = opened((made(longest=200),), *lines, Pair(HOSTILE[0], HOSTILE[-1], len(HOSTILE)))
    seen.clean()
    assert seen.page.locator("h2").all_inner_texts()[: len(HOSTILE)] == HOSTILE
    assert seen.page.locator("h2 *").count() == 0
    words = seen.page.locator("article").first.locator(".links p").first.locator("button").all_inner_texts()
    assert words == HOSTILE[0].split()


def test_from_right_to_left(opened: Callable[..., Opened]) -> None:
    seen = opened((made(longest=200),), Pair("שלום עולם", "one two"), phone=True)
    seen.clean()
    sides = [
        [one.bounding_box()["x"] for one in side.locator("button").all()]
        for side in seen.page.locator(".links p").all()
    ]
    assert sides[0] == sorted(sides[0], reverse=True)
    assert sides[1] == sorted(sides[1])


@pytest.mark.parametrize("phone", [False, True])
def test_a_sentence_of_five_hundred_pieces(opened: Callable[..., Opened], phone: bool) -> None:
    source, target = " ".join(["dog"] * 500), " ".join(["Hund"] * 300)
    seen = opened(long(), Pair(source, target), phone=phone)
    seen.clean()
    page = seen.page
    assert page.evaluate("LOOKS[0][0].parts[0].source.length") > 500
    page.locator("canvas").focus()
    page.keyboard.press("End")
    page.keyboard.press("PageDown")
    output = page.locator(".matrix output")
    row, column = int(output.get_attribute("data-row")), int(output.get_attribute("data-column"))
    assert (row, column) == (10, page.evaluate("LOOKS[0][0].parts[0].source.length") - 1)
    assert float(output.get_attribute("data-value")) == value(page, row, column, "[0]")
    assert page.locator(".matrix .scroll").evaluate("one => one.scrollLeft") > 0
    seen.clean()
