"""What a request says, in whichever form: JSON, a form, or the address; and who asks. Of both interfaces."""

import asyncio
import json
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.datastructures import UploadFile

from mtkit.server.access import Access, Client

T = TypeVar("T")
MOST_FIELDS = 10_000  # of a form


class Wrong(Exception):
    """A request that cannot be answered.

    Attributes:
        status: of HTTP.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Gone(Exception):
    """Whoever asked does not wait any more."""


@dataclass(frozen=True)
class Sent:
    """A file that was sent.

    Attributes:
        name: as whoever sent it calls it.
    """

    name: str
    data: bytes


class Fields:
    """What a request says."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    @classmethod
    async def of(cls, request: Request) -> "Fields":
        """Read a request; what its address says counts where the body says nothing.

        Raises:
            Wrong: the body is no JSON, or no form.
        """
        values = _many(request.query_params.multi_items()) if request.scope["query_string"] else {}
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind == "multipart/form-data":
            values |= _many(await _of_parts(request))
        elif kind == "application/x-www-form-urlencoded":
            values |= _many(_of_form(await request.body()))
        elif body := await request.body():
            values |= _of_json(body, kind)
        return cls(values)

    def text(self, name: str, default: str | None = None) -> str:
        """A value that is text.

        Raises:
            Wrong: it is missing, or no text.
        """
        value = self.values.get(name, default)
        if value is None:
            raise Wrong(f"Invalid request: missing {name} parameter")
        if not isinstance(value, str):
            raise Wrong(f"Invalid request: {name} parameter is not a string")
        return _sound(name, value)

    def texts(self, name: str) -> tuple[list[str], bool]:
        """A value that is text or a list of texts, and whether it is a list.

        Raises:
            Wrong: it is missing, or neither.
        """
        value = self.values.get(name)
        if value is None:
            raise Wrong(f"Invalid request: missing {name} parameter")
        some = _listed(value)
        if not all(isinstance(one, str) for one in some):
            raise Wrong(f"Invalid request: {name} parameter is neither a string nor a list of strings")
        return [_sound(name, one) for one in some], isinstance(value, list)

    def number(self, name: str, default: int, most: int) -> int:
        """A value that is a whole number from 0 on.

        Raises:
            Wrong: it is none, or larger.
        """
        value = self.values.get(name, default)
        try:
            number = int(str(value)) if not isinstance(value, bool) else -1
        except ValueError:
            number = -1
        if not 0 <= number <= most:
            raise Wrong(f"Invalid request: {name} parameter is not a number from 0 to {most}")
        return number

    def file(self, name: str = "file") -> Sent:
        """A file that was sent.

        Raises:
            Wrong: there is none.
        """
        value = self.values.get(name)
        if not isinstance(value, Sent) or not value.name:
            raise Wrong(f"Invalid request: missing {name} parameter")
        return value


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _sound(name: str, text: str) -> str:
    """Text that can be written down: JSON can name halves of a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Wrong(f"Invalid request: {name} parameter has half a character (a lone surrogate)") from None
    return text


def _many(items: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Fields of a form; of those that come more than once, lists."""
    values: dict[str, list[Any]] = {}
    for key, value in items:
        values.setdefault(key, []).append(value)
    return {key: some if len(some) > 1 else some[0] for key, some in values.items()}


async def _of_parts(request: Request) -> list[tuple[str, Any]]:
    async with request.form() as form:
        return [
            (key, Sent(value.filename or "", await value.read()) if isinstance(value, UploadFile) else value)
            for key, value in form.multi_items()
        ]


def _of_form(body: bytes) -> list[tuple[str, str]]:
    """By hand: what is not escaped (`curl -d q=Käse`) is UTF-8, too, and not Latin 1."""
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as error:  # bad UTF-8 is one, too
        bad = isinstance(error, UnicodeDecodeError)
        expected = "the form is no UTF-8" if bad else f"the form has more than {MOST_FIELDS} fields"
        raise Wrong(f"Invalid request: {expected}") from None


def _of_json(body: bytes, kind: str) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):  # bad UTF-8 is a ValueError, too
        expected = "the body is no JSON" if "json" in kind else "no form and no JSON"
        raise Wrong(f"Invalid request: {expected}") from None
    if not isinstance(value, dict):
        raise Wrong("Invalid request: the body is no JSON object")
    return value


def asker(request: Request, access: Access, key: str) -> Client:
    """Whoever asks, counted.

    Raises:
        Refused, Slower: see Access.
    """
    client = access.client(key, request.client.host if request.client else "")
    access.count(client)
    return client


async def while_there(request: Request, work: Awaitable[T]) -> T:
    """Do work for a request; when whoever asked goes, it is given up.

    Raises:
        Gone: he went.
    """
    task, waits = asyncio.current_task(), True
    assert task is not None

    def give_up(gone: "asyncio.Future[None]") -> None:
        if waits and not gone.cancelled():
            task.cancel()

    gone = asyncio.ensure_future(_gone(request))
    gone.add_done_callback(give_up)
    try:
        return await work
    except asyncio.CancelledError:
        if not gone.done():
            raise
        getattr(task, "uncancel", bool)()  # since Python 3.11 a task counts
        raise Gone from None
    finally:
        waits = False
        gone.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
