"""What every request is held to, whatever it asks for: the size and the slowness of its body; and what every answer says.

As ASGI middleware, around all else.
"""

import asyncio
import json
from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

SLOW = 30.0  # seconds in which a body must have come
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    # The page and what it loads come from here; styles and scripts stand in files, and nothing is asked of anybody else.
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
        open_to: origins whose pages may ask; "*": any.
        looser: paths whose pages bring a policy of their own.
    """

    def __init__(self, app: ASGIApp, largest: int, looser: Sequence[str] = (), slow: float = SLOW) -> None:
        self.app, self.largest, self.slow = app, largest, slow
        self.looser = tuple(looser)
        self.headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        looser = bool(self.looser) and scope["path"].startswith(self.looser)

        async def answered(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                wanted = [one for one in self.headers if not (looser and one[0] == b"content-security-policy")]
                message["headers"] = [*message["headers"], *(one for one in wanted if one[0] not in there)]
            await send(message)

        if _told(scope) > self.largest:
            await _refuse(answered, 413, str(TooLarge(self.largest)))
        else:
            await self.app(scope, _Body(receive, self.largest, self.slow), answered)


def _told(scope: Scope) -> int:
    """How large a body is said to be; 0: it is not said."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:20])
    return 0


class _Body:
    """What comes of a request's body, counted and timed."""

    def __init__(self, receive: Receive, largest: int, slow: float) -> None:
        self.receive, self.largest, self.slow = receive, largest, slow
        self.until = asyncio.get_running_loop().time() + slow
        self.size, self.whole = 0, False

    async def __call__(self) -> Message:
        if self.whole:  # from here on only that the client goes is told
            return await self.receive()
        left = self.until - asyncio.get_running_loop().time()
        try:
            message = await asyncio.wait_for(self.receive(), max(left, 0.001))
        except asyncio.TimeoutError:
            raise TooSlow(self.slow) from None
        if message["type"] == "http.request":
            self.size += len(message.get("body", b""))
            self.whole = not message.get("more_body", False)
            if self.size > self.largest:
                raise TooLarge(self.largest)
        else:
            self.whole = True
        return message


async def _refuse(send: Send, status: int, why: str) -> None:
    body = json.dumps({"error": why}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),  # what else comes of the body is not read
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
