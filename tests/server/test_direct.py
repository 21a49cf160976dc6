"""What is answered past the framework is what comes of it through the framework, answer for answer."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from mtkit.server.access import Access, Limits
from mtkit.server.app import OFTEN, Settings
from mtkit.server.direct import Direct
from tests.server.asking import FORM, JSON, Answer, Served, ask, encoded
from tests.server.test_libre import ASKED, WRONG

Serve = Callable[..., Served]
DEEPL = {"text": ["a dog", "<b>a</b> cat"], "target_lang": "DE"}


def both(served: Served, path: str, body: bytes, headers: dict[str, str], **more: Any) -> list[Answer]:
    """An answer as it comes, and that of the framework alone."""
    return [asyncio.run(ask(app, path, [body], headers, **more)) for app in (served.app, framework(served))]


def framework(served: Served) -> Any:
    """The same application without what goes past it."""
    counted: Any = served.app
    held = counted.app
    assert isinstance(held.app, Direct)
    return type(counted)(type(held)(held.app.app, held.largest), counted.metrics)


def test_every_answer_is_the_same(serve: Serve) -> None:
    served = serve("en-de", access=Access(limits=Limits(characters=90)))
    asked: list[tuple[str, bytes, dict[str, str]]] = [
        ("/translate", *encoded(body, form))
        for form in ("json", "form", "parts")
        for body in (ASKED, ASKED | {"q": ["a", "b"], "alternatives": 2, "source": "auto"}, ASKED | {"q": "x" * 91})
    ]
    asked += [("/translate?q=a+dog&source=en&target=de", b"", {})]
    asked += [(path, *encoded(DEEPL | more, "json")) for path in OFTEN for more in ({}, {"q": "a", "target": "de"})]
    asked += [("/v2/translate", *encoded(DEEPL | {"tag_handling": "html"}, "form"))]
    asked += [
        (path, body, JSON) if isinstance(body, bytes) else (path, *encoded(body, "json"))
        for path, body, _, _ in WRONG
        if body is not None and not isinstance(body, list)
    ]
    assert len({path.partition("?")[0] for path, _, _ in asked}) > 3
    for path, body, headers in asked:
        first, second = both(served, path, body, headers)
        assert (first.status, first.headers, first.body) == (second.status, second.headers, second.body), path
    assert both(served, "/translate", b"", FORM, method="GET")[0].status == 405
    counts = served.ask("/metrics").body.decode()
    assert 'mtkit_requests_total{path="/translate",status="200"}' in counts
    assert 'path="other",status="200"' not in counts


def test_a_fault_of_ours_is_answered_and_raised(serve: Serve) -> None:
    served = serve("en-de", settings=Settings())

    async def broken(*_: Any) -> None:
        raise RuntimeError("a fault")

    served.service.translate = broken  # type: ignore[method-assign, assignment]
    body, headers = encoded(ASKED, "json")
    for app in (served.app, framework(served)):
        said: list[Any] = []

        async def caught(app: Any = app, said: list[Any] = said) -> None:
            with pytest.raises(RuntimeError, match="a fault"):
                await ask(Noting(app, said), "/translate", [body], headers)

        asyncio.run(caught())
        assert said[0]["status"] == 500
        assert b"something went wrong here" in said[1]["body"]
        assert b"a fault" not in said[1]["body"]


class Noting:
    """An application of which is noted what it says."""

    def __init__(self, app: Any, said: list[Any]) -> None:
        self.app, self.said = app, said

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def noted(message: Any) -> None:
            self.said.append(message)
            await send(message)

        await self.app(scope, receive, noted)
