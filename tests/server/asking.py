"""A server without a network: what is asked of an application, and a translator whose answers are known."""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

from starlette.types import ASGIApp, Message

from mtkit.errors import DataError
from mtkit.schema import Decode
from mtkit.server.access import Access
from mtkit.server.app import Holdings, Settings, make
from mtkit.server.batcher import Batcher
from mtkit.server.glossaries import Glossaries
from mtkit.server.models import Models
from mtkit.server.remembered import Remembered
from mtkit.server.service import Service
from mtkit.server.stored import Stored
from mtkit.server.suggestions import Suggestions
from mtkit.translator.request import Candidate, Line, Request, Translation

JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
POISON = "poison"  # a line that no translator takes
Result = TypeVar("Result")


def apart(asked: Coroutine[Any, Any, Result]) -> Result:
    """What comes of it, in a thread of its own: a browser that is tested beside it has a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, asked).result()


class Stub:
    """Says "de:text" of a text, and of further candidates "de:text 1" and so on.

    Attributes:
        windows: the lines that it was given together, in order.
        gate: closed, it waits with all that it is given.
    """

    attends = False
    decode = Decode()

    def __init__(self, source: str = "en", target: str = "de", mark: str = "") -> None:
        self.source_lang, self.target_lang, self.mark = source, target, mark
        self.windows: list[list[str]] = []
        self.asked: list[tuple[Decode | None, Request]] = []
        self.gate, self.begun = threading.Event(), threading.Semaphore(0)
        self.gate.set()

    def multiplications(self, lines: int) -> int:
        return lines

    def window(self, lines: Sequence[Line], decode: Decode | None, request: Request) -> Iterator[Translation]:
        self.windows.append([line.text for line in lines])
        self.asked.append((decode, request))
        self.begun.release()
        assert self.gate.wait(20)
        for line in lines:
            if line.text == POISON:
                raise DataError("poisoned")
            texts = [f"{self.target_lang}:{line.text}{self.mark}{f' {n}' if n else ''}" for n in range(request.n_best)]
            yield Translation(line.text, [Candidate(text, -float(n), -float(n), []) for n, text in enumerate(texts)])


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def value(self) -> Any:
        return json.loads(self.body)


async def ask(
    app: ASGIApp,
    path: str,
    chunks: Sequence[bytes] = (b"",),
    headers: dict[str, str] | None = None,
    *,
    method: str = "POST",
    client: str = "192.0.2.1",
    wait: Callable[[], Any] | None = None,
    gone: bool = False,
) -> Answer:
    """Ask an application.

    Args:
        chunks: of the body, as they come.
        wait: called, and waited for, before each chunk but the first.
        gone: whoever asks is gone after the last chunk.
    """
    path, _, query = path.partition("?")
    said: list[Message] = []
    coming = list(chunks)
    over = asyncio.Event()

    async def receive() -> Message:
        if coming:
            if len(coming) < len(chunks) and wait:
                await wait()
            chunk = coming.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(coming)}
        if not gone:
            await over.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        said.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            over.set()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"test"), *((k.encode(), v.encode()) for k, v in (headers or {}).items())],
        "client": (client, 1),
        "server": ("test", 80),
    }
    await app(scope, receive, send)
    start = said[0]
    told = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], told, b"".join(one.get("body", b"") for one in said[1:]))


def encoded(body: Any, form: str) -> tuple[bytes, dict[str, str]]:
    """A body and its headers, as JSON, as a form, or in parts."""
    if form == "json":
        return json.dumps(body).encode(), JSON
    if form == "form":
        return urlencode(body, doseq=True).encode(), FORM
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{one}\r\n'
        for name, value in body.items()
        for one in (value if isinstance(value, list) else [value])
    ]
    return "".join([*parts, "--x--\r\n"]).encode(), {"content-type": "multipart/form-data; boundary=x"}


class Served:
    """An application over stubs, of bundles on disk by their languages.

    Attributes:
        stubs: of each pair of languages that was asked for, what translates.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        access: Access | None = None,
        suggestions: Suggestions | None = None,
        settings: Settings | None = None,
        seconds: float = 20.0,
        remembers: bool = False,
        **queue: Any,
    ) -> None:
        self.stubs: dict[str, Stub] = {}

        def load(path: Path) -> Any:
            self.stubs[path.name] = Stub(*path.name.split("-"))
            return self.stubs[path.name]

        self.batcher = Batcher(1, **queue)
        remembered = Remembered(suggestions) if suggestions and remembers else None
        self.service = Service(Models(paths, load), self.batcher, seconds, remembered)
        self.stored = Stored()
        held = Holdings(self.stored, Glossaries(), suggestions)
        self.app = make(self.service, access or Access(), held, settings or Settings())

    def ask(self, path: str, body: Any = None, headers: dict[str, str] | None = None, **more: Any) -> Answer:
        """Ask, and wait for the answer; a body that is no bytes goes as JSON, and of None it is GET."""
        if body is None:
            return apart(ask(self.app, path, headers=headers, method="GET", **more))
        if not isinstance(body, bytes):
            body, headers = json.dumps(body).encode(), JSON | (headers or {})
        return apart(ask(self.app, path, [body], headers, **more))

    def translate(self, text: Any, **more: Any) -> Answer:
        """English to German."""
        return self.ask("/translate", {"q": text, "source": "en", "target": "de"} | more)

    def close(self) -> None:
        """End what computes."""
        for stub in self.stubs.values():
            stub.gate.set()
        self.batcher.close()
        self.stored.close()
