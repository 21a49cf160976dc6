"""What can be asked, as a page that is made from the OpenAPI document; it needs nothing from elsewhere."""

import json
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mtkit.server.page import FOLDER

EXAMPLES: dict[str, Any] = {
    "q": "Save the file",
    "s": "Speichern",
    "source": "en",
    "target": "de",
    "text": ["Save the file"],
    "target_lang": "DE",
    "source_lang": "EN",
    "document_key": "KEY",
    "file": "@FILE",
    "name": "mine",
    "entries": "file\tDatei",
}
"""What a request says in each field that it cannot do without."""


def routes(app: FastAPI) -> APIRouter:
    """What answers."""
    router = APIRouter()
    pages = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True)

    @router.get("/docs", include_in_schema=False)
    def docs(request: Request) -> HTMLResponse:
        base = str(request.base_url).rstrip("/")
        template, found = pages.get_template("docs.html"), ways(app.openapi(), base)
        return HTMLResponse(template.render(title=app.title, version=app.version, ways=found))

    return router


def ways(document: dict[str, Any], base: str) -> list[dict[str, Any]]:
    """Of each address and method what it does and takes, and a command that asks it."""
    found = []
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            content = told.get("requestBody", {}).get("content", {})
            is_file = list(content) == ["multipart/form-data"]
            (schema,) = [one["schema"] for one in content.values()][:1] or [{}]
            fields = [
                {
                    "name": name,
                    "kind": _kind(one),
                    "needed": name in schema.get("required", []),
                    "says": one.get("description", ""),
                }
                for name, one in schema.get("properties", {}).items()
            ]
            example = {name: EXAMPLES[name] for name in schema.get("required", [])}
            body = f" -H 'Content-Type: application/json' -d '{json.dumps(example)}'" if example else ""
            if is_file:
                body = "".join(f" -F {name}={value}" for name, value in example.items())
            found.append(
                {
                    "path": path,
                    "method": method.upper(),
                    "group": told.get("tags", [""])[0],
                    "does": told.get("description") or told.get("summary", ""),
                    "fields": fields,
                    "command": f"curl {base}{path}{body}",
                }
            )
    return found


def _kind(schema: dict[str, Any]) -> str:
    if choices := schema.get("oneOf"):
        return " or ".join(map(_kind, choices))
    if names := schema.get("enum"):
        return " or ".join(names)
    return f"list of {_kind(schema['items'])}s" if schema.get("type") == "array" else str(schema.get("type", ""))
