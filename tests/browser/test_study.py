"""The pages of studies in a browser: nothing is asked for, nothing runs, and the numbers are those of the results."""

from pathlib import Path

import pytest

from mtkit.jobs.studying.runner import publish
from mtkit.report.study import number
from mtkit.store import study
from tests.browser.conftest import Browser
from tests.studying.sample import results

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("studies")
    for name in ("one", "cells"):
        publish(results(name), made)
    return made


@pytest.mark.parametrize("phone", [False, True])
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["one", "index"])
def test_the_pages_open(folder: Path, browser: Browser, name: str, phone: bool, dark: bool) -> None:
    opened = browser.open(folder / f"{name}.html", phone=phone, dark=dark)
    opened.clean()
    assert opened.page.locator("script").count() == 0
    assert opened.page.locator("figure svg").count() == (5 if name == "one" else 2)
    assert opened.page.locator(".claim").first.inner_text() == results().claim
    assert opened.page.locator(".verdict").first.inner_text() == "✗ does not hold here"


def test_its_numbers_are_those_of_the_results(folder: Path, browser: Browser) -> None:
    opened = browser.open(folder / "one.html")
    kept = study.results(folder / "one.json")
    head = opened.page.locator("table").first.locator("th[scope=col]").all_inner_texts()
    rows = opened.page.locator("table").first.locator("tr").all()[1:]
    assert [row.locator("th").inner_text() for row in rows] == [", ".join(variant) for variant in kept.variants]
    for row, variant in zip(rows, kept.variants, strict=True):
        values = sorted(run.values["bleu"] or 0.0 for run in kept.of(variant))
        low, middle, high = map(number, values)
        assert row.locator("td").nth(head.index("bleu") - 1).inner_text() == f"{middle} ({low} to {high})"


def test_the_story_leads_to_each_page(folder: Path, browser: Browser) -> None:
    opened = browser.open(folder / "index.html")
    titles = opened.page.locator("h2").all_inner_texts()
    assert [title.split(".")[0] for title in titles] == ["1", "2"]
    assert opened.page.locator("section").first.get_attribute("id") == "cells", "the story's own order"
    opened.page.locator("section a").first.click()
    opened.page.wait_for_url("**/cells.html")
