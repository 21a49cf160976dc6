"""The application: both interfaces, the page, metrics, and what becomes of what goes wrong."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from mtkit.errors import ConfigError, MtkitError
from mtkit.server import deepl, deepl_documents, deepl_glossaries, docs, libre, page
from mtkit.server.access import Access, Refused, Slower
from mtkit.server.asking import Gone, Wrong
from mtkit.server.batcher import Full, Late
from mtkit.server.direct import Direct
from mtkit.server.glossaries import Glossaries, Missing
from mtkit.server.limits import Held, TooLarge, TooSlow
from mtkit.server.metrics import Counted, Metrics
from mtkit.server.models import Unserved
from mtkit.server.passages import Damaged
from mtkit.server.service import Service
from mtkit.server.stored import Stored
from mtkit.server.suggestions import Suggestions
from mtkit.version import __version__

LOG = logging.getLogger(__name__)
AGAIN = "1"  # seconds after which to ask again
OFTEN = ("/translate", "/v2/translate", "/page/translate")
CLIENT_IS_GONE = 499  # as nginx has it; nobody reads it
STATUS: dict[type[Exception], int] = {
    Wrong: 400,
    Missing: 404,
    ConfigError: 400,
    Unserved: 400,
    Damaged: 400,
    TooSlow: 408,
    TooLarge: 413,
    Refused: 403,
    Slower: 429,
    Full: 429,
    Late: 503,
    Gone: CLIENT_IS_GONE,
    ClientDisconnect: CLIENT_IS_GONE,
    MtkitError: 500,
    Exception: 500,
}


@dataclass(frozen=True)
class Settings:
    """How it is served.

    Attributes:
        largest: bytes of a request.
        origins: whose pages may ask, beside its own; "*": any.
        has_page: whether there is a page for people.
    """

    largest: int = 10_000_000
    origins: Sequence[str] = ()
    has_page: bool = True


@dataclass(frozen=True)
class Holdings:
    """What is kept of what clients have sent.

    Attributes:
        files: translations of files, until they are fetched.
        suggestions: None: they are not taken.
    """

    files: Stored
    glossaries: Glossaries
    suggestions: Suggestions | None = None


def make(service: Service, access: Access, kept: Holdings, settings: Settings) -> ASGIApp:
    """What answers requests."""
    app = FastAPI(
        title="mtkit",
        version=__version__,
        description="Translations, by the interfaces of LibreTranslate and DeepL.",
        openapi_url="/spec",
        docs_url=None,
        redoc_url=None,
    )
    metrics = Metrics(service)
    routers = [
        libre.routes(service, access, kept.files, kept.suggestions),
        deepl.routes(service, access, kept.glossaries),
        deepl_glossaries.routes(service, access, kept.glossaries),
        deepl_documents.routes(service, access, kept.files),
        page.routes(service, access, settings.has_page),
        docs.routes(app),
        metrics.routes(),
    ]
    for router in routers:
        app.include_router(router)
    app.state.routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    for kind in (*STATUS, HTTPException):
        app.add_exception_handler(kind, _answered)
    answering: ASGIApp = Direct(app, routers, OFTEN, _answered)
    if settings.origins:
        methods = ["GET", "POST", "DELETE"]
        answering = CORSMiddleware(
            answering, allow_origins=list(settings.origins), allow_methods=methods, allow_headers=["*"]
        )
    return Counted(Held(answering, settings.largest, settings.origins), metrics)


async def _answered(request: Request, error: Exception) -> JSONResponse:
    """What is said of what went wrong: in the form of the interface, with what to do, and never a traceback."""
    headers, text = dict[str, str](), str(error)
    if isinstance(error, HTTPException):  # of what lies below: there is no such address, or not with this method
        headers |= error.headers or {}
        if error.status_code == 405:  # of an address with several methods it names those of one function
            headers["Allow"] = ", ".join(_methods(request))
        status, text = error.status_code, _told(request, error)
    elif isinstance(error, Wrong):
        status = error.status
    else:
        status = next(code for kind, code in STATUS.items() if isinstance(error, kind))
    if isinstance(error, Slower):
        headers["Retry-After"] = str(max(1, round(error.seconds)))
    elif isinstance(error, Full | Late):
        headers["Retry-After"] = AGAIN
    elif isinstance(error, TooLarge | TooSlow):
        headers["Connection"] = "close"  # what else comes of the body is not read
    if status >= 500:
        LOG.warning("%s: %s", request.url.path, error)
    if status == 500:
        text = "something went wrong here: the server's log says what"
    return JSONResponse({"message" if request.url.path.startswith("/v2/") else "error": text}, status, headers)


def _methods(request: Request) -> list[str]:
    """Those that are taken at an address."""
    path = request.url.path
    return sorted({one for route in request.app.state.routes if route.path_regex.match(path) for one in route.methods})


def _told(request: Request, error: HTTPException) -> str:
    if error.status_code == 404:
        return "there is nothing at this address; /docs says what there is"
    if error.status_code == 405:
        return f"{request.method} is not taken here, but {' and '.join(_methods(request))}; /docs says more"
    return f"Invalid request: {error.detail}"
