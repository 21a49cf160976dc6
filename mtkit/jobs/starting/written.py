"""The config as a file: keys with their values, and beside each why it is so."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

COLUMN = 30  # where a comment begins
WIDTH = 110  # of a line of the head


@dataclass(frozen=True)
class Line:
    """A key of the config."""

    key: str
    """Dotted."""
    value: Any
    why: str = ""


def table(lines: Sequence[Line]) -> dict[str, Any]:
    """The config as plain values."""
    made: dict[str, Any] = {}
    for line in lines:
        *sections, key = line.key.split(".")
        inner = made
        for section in sections:
            inner = inner.setdefault(section, {})
        inner[key] = line.value
    return made


def toml(lines: Sequence[Line], head: Sequence[str]) -> str:
    """The config as a file that begins with some paragraphs; lines of a table stand together."""
    return "\n".join([*(row for paragraph in head for row in _comment(paragraph)), *_rows(lines)]) + "\n"


def _rows(lines: Sequence[Line]) -> Iterator[str]:
    before = ""
    for line in lines:
        section, _, key = line.key.rpartition(".")
        if section != before:
            yield ""
            yield f"[{section}]"
            before = section
        row = f"{key} = {_value(line.value)}"
        yield f"{row:<{COLUMN}}# {line.why}" if line.why else row


def _value(value: Any) -> str:
    """A value as TOML has it: numbers and strings as JSON does, control characters of strings too."""
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, float):
        return f"{value:g}" if "e" in f"{value:g}" or "." in f"{value:g}" else f"{value:g}.0"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(paragraph: str) -> Iterator[str]:
    row = "#"
    for word in paragraph.split(" "):
        if len(row) + len(word) >= WIDTH:
            yield row
            row = "#  "
        row += f" {word}"
    yield row.rstrip()
