"""What requests are held to, what answers say, and who is gone before there is one."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from mtkit.server.app import Settings
from mtkit.server.limits import HEADERS, Held
from tests.server.asking import JSON, Answer, Served, ask
from tests.server.test_models import until

Serve = Callable[..., Served]
BODY = json.dumps({"q": "a dog", "source": "en", "target": "de"}).encode()


def asked(served: Served, chunks: list[bytes], headers: dict[str, str] | None = None, **more: Any) -> Answer:
    return asyncio.run(ask(served.app, "/translate", chunks, JSON | (headers or {}), **more))


def test_a_body_that_is_too_large_with_and_without_its_length(serve: Serve) -> None:
    served = serve("en-de", settings=Settings(largest=1000))
    said = asked(served, [b"never read"], {"content-length": "1001"})
    found = asked(served, [b"x" * 600, b"x" * 600, b"never read"])
    for answer in (said, found):
        assert answer.status == 413
        assert answer.value == {"error": "the request has more than 1,000 bytes: send it in parts"}
        assert answer.headers["connection"] == "close"
    assert asked(served, [b"x"], {"content-length": "9" * 5000}).status == 413
    assert asked(served, [BODY[:9], BODY[9:]], {"content-length": "1000"}).status == 200


def test_a_body_that_does_not_come(serve: Serve) -> None:
    served = serve("en-de")
    held = served.app.app  # type: ignore[attr-defined]
    assert isinstance(held, Held)
    held.slow = 0.05
    answer = asked(served, [BODY[:9], BODY[9:]], wait=lambda: asyncio.sleep(30))
    assert answer.status == 408
    assert "did not come within" in answer.value["error"]
    assert answer.headers["connection"] == "close"
    # Once it is there, the translation may take its time.
    assert asked(served, [BODY]).status == 200


def test_whoever_goes_amid_his_request(serve: Serve) -> None:
    served = serve("en-de")
    assert asked(served, [BODY[:9], b""], gone=True).status == 400  # half a body that says it is whole

    async def half() -> Answer:
        async def receive() -> dict[str, Any]:
            return parts.pop(0)

        parts: list[dict[str, Any]] = [
            {"type": "http.request", "body": BODY[:9], "more_body": True},
            {"type": "http.disconnect"},
        ]
        said: list[Any] = []

        async def send(message: Any) -> None:
            said.append(message)

        scope = {"type": "http", "method": "POST", "path": "/translate", "query_string": b"", "headers": []}
        await served.app(scope | {"client": None, "root_path": "", "server": ("x", 1), "scheme": "http"}, receive, send)
        return Answer(said[0]["status"], {}, b"")

    assert asyncio.run(half()).status == 499


def test_whoever_goes_before_the_answer_frees_his_place(serve: Serve) -> None:
    served = serve("en-de")
    served.translate("load it")
    stub = served.stubs["en-de"]
    stub.gate.clear()

    async def some() -> list[Any]:
        busy = asyncio.ensure_future(ask(served.app, "/translate", [BODY], JSON))
        await asyncio.to_thread(stub.begun.acquire)
        await asyncio.to_thread(stub.begun.acquire)
        gone = await ask(served.app, "/translate", [BODY.replace(b"a dog", b"nobody")], JSON, gone=True)
        stub.gate.set()
        return [gone.status, (await busy).value]

    assert asyncio.run(some()) == [499, {"translatedText": "de:a dog"}]
    assert served.translate("end").status == 200
    until(lambda: served.batcher.lines_waiting == 0)
    assert not any("nobody" in window for window in stub.windows)


def test_a_queue_that_is_full_and_time_that_is_over(serve: Serve) -> None:
    served = serve("en-de", most=3, seconds=0.2)
    served.translate("load it")
    stub = served.stubs["en-de"]
    stub.begun.acquire()
    stub.gate.clear()

    async def some() -> list[Answer]:
        busy = asyncio.ensure_future(ask(served.app, "/translate", [BODY], JSON))
        await asyncio.to_thread(stub.begun.acquire)
        late = asyncio.ensure_future(ask(served.app, "/translate", [BODY], JSON))
        while not served.batcher.lines_waiting:
            await asyncio.sleep(0.001)
        full = await ask(served.app, "/translate", [BODY.replace(b"a dog", b"1\\n2\\n3")], JSON)
        await asyncio.sleep(0.25)
        stub.gate.set()
        return [await busy, await late, full]

    busy, late, full = asyncio.run(some())
    assert busy.status == 200
    assert (late.status, full.status) == (503, 429)
    assert late.headers["retry-after"] == full.headers["retry-after"] == "1"
    assert "longer than a request may take" in late.value["error"]
    assert "lines wait already" in full.value["error"]


def test_every_answer_has_headers_of_safety(serve: Serve) -> None:
    served = serve("en-de", settings=Settings(largest=1000))
    answers = [served.ask(path) for path in ("/", "/docs", "/page/page.js", "/nothing", "/languages", "/metrics")]
    answers += [asked(served, [b""], {"content-length": "2000"}), served.translate("x"), served.translate(7)]
    for answer in answers:
        for name, value in HEADERS.items():
            assert answer.headers[name] == value
    assert "unsafe" not in HEADERS["content-security-policy"]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_pages_of_elsewhere_may_not_ask_unless_they_are_named(serve: Serve, site: str) -> None:
    there = {"sec-fetch-site": site, "origin": "https://there.example"}
    served = serve("en-de")
    answer = asked(served, [BODY], there)
    assert answer.status == 403
    assert "names them" in answer.value["error"]
    for own in ({"sec-fetch-site": "same-origin", "origin": "http://test"}, {"sec-fetch-site": "none"}, {}):
        assert asked(served, [BODY], own).status == 200
    for named in ("https://there.example", "*"):
        opened = serve("en-de", settings=Settings(origins=[named]))
        answer = asked(opened, [BODY], there)
        assert answer.status == 200
        assert answer.headers["access-control-allow-origin"] == named
    assert asked(opened, [BODY]).status == 200
    assert asked(serve("en-de", settings=Settings(origins=["https://else.example"])), [BODY], there).status == 403


def test_requests_are_counted_by_what_they_asked_for(serve: Serve) -> None:
    served = serve("en-de")
    for path in ("/nothing", "/nothing/else", "/languages"):
        served.ask(path)
    served.translate("x")
    served.translate(7)
    text = served.ask("/metrics").body.decode()
    for line in (
        'mtkit_requests_total{path="other",status="404"} 2.0',
        'mtkit_requests_total{path="/languages",status="200"} 1.0',
        'mtkit_requests_total{path="/translate",status="200"} 1.0',
        'mtkit_requests_total{path="/translate",status="400"} 1.0',
        'mtkit_request_seconds_count{path="/translate"} 2.0',
        "mtkit_lines_translated 1.0",
        "mtkit_lines_waiting 0.0",
        "mtkit_models_loaded 1.0",
    ):
        assert line in text.splitlines(), text
