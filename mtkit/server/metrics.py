"""Counts of requests and of what waits, in the form that Prometheus reads."""

import time

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mtkit.server.described import of_type
from mtkit.server.service import Service

NO_ROUTE = "other"  # instead of what was asked for: anybody could make names without end
NO_ANSWER = "none"  # status of what had no answer


class Metrics:
    """What is counted of an application."""

    def __init__(self, service: Service) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter("mtkit_requests_total", "Requests.", ["path", "status"], registry=self._registry)
        self._seconds = Histogram("mtkit_request_seconds", "Time of a request.", ["path"], registry=self._registry)
        for name, about, value in (
            ("mtkit_lines_waiting", "Lines that wait for a model.", lambda: service.batcher.lines_waiting),
            ("mtkit_lines_translated", "Lines translated since the start.", lambda: service.batcher.translated),
            ("mtkit_models_loaded", "Models in memory.", lambda: sum(one.is_loaded for one in service.models.all)),
        ):
            Gauge(name, about, registry=self._registry).set_function(value)

    def routes(self) -> APIRouter:
        """What answers."""
        router = APIRouter(tags=["mtkit"])

        @router.get("/metrics", response_class=Response, responses=of_type("text/plain", "Counts."))
        def metrics() -> Response:
            """Counts, for Prometheus."""
            return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)

        return router

    def note(self, path: str, status: str, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(path, status).inc()
        self._seconds.labels(path).observe(seconds)


class Counted:
    """An application whose requests are counted, as ASGI middleware."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), NO_ANSWER

        async def answered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self.app(scope, receive, answered)
        finally:
            path = getattr(scope.get("route"), "path", NO_ROUTE)
            self.metrics.note(path, status, time.perf_counter() - began)
