"""Pages opened in Debian's chromium, as people open them: from a file."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}


class Opened:
    """A page in a browser, and what it complained of or asked for.

    Attributes:
        page: playwright's.
        troubles: messages of the console above information, and errors of scripts.
        requests: addresses that were asked for, the page's own left out.
    """

    def __init__(self, page: Any, file: Path) -> None:
        self.page = page
        self.troubles: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda m: self.troubles.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("request", lambda r: self.requests.append(r.url) if r.url != file.as_uri() else None)
        page.goto(file.as_uri())

    def clean(self) -> None:
        """Nothing went wrong, nothing was asked for, and nothing is wider than the window."""
        assert not self.troubles
        assert not self.requests
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{wide} pixels wider than the window"


class Browser:
    """Opens files."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser

    def open(self, file: Path, *, phone: bool = False, dark: bool = False) -> Opened:
        """A file, on a phone's width or a desk's."""
        context = self._browser.new_context(viewport=PHONE if phone else DESK, color_scheme="dark" if dark else "light")
        return Opened(context.new_page(), file)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("there is no chromium here: apt-get install chromium, or name one by CHROMIUM")
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    with sync.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"] if os.getuid() == 0 else []
        )
        yield Browser(started)
        started.close()
