"""DeepL's interface for documents: a file is sent, asked after, and fetched."""

import asyncio
import logging
import secrets
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse

from mtkit.errors import MtkitError
from mtkit.server.access import Access
from mtkit.server.asking import Fields, Wrong
from mtkit.server.batcher import Full, Late
from mtkit.server.deepl import REFUSALS, asker_of, check, pair
from mtkit.server.described import FILE, JSON, PARTS, TEXT, of_type, takes
from mtkit.server.models import Unserved
from mtkit.server.passages import Damaged
from mtkit.server.service import AUTO, Service, Wanted
from mtkit.server.stored import KEPT, Stored, bare
from mtkit.text.languages import primary

MOST = 100  # documents that are being translated
_ANY_FILE = "application/octet-stream"
TELLABLE = (Damaged, Unserved, Full, Late)
LOG = logging.getLogger(__name__)


@dataclass
class _Job:
    """A document.

    Attributes:
        kept: the name under which its translation is stored; "": there is none.
        error: why there is none; "": nothing went wrong.
    """

    key: str
    name: str
    size: int
    kept: str = ""
    error: str = ""

    @property
    def told(self) -> dict[str, Any]:
        if self.error:
            return {"status": "error", "error_message": self.error}
        return {"status": "done", "billed_characters": self.size} if self.kept else {"status": "translating"}


def routes(service: Service, access: Access, stored: Stored) -> APIRouter:
    """What answers."""
    router = APIRouter(prefix="/v2/document", tags=["DeepL"], responses=REFUSALS)
    said = {"file": FILE, **pair(service), "filename": TEXT}
    keyed = takes({"document_key": TEXT}, "document_key", forms=(JSON,))
    jobs: dict[str, _Job] = {}
    working: set[asyncio.Task[None]] = set()

    async def translate(job: _Job, data: bytes, wanted: Wanted) -> None:
        try:
            job.kept = stored.keep(job.name, await service.file(job.name, data, wanted))
        except TELLABLE as error:
            job.error = str(error)
        except Exception as error:
            LOG.log(logging.WARNING, "%s", error, exc_info=not isinstance(error, MtkitError))
            job.error = "something went wrong here: the server's log says what"

    @router.post("", openapi_extra=takes(said, "file", "target_lang", forms=(PARTS,)))
    async def upload(request: Request) -> dict[str, str]:
        """Send a document to be translated."""
        fields = await Fields.of(request)
        asker_of(request, fields, access)
        sent, target, source = fields.file(), fields.text("target_lang"), fields.text("source_lang", "")
        check(service, source, target)
        if len(working) >= MOST:
            raise Full(f"{len(working)} documents are being translated already: send it later")
        job = _Job(secrets.token_hex(32), bare(fields.text("filename", sent.name)), len(sent.data))
        name = secrets.token_hex(16)
        jobs[name] = job
        asyncio.get_running_loop().call_later(KEPT, jobs.pop, name, None)
        task = asyncio.ensure_future(translate(job, sent.data, Wanted(primary(source) or AUTO, primary(target))))
        working.add(task)
        task.add_done_callback(working.discard)
        return {"document_id": name, "document_key": job.key}

    async def asked(request: Request, name: str) -> _Job:
        fields = await Fields.of(request)
        asker_of(request, fields, access)
        job, key = jobs.get(name), fields.text("document_key", "")
        if job is None or not secrets.compare_digest(job.key.encode(), key.encode()):
            raise Wrong("Not found. Reason: there is no such document, or not any more", 404)
        return job

    @router.post("/{name}", openapi_extra=keyed)
    @router.get("/{name}")
    async def status(request: Request, name: str) -> JSONResponse:
        """How far it is."""
        job = await asked(request, name)
        return JSONResponse({"document_id": name} | job.told)

    @router.post(
        "/{name}/result",
        openapi_extra=keyed,
        response_class=FileResponse,
        responses=of_type(_ANY_FILE, "The document."),
    )
    async def result(request: Request, name: str) -> FileResponse:
        """The document's translation."""
        job = await asked(request, name)
        path = stored.path(job.kept)
        if path is None:
            raise Wrong("Service unavailable. Reason: the document is not translated", 503)
        return FileResponse(path, media_type=_ANY_FILE, filename=job.name)

    return router
