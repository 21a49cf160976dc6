"""The page of a sentence from plain values: whole even where there is nothing to draw with."""

import json
import re
from typing import Any

import pytest

from mtkit.errors import MtkitError
from mtkit.report import look
from tests.report.test_page import HOSTILE

PART: dict[str, Any] = {
    "source": ["▁a", "</s>"],
    "fields": [[0, 0], [1, 1]],
    "target": [{"piece": "</s>", "logprob": -0.5, "others": []}],
    "text": "",
    "score": -0.5,
    "logprob": -0.5,
    "attention": [],
    "saliency": None,
    "norms": [
        {"side": side, "where": "layer 1", "what": what, "values": [0.1, 0.2]}
        for side in ("source", "target")
        for what in ("state", "update gate")
    ],
    "tree": [],
    "best": 1,
}


def line(text: str, number: int = 0, **more: Any) -> dict[str, Any]:
    one = {
        "model": text,
        "source": text,
        "translation": text,
        "forced": False,
        "links": [],
        "parts": [PART],
        "notes": [],
    }
    return {"id": number, "looks": [one | {"source_words": [text], "target_words": [text]} | more]}


def test_all_is_there_and_text_stays_text() -> None:
    lines = [line(text, number, notes=[f"it is {text}"]) for number, text in enumerate(HOSTILE)]
    html = look.page(lines)
    (inside,) = re.findall(r'<script type="application/json" id="looks">(.*?)</script>', html, re.DOTALL)
    assert json.loads(inside) == [one["looks"] for one in lines]
    assert html.count("<script") == 2  # the data, and ours
    assert html.count("<svg") == 4 * len(HOSTILE)
    assert "Gradients</h3>" not in html
    assert "It is &lt;script&gt;" in html


def test_without_anything_to_draw_with_the_rest_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any, **__: Any) -> str:
        raise MtkitError("matplotlib is not installed")

    monkeypatch.setattr(look, "curves", none)
    html = look.page([line("a")])
    assert "<svg" not in html
    assert html.count("matplotlib is not installed") == 1
    assert 'class="pieces"' in html


def test_a_line_without_parts_and_one_that_is_given() -> None:
    html = look.page([line("7", parts=[])])
    assert 'class="part"' not in html
    assert "made to say" in look.page([line("a", forced=True)])
