"""What the OpenAPI document says of what is taken and what is refused; by hand, since fields come in several forms."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

JSON, FORM, PARTS = "application/json", "application/x-www-form-urlencoded", "multipart/form-data"
TEXT: dict[str, Any] = {"type": "string"}
TEXTS: dict[str, Any] = {"type": "array", "items": TEXT}
FILE: dict[str, Any] = {"type": "string", "format": "binary"}
WHY = {
    400: "What was sent cannot be answered; says why.",
    403: "A key is missing or wrong.",
    404: "There is no such thing, or not any more.",
    408: "The request did not come in time.",
    413: "The request is too large.",
    429: "Too much is asked for; Retry-After says when to come again.",
    500: "Something went wrong here.",
    503: "It took longer than a request may take, or is not ready.",
}


def refusals(name: str) -> dict[int | str, dict[str, Any]]:
    """What comes of what goes wrong.

    Args:
        name: of the field that says it.
    """
    schema = {"type": "object", "required": [name], "properties": {name: TEXT}}
    return {status: {"description": why, "content": {JSON: {"schema": schema}}} for status, why in WHY.items()}


def takes(fields: Mapping[str, Any], *required: str, forms: Sequence[str] = (JSON, FORM)) -> dict[str, Any]:
    """What a request says.

    Args:
        fields: name -> what it is, as JSON Schema has it.
        required: those that must be there.
        forms: in which it may come.
    """
    schema = {"type": "object", "properties": fields, "required": list(required)}
    return {"requestBody": {"required": True, "content": {form: {"schema": schema} for form in forms}}}


def one_of(values: Iterable[str], about: str = "") -> dict[str, Any]:
    """A field that says one of some values."""
    return {"type": "string", "enum": list(values)} | ({"description": about} if about else {})


def some(texts: int = 0) -> dict[str, Any]:
    """A field that says a text, or a list of them.

    Args:
        texts: at most; 0: any number.
    """
    return {"oneOf": [TEXT, TEXTS | ({"maxItems": texts} if texts else {})]}


def of_type(kind: str, about: str) -> dict[int | str, dict[str, Any]]:
    """An answer that is no JSON."""
    return {200: {"description": about, "content": {kind: {"schema": FILE}}}}
