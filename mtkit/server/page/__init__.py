"""The page for people, and what it asks: translations with what the model looked at and is sure of.

The page is files; it asks nobody but this server.
"""

import math
import re
from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse

from mtkit.server.access import Access
from mtkit.server.asking import Fields, Wrong, asker, while_there
from mtkit.server.service import AUTO, Service, Wanted
from mtkit.text.languages import unspaced
from mtkit.text.terms import Told
from mtkit.translator.request import Candidate, Translation

FOLDER = Path(__file__).parent
FILES = {"page.css": "text/css", "page.js": "text/javascript", "words.js": "text/javascript"}
ALTERNATIVES = 4
BEGINS = "▁"  # a piece with which a word begins
GOES_ON = "\u1100"  # from here on scripts that write endings onto words (Hangul), or put no spaces between them


def routes(service: Service, access: Access, is_there: bool) -> APIRouter:
    """What answers.

    Args:
        is_there: False: there is no page, and the address says so.
    """
    router = APIRouter(tags=["mtkit"])
    if not is_there:
        return router

    @router.get("/", include_in_schema=False)
    def index() -> FileResponse:
        return FileResponse(FOLDER / "index.html")

    @router.get("/page/{name}", include_in_schema=False)
    def file(name: str) -> FileResponse:
        if name not in FILES:
            raise Wrong("there is no such page", 404)
        return FileResponse(FOLDER / name, media_type=FILES[name])

    @router.post("/page/translate", include_in_schema=False)
    async def translate(request: Request) -> JSONResponse:
        """A text's translation, line by line, with links between words and how sure the model is of each."""
        fields = await Fields.of(request)
        client = asker(request, access, fields.text("api_key", ""))
        text = fields.text("q")
        if client.limits.characters and len(text) > client.limits.characters:
            raise Wrong(f"the text has {len(text):,} characters, at most {client.limits.characters:,} are taken")
        wanted = Wanted(fields.text("source", AUTO), fields.text("target"), ALTERNATIVES, details=True)
        (answer,) = await while_there(request, service.translate([text], wanted))
        detected = answer.detected
        return JSONResponse(
            {
                "text": answer.text,
                "alternatives": answer.alternatives,
                "detected": detected and {"language": detected.language, "confidence": round(detected.confidence, 3)},
                "model": answer.model,
                "lines": [told(one) for one in answer.lines],
            }
        )

    return router


def told(translation: Translation) -> dict[str, Any]:
    """A line as the page shows it: words of both sides, links between them, how sure the model is of each word, whose
    translation it is, and the terms that it was to have, with the places of the words that they are."""
    best = translation.candidates[0] if translation.candidates else None
    words = translation.text.split()
    return {
        "source": translation.source.split(),
        "words": words,
        "sure": sureness(best, len(words)) if best else [],
        "links": best.alignment or [] if best else [],
        "origin": translation.origin,
        "warnings": translation.warnings,
        "terms": [
            {"source": one.source, "target": one.target, "rendered": one.rendered, "words": words_of(one, words)}
            for one in translation.terms
        ],
    }


def words_of(term: Told, words: Sequence[str]) -> list[int]:
    """The places of the words in which a translation has a term, wherever it has it; [] where it lacks it."""
    text = " ".join(words).casefold()
    ends = list(accumulate(len(word.casefold()) + 1 for word in words))
    found = set[int]()
    for form in term.target.casefold().split("|") if term.rendered else ():
        bare = form.rstrip("*")
        starts = "" if unspaced(bare[0]) else r"(?<!\w)"
        ends_too = r"(?!\w)" if bare == form and bare[-1] < GOES_ON else ""
        for match in re.finditer(starts + re.escape(bare) + ends_too, text):
            found.update(range(bisect(ends, match.start()), bisect(ends, match.end() - 1) + 1))
    return sorted(found)


def sureness(candidate: Candidate, words: int) -> list[float]:
    """Of each word the probability that the model gave it: of its pieces the product; []: it is not known, since
    the text is not that of the pieces any more."""
    sums: list[float] = []
    for piece, logprob in zip(candidate.tokens, candidate.token_logprobs or [], strict=False):
        if piece.startswith(BEGINS) or not sums:
            sums.append(0.0)
        sums[-1] += logprob
    return [round(math.exp(one), 4) for one in sums] if len(sums) == words else []
