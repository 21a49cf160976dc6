"""Tables that were read from a file, made into what they stand for: one strict check, one way to say what is wrong."""

import json
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from mtkit import reading
from mtkit.reading import Unreadable

T = TypeVar("T")
MOST_PIECES = 10_000_000  # of a vocabulary


def _plain(name: str) -> str:
    if not reading.plain(name):
        raise ValueError("a name of a file, without folders")
    return name


FileName = Annotated[str, AfterValidator(_plain)]
"""Of a file in the same folder, and of none outside it."""
Count = Annotated[int, Field(ge=0, lt=1 << 62)]
Pieces = Annotated[int, Field(ge=1, le=MOST_PIECES)]
"""The size of a vocabulary."""
Language = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^/\s]+$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def parsed(kind: TypeAdapter[T], table: Any, where: object) -> T:
    """What a table stands for: no type is taken for another one, 5 for "5", say.

    Args:
        table: as JSON gives it.
        where: the file, in messages.

    Raises:
        Unreadable: names the first key that is wrong, with what was found and what was expected.
    """
    try:
        return kind.validate_json(json.dumps(table), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    key = reading.line(".".join(map(str, first["loc"])), 3 * reading.SHOWN)
    at = f"{where}, {key}" if key else str(where)
    match first["type"]:
        case "missing":
            raise Unreadable(f"{at}: it is missing")
        case "extra_forbidden":
            raise Unreadable(f"{at}: an unknown key")
    expected = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ").removeprefix("an object")
    raise Unreadable(f"{at}: found {reading.shown(first['input'])}, expected {reading.line(expected)}")
