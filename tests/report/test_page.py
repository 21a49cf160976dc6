"""A page stands by itself, and what comes from data stays text."""

import json
import re
from pathlib import Path

import pytest
from jinja2 import DictLoader, UndefinedError

from mtkit.report import page

HOSTILE = ["<script>alert(1)</script>", "</script><script>alert(1)//", "<!--", "]]>", "a & \"b\" 'c'", "\u2028", "שלום"]


@pytest.fixture
def templates(monkeypatch: pytest.MonkeyPatch) -> None:
    main = '{{ text }}<script type="application/json">{{ value|data }}</script>{{ none|number }} {{ 1234.5|number(1) }}'
    mine = {"mine.html": '{% extends "base.html" %}{% block main %}' + main + "{% endblock %}"}
    files = {file.name: file.read_text(encoding="utf-8") for file in page.TEMPLATES.iterdir()}
    monkeypatch.setattr(page, "_ENVIRONMENT", page._environment())
    page._ENVIRONMENT.loader = DictLoader(files | mine)


@pytest.mark.usefixtures("templates")
@pytest.mark.parametrize("text", HOSTILE)
def test_text_stays_text(text: str) -> None:
    html = page.render("mine.html", {"title": text, "text": text, "value": {text: [text]}, "none": None})
    (inside,) = re.findall(r'application/json">(.*?)</script>', html, re.DOTALL)
    assert json.loads(inside) == {text: [text]}
    assert html.count("<script") == 1
    assert "<!--" not in html
    assert "– 1,234.5" in html


@pytest.mark.usefixtures("templates")
def test_a_page_asks_for_nothing_and_follows_only_when_asked() -> None:
    values: dict[str, object] = {"title": "t", "text": "", "value": [], "none": None}
    html = page.render("mine.html", values)
    assert "default-src 'none'" in html
    assert not re.search(r"https?://|@import|url\(|<link|\ssrc=", html)
    assert "refresh" not in html
    assert '<meta http-equiv="refresh" content="5">' in page.render("mine.html", values, reload=5)
    with pytest.raises(UndefinedError):
        page.render("mine.html", {"title": "t"})
    with pytest.raises(ValueError, match="not JSON compliant|Out of range"):
        page.render("mine.html", values | {"value": float("nan")})


def test_both_colour_schemes_name_the_same() -> None:
    light, dark = re.findall(
        r":root \{(.*?)\}", (Path(page.TEMPLATES) / "page.css").read_text(encoding="utf-8"), re.DOTALL
    )
    assert set(re.findall(r"(--[\w-]+):", light)) == set(re.findall(r"(--[\w-]+):", dark))
