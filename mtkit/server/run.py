"""The server itself: it listens until it is told to end, and then ends what it has accepted."""

import contextlib
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from mtkit.errors import RunError
from mtkit.server import aids
from mtkit.server.access import Access, Limits
from mtkit.server.app import Holdings, Settings, make
from mtkit.server.batcher import Batcher
from mtkit.server.glossaries import Glossaries
from mtkit.server.models import Load, Models
from mtkit.server.remembered import Remembered
from mtkit.server.service import Service
from mtkit.server.stored import Stored
from mtkit.server.suggestions import Suggestions

DRAIN = 30  # seconds for what was accepted
KEPT_ALIVE = 75  # seconds for which a connection without requests stays: longer than a proxy keeps it


@dataclass(frozen=True)
class Serving:
    """How it is served; see `mtkit serve --help`.

    Attributes:
        largest: bytes of a request.
        queue: lines that wait, at most.
        memories, terms: files, see `mtkit.server.aids`.
        fuzzy: likeness of what in a memory steers search; None: as of `mtkit translate`.
    """

    host: str
    port: int
    threads: int | None = None
    keys: Path | None = None
    key_required: bool = False
    per_minute: int = 0
    characters: int = 0
    largest: int = 10_000_000
    seconds: float = 60.0
    queue: int = 20_000
    suggestions: str | None = None
    remembers: bool = False
    memories: Sequence[str] = ()
    fuzzy: float | None = None
    terms: Sequence[str] = ()
    glossaries: Path | None = None
    origins: Sequence[str] = ()
    has_page: bool = True
    logs_requests: bool = False


class _Server(uvicorn.Server):
    """One that says when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[str], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            host, port, *_ = (sockets or [])[0].getsockname()
            self._ready(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals end it in order, and are not raised again when that is done: the command ends as it should."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def serve(paths: Sequence[Path], load: Load, serving: Serving, say: Callable[[str], None]) -> None:
    """Serve models until a signal comes.

    Raises:
        BundleError, ConfigError: a model, a key or the database is wrong.
        RunError: the address is in use, or not ours.
    """
    models = Models(paths, load)
    aids.give(models, serving.memories, serving.fuzzy, serving.terms)
    access = Access(serving.keys, serving.key_required, Limits(serving.per_minute, serving.characters))
    suggestions = Suggestions(serving.suggestions) if serving.suggestions else None
    batcher = Batcher(serving.threads, serving.queue)
    remembered = Remembered(suggestions) if suggestions and serving.remembers else None
    service = Service(models, batcher, serving.seconds, remembered)
    service.detect("")  # what finds languages is read before anybody waits for it
    stored = Stored()
    kept = Holdings(stored, Glossaries(serving.glossaries), suggestions)
    app = make(service, access, kept, Settings(serving.largest, serving.origins, serving.has_page))
    config = uvicorn.Config(
        app,
        log_level="info" if serving.logs_requests else "error",  # who sends nonsense must not fill logs
        access_log=serving.logs_requests,
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=True,  # of a proxy on this machine: what others say of who they are is not believed
        timeout_keep_alive=KEPT_ALIVE,
        timeout_graceful_shutdown=DRAIN,
    )

    def ready(address: str) -> None:
        for model in models.all:
            say(f"{model.source} to {model.target}: {model.path}{aids.told(model)}")
        say(f"serving at {address}; its interfaces at {address}/docs; Ctrl-C ends")

    listening = _listening(serving.host, serving.port)
    try:
        _Server(config, ready).run(sockets=[listening])
    finally:
        listening.close()
        batcher.close()
        stored.close()
        if suggestions:
            suggestions.close()


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except (OSError, OverflowError) as error:
        made.close()
        reason = getattr(error, "strerror", None) or error
        raise RunError(f"cannot listen at {host}, port {port}: {reason}; take another one", remedy="address") from None
    made.listen(1024)
    return made
