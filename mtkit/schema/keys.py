"""Every key of the config with what it takes, its default and its line, read from the tables themselves."""

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from mtkit import registry
from mtkit.errors import ConfigError
from mtkit.schema import Config, Text, described
from mtkit.schema.kinds import ByName
from mtkit.schema.section import ChoiceOf

SIGNS: dict[type, tuple[str, str]] = {Ge: (">=", "ge"), Gt: (">", "gt"), Le: ("<=", "le"), Lt: ("<", "lt")}
PLAIN = {bool: "true|false", int: "int", float: "float", str: "text"}


class Key(NamedTuple):
    """A key of the config."""

    key: str
    """Dotted; NAME[].KEY is a key of each table of a list."""
    of: str
    """The encoder or decoder that has it; "": it does not depend on that."""
    type: str
    default: Any
    """As in the config; None: there is none, the key is required."""
    what: str


def keys(prefix: str = "") -> list[Key]:
    """The keys that begin with `prefix`, in the order of the tables; those of all encoders and decoders.

    Raises:
        ConfigError: there is none; names the nearest.
    """
    every = list(_keys(Config, "", ""))
    found = [key for key in every if key.key.startswith(prefix)]
    if not found:
        ends = {key.key[:end] for key in every for end, sign in enumerate(key.key + ".") if sign == "."}
        raise ConfigError(f"no key begins with {prefix!r}{registry.nearest(prefix, sorted(ends))}")
    return found


def _keys(table: Any, prefix: str, of: str) -> Iterator[Key]:
    said = described.lines(table)
    for key, field in table.model_fields.items():
        name = prefix + key
        by_name = next((mark for mark in field.metadata if isinstance(mark, ByName)), None)
        inner = next(iter(get_args(field.annotation)), None)
        if by_name:
            yield from _by_name(by_name, name)
        elif hasattr(field.annotation, "model_fields"):
            yield from _keys(field.annotation, f"{name}.", of)
        else:
            yield Key(name, of, _said(field.annotation, field.metadata), _default(field), said[key])
            if hasattr(inner, "model_fields"):
                yield from _keys(inner, f"{name}[].", of)


def _by_name(by_name: ByName, prefix: str) -> Iterator[Key]:
    names = list(registry.CHOICES[by_name.kind])
    yield Key(f"{prefix}.name", "", "|".join(names), names[0], f"Which {by_name.kind}.")
    for name in names:
        yield from (key for key in _keys(by_name.table(name), f"{prefix}.", name) if key.key != f"{prefix}.name")


def _default(field: FieldInfo) -> Any:
    if field.is_required():
        return None
    default = field.get_default()
    if isinstance(default, list):
        return [part.model_dump() if hasattr(part, "model_dump") else part for part in default]
    return "" if default is None else default


def _said(annotation: Any, marks: Any = ()) -> str:
    """A type in words, with its bounds."""
    if get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        marks = [part for mark in more for part in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]
    for mark in marks:
        if isinstance(mark, ChoiceOf):
            return "|".join(mark.names)
    if get_origin(annotation) is Literal:
        return "|".join(map(str, get_args(annotation)))
    if get_origin(annotation) in (UnionType, Union):  # with None, which says that a key is left out
        return _said(get_args(annotation)[0], marks)
    if get_origin(annotation) is list:
        (inner,) = get_args(annotation)
        if isinstance(inner, type) and issubclass(inner, Text):
            return "list of paths or tables"
        return f"list of {'tables' if hasattr(inner, 'model_fields') else _said(inner)}"
    if get_origin(annotation) is dict:
        return "table"
    limits = [(*SIGNS[type(mark)], mark) for mark in marks if type(mark) in SIGNS]
    bounds = [f"{sign} {getattr(mark, attribute)}" for sign, attribute, mark in limits]
    word = PLAIN.get(annotation) or getattr(annotation, "__name__", str(annotation))
    return f"{word} {', '.join(bounds)}".rstrip()
