"""The page on a text before training, in a browser."""

from pathlib import Path

import pytest

from mtkit.report.audit import page
from tests.browser.conftest import Browser
from tests.report.test_audit import facts

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("phone", [False, True])
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("corpora", [1, 2])
def test_it_opens(tmp_path: Path, browser: Browser, corpora: int, phone: bool, dark: bool) -> None:
    file = tmp_path / "audit.html"
    file.write_text(page(facts(corpora)), encoding="utf-8")
    opened = browser.open(file, phone=phone, dark=dark)
    opened.clean()
    assert opened.page.locator("script").count() == 0
    assert opened.page.locator("details[open]").count() == 3
    opened.page.locator("a", has_text="near_duplicates").click()
    assert opened.page.locator("#near_duplicates td.mark").first.inner_text() == "stays"
    closed = opened.page.locator("details", has_text="language").last
    assert not closed.locator("table").is_visible()
    closed.locator("summary").click()
    assert closed.locator("table").first.is_visible()
    opened.clean()
