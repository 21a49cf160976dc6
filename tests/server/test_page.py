"""What the page asks for and is told, and the pages on what there is."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtkit.server.access import Access, Limits
from mtkit.server.app import Holdings, Settings, make
from mtkit.server.batcher import Batcher
from mtkit.server.glossaries import Glossaries
from mtkit.server.models import Models
from mtkit.server.page import sureness, told, words_of
from mtkit.server.service import Service
from mtkit.server.stored import Stored
from mtkit.text.terms import Told
from mtkit.translator.request import Candidate, Translation
from mtkit.translator.translator import Translator
from tests.server.asking import Served
from tests.translator.small import LINES

Serve = Callable[..., Served]


@pytest.fixture
def real(bundles: dict[str, Path]) -> Any:
    """A server over a model."""

    class Real(Served):
        def __init__(self) -> None:
            self.stubs = {}
            self.batcher = Batcher(1)
            self.service = Service(Models([bundles["en-de"]], Translator.load), self.batcher)
            self.stored = Stored()
            self.app = make(self.service, Access(), Holdings(self.stored, Glossaries()), Settings())

    made = Real()
    yield made
    made.close()


def test_translations_are_those_of_the_translator(real: Served, bundles: dict[str, Path]) -> None:
    alone = Translator.load(bundles["en-de"])
    lines = [line for line in LINES if line]
    expected = alone.translate(lines, n_best=3, guard=True)
    made = real.translate(lines, alternatives=2).value
    assert made["translatedText"] == [one.text for one in expected]
    assert made["alternatives"] == [[c.text for c in one.candidates[1:] if c.text != one.text] for one in expected]
    assert real.translate("\n".join(lines)).value["translatedText"] == "\n".join(one.text for one in expected)


def test_the_page_is_told_links_and_how_sure_the_model_is(real: Served, bundles: dict[str, Path]) -> None:
    text = f"{LINES[0]}\n\n{LINES[1]}"
    made = real.ask("/page/translate", {"q": text, "target": "de"}).value
    expected = Translator.load(bundles["en-de"]).translate(
        [LINES[0], LINES[1]], n_best=5, align=True, details=True, guard=True
    )
    assert made["text"] == f"{expected[0].text}\n\n{expected[1].text}"
    assert made["detected"] == {"language": "en", "confidence": pytest.approx(1, abs=0.5)}
    assert made["model"] == "en-de"
    assert made["lines"] == json.loads(json.dumps([told(one) for one in expected]))
    for line, one in zip(made["lines"], expected, strict=True):
        assert line["words"] == one.text.split()
        assert line["source"] == one.source.split()
        assert [tuple(link) for link in line["links"]] == one.candidates[0].alignment


def test_how_sure_a_word_is_is_the_product_of_its_pieces() -> None:
    logprobs = [math.log(p) for p in (0.5, 0.5, 0.9, 0.1)]
    best = Candidate("ein Haus", -1.0, -1.0, ["▁ein", "▁Ha", "us"], logprobs)
    assert sureness(best, 2) == [0.5, 0.45]
    assert sureness(best, 3) == []  # the text is not that of the pieces any more
    assert told(Translation(" ", [])) == {
        "source": [],
        "words": [],
        "sure": [],
        "links": [],
        "origin": "model",
        "warnings": [],
        "terms": [],
    }


@pytest.mark.parametrize(
    ("target", "text", "places"),
    [
        ("Konto|Konten", "Die Konten und das konto.", [1, 4]),
        ("Rechnung*", "Alle Rechnungen (Rechnung)", [1, 2]),
        ("in", "inzwischen in Berlin", [1]),
        ("offenes Konto", "Ein offenes Konto, ja", [1, 2]),
        ("Straße", "STRASSE um Straße.", [0, 2]),
        ("파일", "내 파일을 저장", [1]),
        ("文件", "保存文件夹 x", [0]),
    ],
)
def test_the_words_that_are_a_term_are_found(target: str, text: str, places: list[int]) -> None:
    assert words_of(Told("x", target, True), text.split()) == places
    assert words_of(Told("x", target, False), text.split()) == []


def test_the_files_of_the_page_and_no_page(serve: Serve) -> None:
    served = serve("en-de", access=Access(limits=Limits(characters=5)))
    kinds = {"/": "text/html", "/page/page.js": "text/javascript", "/page/page.css": "text/css"}
    for path, kind in kinds.items():
        answer = served.ask(path)
        assert answer.status == 200
        assert answer.headers["content-type"].startswith(kind)
    assert b"://" not in served.ask("/").body
    answer = served.ask("/page/translate", {"q": "123456", "target": "de"})
    assert answer.status == 400
    assert "6 characters, at most 5" in answer.value["error"]
    without = serve("en-de", settings=Settings(has_page=False))
    assert [without.ask(path).status for path in ("/", "/page/page.js", "/docs")] == [404, 404, 200]


def test_what_can_be_asked_is_a_document_and_a_page(serve: Serve) -> None:
    served = serve("en-de")
    document = served.ask("/spec").value
    expected = {"/translate", "/detect", "/languages", "/suggest", "/frontend/settings", "/health", "/metrics"}
    assert expected | {"/v2/translate", "/v2/languages", "/v2/usage"} <= set(document["paths"])
    taken = document["paths"]["/translate"]["post"]["requestBody"]["content"]
    assert set(taken) == {"application/json", "application/x-www-form-urlencoded", "multipart/form-data"}
    assert taken["application/json"]["schema"]["properties"]["source"]["enum"] == ["auto", "de", "en"]
    for path, method, status, kind in (
        ("/translate", "post", "429", "application/json"),
        ("/v2/glossaries", "post", "201", "application/json"),
        ("/v2/glossaries/{name}/entries", "get", "200", "text/tab-separated-values"),
        ("/download_file/{name}", "get", "200", "application/octet-stream"),
        ("/metrics", "get", "200", "text/plain"),
    ):
        assert list(document["paths"][path][method]["responses"][status]["content"]) == [kind]
    assert "content" not in document["paths"]["/v2/glossaries/{name}"]["delete"]["responses"]["204"]
    for path, name in (("/translate", "error"), ("/v2/translate", "message")):
        refused = document["paths"][path]["post"]["responses"]["400"]["content"]["application/json"]["schema"]
        assert refused["required"] == [name]
    page = served.ask("/docs").body.decode()
    for path in document["paths"]:
        assert f"<code>POST {path}</code>" in page or f"<code>GET {path}</code>" in page
    assert "curl http://test/translate -H" in page
    hostile = served.ask("/docs", headers={"host": "<script>alert(1)</script>"}).body
    assert b"<script" not in hostile
