"""LibreTranslate's interface: the same addresses, fields, answers and codes (docs.libretranslate.com, version 1.7)."""

from pathlib import PurePath
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse

from mtkit.server.access import Access, Client
from mtkit.server.asking import Fields, Wrong, asker, while_there
from mtkit.server.described import FILE as OF_FILE
from mtkit.server.described import FORM, JSON, PARTS, TEXT, of_type, one_of, refusals, some, takes
from mtkit.server.names import name_of
from mtkit.server.passages import HTML, suffixes
from mtkit.server.passages import TEXT as PLAIN
from mtkit.server.service import AUTO, MOST_ALTERNATIVES, Service, Wanted
from mtkit.server.stored import Stored, bare
from mtkit.server.suggestions import Suggestion, Suggestions
from mtkit.text.detection import Guess
from mtkit.text.languages import primary

FORMATS = (PLAIN, HTML)
ANY = (JSON, FORM, PARTS)


def routes(service: Service, access: Access, stored: Stored, suggestions: Suggestions | None) -> APIRouter:
    """What answers.

    Args:
        stored: where files are kept until they are fetched.
        suggestions: where better translations are kept; None: they are not taken.
    """
    router = APIRouter(tags=["LibreTranslate"], responses=refusals("error"))
    known = sorted(service.models.languages)
    pair = {"source": one_of([AUTO, *known], f"code of the language, or {AUTO}"), "target": one_of(known)}
    key = {"api_key": TEXT}

    @router.get("/languages")
    def languages() -> list[dict[str, Any]]:
        """The languages that can be translated from, each with those that it can be translated to."""
        return [
            {"code": one, "name": name_of(one), "targets": service.models.targets(one)}
            for one in service.models.sources
        ]

    said: dict[str, Any] = {"q": some()} | pair | {"format": one_of(FORMATS), "alternatives": _ALTERNATIVES} | key

    @router.post("/translate", openapi_extra=takes(said, "q", "source", "target", forms=ANY))
    async def translate(request: Request) -> JSONResponse:
        """Translate a text, or a list of texts."""
        fields = await Fields.of(request)
        client = asker(request, access, _key(fields))
        texts, is_list = fields.texts("q")
        source, target = fields.text("source"), fields.text("target")
        form = fields.text("format", "text")
        if form not in FORMATS:
            raise Wrong(f"{form} format is not supported")
        _check(service, source, target)
        _check_size(texts, client)
        wanted = Wanted(source, target, fields.number("alternatives", 0, MOST_ALTERNATIVES), form)
        answers = await while_there(request, service.translate(texts, wanted))
        made: dict[str, Any] = {"translatedText": [one.text for one in answers]}
        if wanted.alternatives:
            made["alternatives"] = [one.alternatives for one in answers]
        if source == AUTO:
            made["detectedLanguage"] = [_told(one.detected) for one in answers]
        return JSONResponse(made if is_list else {key: value[0] for key, value in made.items()})

    described = takes({"file": OF_FILE} | pair | key, "file", "source", "target", forms=(PARTS,))

    @router.post("/translate_file", openapi_extra=described)
    async def translate_file(request: Request) -> dict[str, str]:
        """Translate a file; the answer says where it can be fetched, for an hour."""
        fields = await Fields.of(request)
        asker(request, access, _key(fields))
        sent, source, target = fields.file(), fields.text("source"), fields.text("target")
        _check(service, source, target)
        data = await while_there(request, service.file(sent.name, sent.data, Wanted(source, target)))
        kept = stored.keep(f"{PurePath(bare(sent.name)).stem}_{primary(target)}{PurePath(sent.name).suffix}", data)
        return {"translatedFileUrl": str(request.url_for("download_file", name=kept))}

    @router.get("/download_file/{name}", response_class=FileResponse, responses=of_type(_ANY_FILE, "The file."))
    def download_file(name: str) -> FileResponse:
        """A file that was translated."""
        if (path := stored.path(name)) is None:
            raise Wrong("there is no such file, or not any more", 404)
        return FileResponse(path, media_type=_ANY_FILE, filename=name.partition(".")[2])

    @router.post("/detect", openapi_extra=takes({"q": some()} | key, "q", forms=ANY))
    async def detect(request: Request) -> JSONResponse:
        """The languages that a text may be in, likeliest first."""
        fields = await Fields.of(request)
        client = asker(request, access, _key(fields))
        texts, _ = fields.texts("q")
        _check_size(texts, client)
        text = "\n".join(texts)
        return JSONResponse([_told(one) for one in service.detect(text) if one.confidence > 0] if text.strip() else [])

    described = takes({"q": TEXT, "s": TEXT} | pair | key, "q", "s", "source", "target", forms=ANY)

    @router.post("/suggest", openapi_extra=described)
    async def suggest(request: Request) -> JSONResponse:
        """Keep a translation that somebody finds better."""
        fields = await Fields.of(request)
        client = asker(request, access, _key(fields))
        if suggestions is None:
            raise Wrong("Suggestions are disabled on this server.", 403)
        source, target = fields.text("source"), fields.text("target")
        text, better = fields.text("q"), fields.text("s")
        _check_size([text, better], client)
        _check(service, source, target)
        if source == AUTO:
            source = service.detect(text)[0].language
        if not text.strip() or not better.strip():
            raise Wrong("Invalid request: an empty suggestion")
        if "\0" in text + better:  # not every database takes it
            raise Wrong("Invalid request: a suggestion with a character that is none")
        way = service.models.way(source, target)
        kept = Suggestion(primary(source), primary(target), text, better, client.name, way.name)
        await run_in_threadpool(suggestions.add, kept)
        if service.remembered is not None:
            await run_in_threadpool(service.remembered.add, kept)
        return JSONResponse({"success": True})

    @router.get("/frontend/settings")
    def settings() -> dict[str, Any]:
        """What a page needs to know."""
        sources = service.models.sources
        target = next(iter(service.models.targets(sources[0])), sources[0])
        return {
            "apiKeys": access.has_keys,
            "charLimit": access.limits.characters or -1,
            "filesTranslation": True,
            "frontendTimeout": 500,
            "keyRequired": access.required,
            "language": {
                "source": {"code": AUTO, "name": "Auto Detect"},
                "target": {"code": target, "name": name_of(target)},
            },
            "suggestions": suggestions is not None,
            "supportedFilesFormat": suffixes(),
        }

    @router.get("/health")
    def health() -> dict[str, str]:
        """Whether it is up."""
        return {"status": "ok"}

    return router


def _key(fields: Fields) -> str:
    return fields.text("api_key", "")


def _check(service: Service, source: str, target: str) -> None:
    """Refuse languages that are not served, as LibreTranslate does."""
    known = service.models.languages
    for language in (source, target):
        if primary(language) not in known and not (language is source and source == AUTO):
            raise Wrong(f"{language} is not supported")


def _check_size(texts: list[str], client: Client) -> None:
    size, most = sum(map(len, texts)), client.limits.characters
    if most and size > most:
        raise Wrong(f"Invalid request: request ({size}) exceeds text limit ({most})")


def _told(guess: Guess | None) -> dict[str, Any]:
    assert guess is not None
    return {"confidence": round(100 * guess.confidence, 1), "language": guess.language}


_ALTERNATIVES: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": MOST_ALTERNATIVES}
_ANY_FILE = "application/octet-stream"
