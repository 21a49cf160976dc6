"""The application: both interfaces, the page, metrics, and what becomes of what goes wrong."""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp

from mtkit.errors import MtkitError
from mtkit.server import deepl, docs, libre, page
from mtkit.server.access import Access, Refused, Slower
from mtkit.server.asking import Gone, Wrong
from mtkit.server.batcher import Full, Late
from mtkit.server.limits import Held, TooLarge, TooSlow
from mtkit.server.models import Unserved
from mtkit.server.service import Service
from mtkit.server.suggestions import Suggestions
from mtkit.version import __version__

LOG = logging.getLogger(__name__)
AGAIN = "1"  # seconds after which to ask again
CLIENT_IS_GONE = 499  # as nginx has it; nobody reads it
STATUS: dict[type[Exception], int] = {
    Wrong: 400,
    Unserved: 400,
    TooSlow: 408,
    TooLarge: 413,
    Refused: 403,
    Slower: 429,
    Full: 429,
    Late: 503,
    Gone: CLIENT_IS_GONE,
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


def make(service: Service, access: Access, suggestions: Suggestions | None, settings: Settings) -> ASGIApp:
    """What answers requests."""
    app = FastAPI(
        title="mtkit",
        version=__version__,
        description="Translations, by the interfaces of LibreTranslate and DeepL.",
        openapi_url="/spec",
        docs_url=None,
        redoc_url=None,
    )
    app.include_router(libre.routes(service, access, suggestions))
    app.include_router(deepl.routes(service, access))
    app.include_router(page.routes(service, access, settings.has_page))
    app.include_router(docs.routes(app))
    _count(app, service)
    for kind in STATUS:
        app.add_exception_handler(kind, _answered)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=list(settings.origins), allow_methods=["GET", "POST", "DELETE"], allow_headers=["*"]
        )
    return Held(app, settings.largest)


async def _answered(request: Request, error: Exception) -> JSONResponse:
    """What is said of what went wrong: by the interface that was asked, with what to do, and never a traceback."""
    status = next(code for kind, code in STATUS.items() if isinstance(error, kind))
    headers = {}
    if isinstance(error, Wrong):
        status = error.status
    if isinstance(error, Slower):
        headers["Retry-After"] = str(max(1, round(error.seconds)))
    elif isinstance(error, Full | Late):
        headers["Retry-After"] = AGAIN
    if status >= 500:
        LOG.warning("%s: %s", request.url.path, error)
    said = "message" if request.url.path.startswith("/v2/") else "error"
    text = "something went wrong here: the server's log says what" if status == 500 else str(error)
    return JSONResponse({said: text}, status, headers)


def _count(app: FastAPI, service: Service) -> None:
    """Metrics, in the form that Prometheus reads."""
    registry = CollectorRegistry()
    requests = Counter("mtkit_requests_total", "Requests.", ["path", "status"], registry=registry)
    seconds = Histogram("mtkit_request_seconds", "Time of a request.", ["path"], registry=registry)
    waiting = Gauge("mtkit_lines_waiting", "Lines that wait for a model.", registry=registry)
    waiting.set_function(lambda: service.batcher.lines_waiting)
    lines = Gauge("mtkit_lines_translated", "Lines translated since the start.", registry=registry)
    lines.set_function(lambda: service.batcher.translated)
    loaded = Gauge("mtkit_models_loaded", "Models in memory.", registry=registry)
    loaded.set_function(lambda: sum(model.is_loaded for model in service.models.all))

    @app.middleware("http")
    async def counted(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        began = time.monotonic()
        response = await answer(request)
        route = request.scope.get("route")
        path = getattr(route, "path", "other")  # not what was asked for: anybody could make names without end
        requests.labels(path, str(response.status_code)).inc()
        seconds.labels(path).observe(time.monotonic() - began)
        return response

    @app.get("/metrics", tags=["mtkit"])
    def metrics() -> Response:
        """Counts, for Prometheus."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


