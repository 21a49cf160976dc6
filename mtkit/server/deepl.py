"""DeepL's interface, version 2: the same addresses, fields, answers and codes (developers.deepl.com).

`context` is taken and changes nothing, since models here read a line at a time; so are `formality`, `model_type`,
`preserve_formatting` and `split_sentences`. What a client wants that cannot be had is refused.
"""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from mtkit.server.access import Access, Client
from mtkit.server.asking import Fields, Wrong, asker, while_there
from mtkit.server.described import TEXT, one_of, refusals, some, takes
from mtkit.server.glossaries import Glossaries
from mtkit.server.names import name_of
from mtkit.server.passages import HTML, XML
from mtkit.server.passages import TEXT as PLAIN
from mtkit.server.service import AUTO, Answer, Service, Wanted
from mtkit.text.languages import primary

SCHEME = "deepl-auth-key"
MOST_TEXTS = 50
HANDLINGS = ("", HTML, XML)
BOOLEANS = ("0", "1", "false", "true")  # as forms say them
UNLIMITED = 1_000_000_000_000  # characters, where there is no limit: a client wants a number
REGIONS = {"en": ("EN-GB", "EN-US"), "pt": ("PT-PT", "PT-BR")}
"""Languages that DeepL wants as targets with a region."""


def routes(service: Service, access: Access, glossaries: Glossaries) -> APIRouter:
    """What answers."""
    router = APIRouter(prefix="/v2", tags=["DeepL"], responses=REFUSALS)
    used: dict[str, int] = {}

    @router.post("/translate", openapi_extra=takes({"text": some(MOST_TEXTS)} | pair(service) | _SAID, *_NEEDED))
    async def translate(request: Request) -> JSONResponse:
        """Translate up to fifty texts."""
        fields = await Fields.of(request)
        client = asker_of(request, fields, access)
        texts, _ = fields.texts("text")
        if len(texts) > MOST_TEXTS:
            raise Wrong(f"Bad request. Reason: {len(texts)} texts, at most {MOST_TEXTS} are taken")
        target, source = fields.text("target_lang"), fields.text("source_lang", "")
        if (handling := fields.text("tag_handling", "")) not in HANDLINGS:
            raise Wrong("Bad request. Reason: Value for 'tag_handling' not supported.")
        check(service, source, target)
        terms = None
        if glossary := fields.text("glossary_id", ""):
            kept = glossaries.get(owner_of(client), glossary)
            if (primary(source), primary(target)) != (kept.source, kept.target):
                raise Wrong("Bad request. Reason: source_lang and target_lang must be those of the glossary")
            terms = kept.glossary
        counted = _is_true(fields, "show_billed_characters")
        size, most = sum(map(len, texts)), client.limits.characters
        if most and size > most:
            raise Wrong(f"Request Entity Too Large: {size} characters, at most {most} are taken", 413)
        wanted = Wanted(
            primary(source) or AUTO, primary(target), form=handling or PLAIN, ignored=_ignored(fields), terms=terms
        )
        answers = await while_there(request, service.translate(texts, wanted))
        used[owner_of(client)] = used.get(owner_of(client), 0) + size
        said = [_said(text, one, source, counted) for text, one in zip(texts, answers, strict=True)]
        return JSONResponse({"translations": said})

    @router.get("/languages")
    @router.post("/languages")
    async def languages(request: Request) -> JSONResponse:
        """The languages that can be translated from (type=source) or to (type=target)."""
        fields = await Fields.of(request)
        asker_of(request, fields, access)
        of_targets = fields.text("type", "source") == "target"
        models = service.models
        targets = sorted({target for one in models.sources for target in models.targets(one)})
        regions = REGIONS if of_targets else {}
        known = targets if of_targets else models.sources
        named = [(code, one) for one in known for code in regions.get(one, (one.upper(),))]
        more = {"supports_formality": False} if of_targets else {}
        return JSONResponse([{"language": code, "name": name_of(one)} | more for code, one in named])

    @router.get("/usage")
    @router.post("/usage")
    async def usage(request: Request) -> JSONResponse:
        """How many characters this key has had translated since the start; all without a key count as one."""
        client = asker_of(request, await Fields.of(request), access)
        return JSONResponse({"character_count": used.get(owner_of(client), 0), "character_limit": UNLIMITED})

    return router


def check(service: Service, source: str, target: str) -> None:
    """Refuse languages that are not served.

    Args:
        source: "": to be found.
    """
    for name, language in (("target_lang", target), ("source_lang", source)):
        if (language or name == "target_lang") and primary(language) not in service.models.languages:
            raise Wrong(f"Bad request. Reason: Value for '{name}' not supported.")


def _ignored(fields: Fields) -> frozenset[str]:
    """Names of tags, as a list or with commas."""
    values = fields.texts("ignore_tags")[0] if "ignore_tags" in fields.values else []
    return frozenset(name.strip().lower() for value in values for name in value.split(",") if name.strip())


def asker_of(request: Request, fields: Fields, access: Access) -> Client:
    """Whoever asks, counted.

    Raises:
        Refused, Slower: see Access.
    """
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    given = key.strip() if scheme.lower() == SCHEME else fields.text("auth_key", "")
    return asker(request, access, given)


def owner_of(client: Client) -> str:
    """Under which name a client's own is kept: that of the key; all without one are one."""
    return client.name if client.has_key else ""


def _is_true(fields: Fields, name: str) -> bool:
    value = fields.values.get(name, False)
    if not isinstance(value, bool | str) or str(value).lower() not in BOOLEANS:
        raise Wrong(f"Bad request. Reason: Value for '{name}' not supported.")
    return str(value).lower() in ("1", "true")


def _said(text: str, answer: Answer, source: str, counted: bool) -> dict[str, Any]:
    language = primary(source) if answer.detected is None else answer.detected.language
    made: dict[str, Any] = {"detected_source_language": language.upper(), "text": answer.text}
    return made | {"billed_characters": len(text)} if counted else made


def pair(service: Service) -> dict[str, Any]:
    """The languages of a request, as they are described."""
    known = [code.upper() for code in sorted(service.models.languages)]
    targets = [code for one in known for code in (one, *REGIONS.get(one.lower(), ()))]
    return {"source_lang": one_of(known), "target_lang": one_of(targets)}


REFUSALS = refusals("message")
_NEEDED = "text", "target_lang"
_SAID: dict[str, Any] = {
    "tag_handling": one_of((HTML, XML)),
    "glossary_id": TEXT,
    "ignore_tags": some(),
    "show_billed_characters": {"oneOf": [{"type": "boolean"}, one_of(BOOLEANS)]},
}
