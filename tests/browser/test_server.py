"""The page of a server, as people use it: typing, by mouse and by keyboard, on a phone and in the dark."""

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mtkit.server.access import add_key
from tests.browser.conftest import DESK, PHONE, Browser
from tests.system.serving import Serving
from tests.translator.small import LINES, written

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    root = tmp_path_factory.mktemp("served")
    pairs = [("en", "de"), ("de", "en")]
    models = [written(root / "-".join(pair), seed, languages=pair) for seed, pair in enumerate(pairs, 3)]
    (root / "memory.tsv").write_text("my house\tmein Haus\n")
    (root / "terms.tsv").write_text("cat\tKatze\n")
    helped = ("--memory", "en-de=memory.tsv", "--fuzzy", "0.6", "--glossary", "en-de=terms.tsv")
    made = Serving(root, models, "--suggestions", "kept.db", *helped)
    yield made
    assert made.end() == (0, "")


class Visit:
    """The page opened, and what it complained of or asked for."""

    def __init__(self, browser: Browser, server: Serving, phone: bool = False, dark: bool = False, **more: Any) -> None:
        scheme = "dark" if dark else "light"
        context = browser._browser.new_context(viewport=PHONE if phone else DESK, color_scheme=scheme, **more)
        self.page, self.troubles, self.hosts = context.new_page(), list[str](), set[str]()
        self.page.on("console", lambda m: self.troubles.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("request", lambda r: self.hosts.add("/".join(r.url.split("/")[:3])))
        self.page.goto(server.url)
        self.page.wait_for_selector("#to option[value=de]", state="attached")
        self.server = server

    def type(self, text: str) -> str:
        """Type text; its translation."""
        with self.page.expect_response("**/page/translate"):
            self.page.fill("#source", text)
        self.page.wait_for_selector("#target:not(.old)")
        return str(self.page.inner_text("#target"))

    def clean(self) -> None:
        """Nothing went wrong, nothing is wider than the window, and nobody else was asked."""
        assert self.troubles == []
        assert {one for one in self.hosts if not one.startswith("data:")} == {self.server.url}
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{wide} pixels wider than the window"


def test_typing_hovering_alternatives_and_history(browser: Browser, server: Serving) -> None:
    visit = Visit(browser, server)
    page = visit.page
    text = f"{LINES[0]}\n\n{LINES[1]}"
    made = visit.type(text)
    expected = server.ask("/translate", {"q": text, "source": "en", "target": "de", "alternatives": 4})
    assert made.split() == expected["translatedText"].split()
    assert page.inner_text("#count").startswith(str(len(text)))
    words = page.locator("#target .word")
    words.nth(1).hover()
    assert page.locator(".word.here").count() == 1
    assert page.locator("#reading .word").count() == len(LINES[0].split())
    assert page.locator("#reading .linked").count() >= 1
    assert "%" in (words.nth(1).get_attribute("title") or "")
    assert page.locator("#alternatives li").count() == len(expected["alternatives"])
    assert page.locator("#history li").count() == 1
    page.reload()
    assert page.locator("#history li").count() == 1
    page.locator("#history button").first.click()
    page.wait_for_selector("#target .word")
    assert page.input_value("#source") == text
    page.click("#forget")
    assert page.locator("#history li").count() == 0
    visit.clean()


def test_swapping_and_an_error(browser: Browser, server: Serving) -> None:
    visit = Visit(browser, server)
    page = visit.page
    page.select_option("#from", "en")
    made = visit.type(LINES[1])
    with page.expect_response("**/page/translate"):
        page.click("#swap")
    assert (page.input_value("#from"), page.input_value("#to")) == ("de", "en")
    assert page.input_value("#source") == made
    page.route("**/page/translate", lambda route: route.fulfill(status=429, json={"error": "ask again in a moment"}))
    visit.type(LINES[0])
    assert page.inner_text("#error") == "ask again in a moment"
    page.unroute("**/page/translate")
    visit.type(LINES[0])
    assert page.locator("#error").is_hidden()
    visit.troubles = [one for one in visit.troubles if "429" not in one]
    visit.clean()


def test_a_file_is_given_back(browser: Browser, server: Serving) -> None:
    visit = Visit(browser, server)
    page = visit.page
    page.select_option("#from", "en")
    file = {"name": "a.json", "mimeType": "application/json", "buffer": json.dumps({"name": LINES[1]}).encode()}
    page.set_input_files("#file", file)
    page.wait_for_selector("#made a")
    with page.expect_download() as download:
        page.click("#made a")
    assert download.value.suggested_filename == "a_de.json"
    expected = server.ask("/translate", {"q": LINES[1], "source": "en", "target": "de"})["translatedText"]
    assert json.loads(Path(download.value.path()).read_text()) == {"name": expected}
    page.set_input_files("#file", file | {"buffer": b"{"})
    page.wait_for_selector("#error:not([hidden])")
    assert "a.json" in page.inner_text("#error")
    assert "JSON" in page.inner_text("#error")
    visit.troubles = [one for one in visit.troubles if "400" not in one]
    visit.clean()


def test_a_key_is_asked_for_where_one_is_needed(browser: Browser, server: Serving, tmp_path: Path) -> None:
    (tmp_path / "keys.toml").touch()
    key = add_key("me", tmp_path / "keys.toml")
    model = written(tmp_path / "en-de")
    closed = Serving(tmp_path, [model], "--keys", "keys.toml", "--require-key")
    visit = Visit(browser, closed)
    visit.type(LINES[1])
    assert "API key" in visit.page.inner_text("#error")
    with visit.page.expect_response("**/page/translate"):
        visit.page.fill("#key", key)
        visit.page.press("#key", "Enter")
    visit.page.wait_for_selector("#target .word")
    assert visit.page.locator("#error").is_hidden()
    visit.troubles = [one for one in visit.troubles if "403" not in one]
    visit.clean()
    assert closed.end() == (0, "")


def test_markup_in_a_text_is_text(browser: Browser, server: Serving) -> None:
    visit = Visit(browser, server)
    visit.type("<img src=x onerror=alert(1)> the <b>dog</b>")
    assert visit.page.locator("#target img, #target b, #reading img, #history img").count() == 0
    visit.clean()


def test_by_keyboard_alone(browser: Browser, server: Serving) -> None:
    visit = Visit(browser, server)
    page = visit.page
    with page.expect_response("**/page/translate"):
        page.keyboard.type(LINES[1])  # the text has the focus
    page.wait_for_selector("#target .word")
    seen = list[str]()
    for _ in range(12):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id"))
        if seen[-1] == "target":
            break
    assert {"clear", "to", "target"} <= set(seen)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.className").split()[0] == "word"
    assert page.locator("#reading .word").count() == len(LINES[1].split())
    page.focus("#better")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "suggested"
    page.keyboard.press("Control+A")
    page.keyboard.type("eins zwei")
    page.keyboard.press("Tab")
    with page.expect_response("**/suggest") as answered:
        page.keyboard.press("Enter")
    assert answered.value.json() == {"success": True}
    visit.clean()


@pytest.mark.parametrize(("locale", "said"), [("de-DE", "Übersetzung"), ("ko-KR", "번역"), ("fr-FR", "Translation")])
def test_on_a_phone_in_the_dark_in_each_language(browser: Browser, server: Serving, locale: str, said: str) -> None:
    visit = Visit(browser, server, phone=True, dark=True, locale=locale)
    visit.type(" ".join(LINES) + " " + "x" * 90)
    assert visit.page.get_attribute("#target", "aria-label") == said
    ground = visit.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert max(int(one) for one in ground.strip("rgb()").split(",")) < 60
    visit.clean()
    visit.page.goto(f"{server.url}/docs")
    visit.clean()


def test_what_comes_from_the_memory_and_terms_are_marked(browser: Browser, server: Serving) -> None:
    visit = Visit(browser, server)
    page = visit.page
    page.select_option("#from", "en")
    assert visit.type("my house") == "mein Haus"
    assert page.locator("#target .memory .word").all_inner_texts() == ["mein", "Haus"]
    assert page.inner_text("#model") == "from the memory"
    assert page.locator("#remarks li").all_inner_texts() == ["from the memory"]
    assert page.locator("#target .word").first.get_attribute("title") == "from the memory"
    visit.type("my house\nthe cat\nmy small house")
    assert page.inner_text("#model") == "en-de + from the memory"
    remarks = page.locator("#remarks li").all_inner_texts()
    assert "from the memory (line 1)" in remarks
    assert "term: cat → Katze (line 2)" in remarks
    assert "by the model, after what the memory has of like text (line 3)" in remarks
    marked = page.locator("#target .term")
    assert marked.count() >= 1
    assert all("katze" in one.lower() for one in marked.all_inner_texts())
    assert "term: cat" in (marked.first.get_attribute("title") or "")
    page.select_option("#tongue", "de")
    assert "aus dem Übersetzungsspeicher (Zeile 1)" in page.locator("#remarks li").all_inner_texts()
    page.fill("#source", "")
    page.wait_for_selector("#remarks", state="hidden")
    visit.clean()


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_no_serious_fault(browser: Browser, server: Serving, dark: bool) -> None:
    reason = "axe-playwright-python is not installed: make system installs it"
    pytest.importorskip("axe_playwright_python", reason=reason)
    axe = importlib.import_module("axe_playwright_python.sync_playwright").Axe()

    def faults(visit: Visit) -> list[str]:
        found = axe.run(visit.page).response["violations"]
        serious = [one for one in found if one["impact"] in ("serious", "critical")]
        return [f"{one['id']}: {node['html']}" for one in serious for node in one["nodes"]]

    for phone in (False, True):
        visit = Visit(browser, server, phone=phone, dark=dark)
        page = visit.page
        assert faults(visit) == []
        page.select_option("#from", "en")
        visit.type("my house\nthe cat\nmy small house")
        page.locator("#target .word").first.hover()
        page.click("#better")
        assert faults(visit) == []
        page.route("**/page/translate", lambda route: route.fulfill(status=429, json={"error": "ask again"}))
        visit.type(LINES[0])
        assert page.locator("#error").is_visible()
        assert faults(visit) == []
        page.goto(f"{server.url}/docs")
        assert faults(visit) == []
