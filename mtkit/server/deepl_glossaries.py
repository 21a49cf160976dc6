"""DeepL's interface for glossaries: lists of terms are sent, read and deleted."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from mtkit.server.access import Access
from mtkit.server.asking import Fields, Wrong
from mtkit.server.deepl import REFUSALS, asker_of, owner_of, pair
from mtkit.server.described import TEXT, of_type, one_of, takes
from mtkit.server.glossaries import Glossaries, Kept
from mtkit.server.service import Service
from mtkit.text.languages import primary

MOST_CHARACTERS = 1024  # of a term, or of a name
_TSV = "text/tab-separated-values"


def routes(service: Service, access: Access, glossaries: Glossaries) -> APIRouter:
    """What answers."""
    router = APIRouter(prefix="/v2", tags=["DeepL"], responses=REFUSALS)
    languages = pair(service)
    said = {"name": TEXT, **languages, "entries": TEXT, "entries_format": one_of(("tsv", "csv"))}

    async def owner(request: Request) -> str:
        return owner_of(asker_of(request, await Fields.of(request), access))

    @router.get("/glossary-language-pairs")
    async def pairs(request: Request) -> dict[str, Any]:
        """The languages for which there can be glossaries."""
        await owner(request)
        models = service.models.all
        return {
            "supported_languages": [
                {"source_lang": primary(one.source), "target_lang": primary(one.target)} for one in models
            ]
        }

    @router.post("/glossaries", status_code=201, openapi_extra=takes(said, "name", *languages, "entries"))
    async def create(request: Request) -> JSONResponse:
        """Keep terms, to which requests can refer by glossary_id."""
        fields = await Fields.of(request)
        client = asker_of(request, fields, access)
        languages = primary(fields.text("source_lang")), primary(fields.text("target_lang"))
        if len(service.models.way(*languages).models) != 1:
            raise Wrong("Bad request. Reason: Unsupported glossary source and target language pair")
        name, form = fields.text("name"), fields.text("entries_format", "tsv")
        if not 0 < len(name) <= MOST_CHARACTERS:
            raise Wrong("Bad request. Reason: Value for 'name' is empty or too long")
        if form not in ("tsv", "csv"):
            raise Wrong("Bad request. Reason: Value for 'entries_format' not supported.")
        entries = list(_entries(fields.text("entries"), form))
        kept = await run_in_threadpool(glossaries.add, owner_of(client), name, languages, entries)
        return JSONResponse(_told(kept), 201)

    @router.get("/glossaries")
    async def listed(request: Request) -> dict[str, Any]:
        """All that this key has sent."""
        return {"glossaries": [_told(one) for one in glossaries.of(await owner(request))]}

    @router.get("/glossaries/{name}")
    async def one(request: Request, name: str) -> dict[str, Any]:
        """What is known of one."""
        return _told(glossaries.get(await owner(request), name))

    @router.get("/glossaries/{name}/entries", response_class=Response, responses=of_type(_TSV, "The terms."))
    async def entries(request: Request, name: str) -> Response:
        """The terms of one, a line each, a tab between a term and what it becomes."""
        kept = glossaries.get(await owner(request), name)
        return Response("\n".join("\t".join(entry) for entry in kept.entries), media_type=_TSV)

    @router.delete("/glossaries/{name}", status_code=204, response_class=Response)
    async def delete(request: Request, name: str) -> Response:
        """Delete one."""
        glossaries.delete(await owner(request), name)
        return Response(status_code=204)

    return router


def _entries(text: str, form: str) -> Iterator[tuple[str, str]]:
    """Terms and what each becomes.

    Raises:
        Wrong: a line is no entry, or there is none.
    """
    seen = set[str]()
    try:
        rows = csv.reader(io.StringIO(text, newline=""), strict=True) if form == "csv" else _tsv(text)
        for number, row in enumerate(rows, 1):
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if len(cells) != 2 and not (form == "csv" and len(cells) == 4):  # languages may come behind
                raise Wrong(f"Bad request. Reason: entry {number} has {len(cells)} columns, expected 2")
            source, target = cells[:2]
            if not (source and target and len(source) <= MOST_CHARACTERS and len(target) <= MOST_CHARACTERS):
                raise Wrong(f"Bad request. Reason: entry {number} has a side that is empty or too long")
            if source in seen:
                raise Wrong(f"Bad request. Reason: entry {number} has a term that another one has")
            seen.add(source)
            yield source, target
    except csv.Error as error:
        raise Wrong(f"Bad request. Reason: the entries are no CSV: {error}") from None
    if not seen:
        raise Wrong("Bad request. Reason: Missing or empty parameter 'entries'")


def _tsv(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        yield line.split("\t")


def _told(kept: Kept) -> dict[str, Any]:
    return {
        "glossary_id": kept.id,
        "ready": True,
        "name": kept.name,
        "source_lang": kept.source,
        "target_lang": kept.target,
        "creation_time": kept.created,
        "entry_count": len(kept.entries),
    }
