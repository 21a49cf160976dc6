"""What is wrong with a config, in the words of whoever wrote it: its keys, what was expected, the way out."""

import json
import textwrap
from typing import Any, get_args, get_origin

from pydantic import ValidationError

from mtkit import registry
from mtkit.schema import Config, Side, Text
from mtkit.schema.kinds import UNKNOWN, ByName

LONGEST_SHOWN = 200  # characters of a value


def explained(error: ValidationError, table: dict[str, Any], origin: str, root: Any = Config) -> str:
    """All that is wrong with a table, in the words of the config.

    Args:
        root: what the table was to be.
    """
    return f"{origin}: " + "\n  ".join(explain(dict(item), table, root) for item in error.errors())


def explain(error: dict[str, Any], written: Any, root: Any) -> str:
    """One error of pydantic in the words of the config: keys as the user writes them, and the way out.

    Args:
        written: the whole table.
        root: what it was to be.
    """
    loc, kind, got = error["loc"], error["type"], error["input"]
    where, table, by_name, written = place(loc[:-1] if kind == "extra_forbidden" else loc, written, root)
    message = str(error["msg"]).removeprefix("Value error, ")
    names = list(registry.CHOICES[by_name.kind]) if by_name else []
    match kind:
        case "extra_forbidden":
            return _unknown_key(where, str(loc[-1]), table, by_name, written)
        case "missing":
            return f"{where} is required but missing"
        case _ if kind == UNKNOWN:
            name = error["ctx"]["name"]
            near = registry.nearest(name, names) if isinstance(name, str) else ""
            return f"{where}.name = {shown(name)}: expected {' or '.join(names)}{near}"
        case "model_type" | "model_attributes_type" if not isinstance(got, dict):
            hint = f"; did you mean {where}.name = {shown(got)}?" if got in names else ""
            path = "a path or " if isinstance(table, type) and issubclass(table, Text) else ""
            return f"{where} = {shown(got)}: expected {path}a table of keys{hint}"
        case "string_pattern_mismatch":
            return f"{where} = {shown(got)}: expected a name that has no / and no space in it, nor a dot before it"
        case "value_error":
            return f"{where}: {message}" if where else message
    return f"{where} = {shown(got)}: {message[0].lower()}{message[1:]}"


def _unknown_key(where: str, key: str, table: Any, by_name: ByName | None, written: Any) -> str:
    full = f"{where}.{key}" if where else key
    keys = list(getattr(table, "model_fields", {}))
    others = [name for name, other in by_name.tables.items() if key in other.model_fields] if by_name else []
    if by_name and others:
        return (
            f"{full} is a key of the {others[0]} {where.rpartition('.')[2]}, and this one is "
            f"{by_name.name_in(written)}: leave it out, or set {where}.name = {shown(others[0])}"
        )
    near, here = registry.nearest(key, keys), textwrap.shorten(", ".join(keys), LONGEST_SHOWN, placeholder=" …")
    return f"unknown key {shown(full)[1:-1]}{near} (keys here: {here})"


def place(loc: tuple[str | int, ...], written: Any, root: Any) -> tuple[str, Any, ByName | None, Any]:
    """What pydantic's path to a value stands for.

    Args:
        written: the whole table, which says what the tables are that go by their name.
        root: what it was to be.

    Returns:
        The dotted key as the user writes it, the type found there, what knows the others where it is a table that goes
        by its name, and the value that was written.
    """
    where, here = "", root
    by_name: ByName | None = None
    for part in loc:
        if isinstance(part, int):
            where, here, by_name = f"{where}[{part}]", next(iter(get_args(here)), None), None
            written = written[part] if isinstance(written, list) and part < len(written) else None
        elif get_origin(here) is dict:
            where, here = f"{where}.{part}", get_args(here)[1]
        elif field := getattr(here, "model_fields", {}).get(part):
            where, here = f"{where}.{part}".lstrip("."), field.annotation
            written = written.get(part) if isinstance(written, dict) else None
            by_name = next((mark for mark in field.metadata if isinstance(mark, ByName)), None)
            if by_name:
                here = next(iter(tables(by_name, by_name.name_in(written))), here)
    return where, here, by_name, written


def tables(by_name: ByName, name: Any) -> list[type[Side]]:
    return [by_name.table(name)] if isinstance(name, str) and name in registry.CHOICES[by_name.kind] else []


def shown(value: Any) -> str:
    """A value about as TOML has it, cut where it is very long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
