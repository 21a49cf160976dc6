"""What all pages share, in a browser: the style, figures in light and dark, text that stays text."""

from pathlib import Path

import pytest
from jinja2 import DictLoader

from mtkit.report import page
from mtkit.report.plots import Series, bars, curves
from tests.browser.conftest import Browser
from tests.report.test_page import HOSTILE

pytestmark = pytest.mark.browser
MINE = """{% extends "base.html" %}{% block main %}<h2>Text</h2>{% for one in texts %}<p>{{ one }}</p>{% endfor %}
<div class="figures">{% for one in figures %}<figure>{{ one }}</figure>{% endfor %}</div>
<div class="scroll"><table><tr>{% for n in range(60) %}<td class="number">{{ n }}</td>{% endfor %}</tr></table></div>
<script type="application/json" id="value">{{ texts|data }}</script>{% endblock %}"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from markupsafe import Markup

    files = {file.name: file.read_text(encoding="utf-8") for file in page.TEMPLATES.iterdir()}
    monkeypatch.setattr(page, "_ENVIRONMENT", page._environment())
    page._ENVIRONMENT.loader = DictLoader(files | {"mine.html": MINE})
    figures = [
        curves(
            [Series("one", [1, 2, 3], [3, 2, 1]), Series("two", [1, 2, 3], [1, 2, 3])],
            title="Loss",
            x="updates",
            y="nats",
        ),
        bars(["1 to 5", "6 to 10"], {"a": [3, 5], "b": [4, 4]}, title="Scores", x="pieces", y="BLEU"),
    ]
    made = tmp_path / "page.html"
    values = {"title": HOSTILE[0], "texts": [*HOSTILE, "x" * 600], "figures": [Markup(one) for one in figures]}
    made.write_text(page.render("mine.html", values), encoding="utf-8")
    return made


@pytest.mark.parametrize("phone", [False, True])
@pytest.mark.parametrize("dark", [False, True])
def test_a_page_opens(file: Path, browser: Browser, phone: bool, dark: bool) -> None:
    opened = browser.open(file, phone=phone, dark=dark)
    opened.clean()
    assert opened.page.title() == HOSTILE[0]
    assert opened.page.locator("p").all_inner_texts()[0] == HOSTILE[0]
    assert opened.page.evaluate("JSON.parse(document.getElementById('value').textContent)")[:-1] == HOSTILE
    assert opened.page.locator("figure svg").count() == 2
    ground = opened.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert ground == ("rgb(20, 23, 27)" if dark else "rgb(255, 255, 255)")
    ink = opened.page.evaluate("getComputedStyle(document.querySelector('figure svg text')).fill")
    assert ink != ground
