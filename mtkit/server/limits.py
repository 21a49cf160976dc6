"""What every request is held to, whatever it asks for, and what every answer says: ASGI middleware around all else.

A body has a size and a time. And a browser says which page a request comes from: one of elsewhere may only ask if it is
named, or any page that somebody visits could ask whatever listens on his machine, and leave suggestions.
"""

import asyncio
import json
from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

CHANGING = ("POST", "PUT", "PATCH", "DELETE")
SLOW = 30.0  # seconds in which a body must have come
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    # The page and what it loads come from here; styles and scripts stand in files, and nobody else is asked.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
}


class TooLarge(Exception):
    """A body of more bytes than are taken."""

    def __init__(self, largest: int) -> None:
        super().__init__(f"the request has more than {largest:,} bytes: send it in parts")


class TooSlow(Exception):
    """A body that does not come."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the request did not come within {seconds:.0f} seconds")


class Held:
    """An application whose requests are held to limits, and whose answers have headers of safety.

    Args:
        largest: bytes of a body.
        origins: whose pages may ask beside its own; "*": any.
        slow: seconds in which a body must have come.
    """

    def __init__(self, app: ASGIApp, largest: int, origins: Sequence[str] = (), slow: float = SLOW) -> None:
        self.app, self.largest, self.slow = app, largest, slow
        self.origins = set(origins)
        self.headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def answered(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self.headers]
            await send(message)

        headers = dict(scope["headers"])
        size = headers.get(b"content-length", b"")
        if scope["method"] in CHANGING and self._is_from_elsewhere(headers):
            await _refuse(answered, 403, "pages of others may not ask here, unless whoever runs this server names them")
        elif size.isdigit() and int(size[:20]) > self.largest:
            await _refuse(answered, 413, str(TooLarge(self.largest)))
        else:
            await self.app(scope, _Body(receive, self.largest, self.slow), answered)

    def _is_from_elsewhere(self, headers: dict[bytes, bytes]) -> bool:
        if "*" in self.origins or headers.get(b"origin", b"").decode("latin-1") in self.origins:
            return False
        return headers.get(b"sec-fetch-site") in (b"cross-site", b"same-site")


class _Body:
    """What comes of a request's body, counted and timed."""

    def __init__(self, receive: Receive, largest: int, slow: float) -> None:
        self.receive, self.largest, self.slow = receive, largest, slow
        self.until = asyncio.get_running_loop().time() + slow
        self.size, self.whole = 0, False

    async def __call__(self) -> Message:
        if self.whole:  # from here on only that the client goes is told
            return await self.receive()
        message = await self._within(self.until - asyncio.get_running_loop().time())
        if message["type"] == "http.request":
            self.size += len(message.get("body", b""))
            self.whole = not message.get("more_body", False)
            if self.size > self.largest:
                raise TooLarge(self.largest)
        else:
            self.whole = True
        return message

    async def _within(self, seconds: float) -> Message:
        """What comes next; without a task of its own, as `wait_for` has one in Python 3.11 and before."""
        task, is_late = asyncio.current_task(), False
        assert task is not None

        def stop() -> None:
            nonlocal is_late
            is_late = True
            task.cancel()

        stopping = asyncio.get_running_loop().call_later(max(seconds, 0.001), stop)
        try:
            return await self.receive()
        except asyncio.CancelledError:
            if not is_late:
                raise
            getattr(task, "uncancel", bool)()  # since Python 3.11 a task counts
            raise TooSlow(self.slow) from None
        finally:
            stopping.cancel()


async def _refuse(send: Send, status: int, why: str) -> None:
    body = json.dumps({"error": why}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),  # what comes of the body is not read
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
