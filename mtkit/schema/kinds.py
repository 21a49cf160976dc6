"""Tables that go by their `name`: which table an encoder or a decoder has in the config.

The line of a choice names it (`settings`), torch-free; that of one without is made of what its constructor takes, which
imports it, and so is done only for one that a config names.
"""

import functools
import inspect
import re
from dataclasses import dataclass
from typing import Annotated, Any, get_type_hints

from pydantic import Field, GetCoreSchemaHandler, create_model
from pydantic.errors import PydanticUserError
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from mtkit import plugins, registry
from mtkit.errors import ConfigError
from mtkit.schema.section import choice
from mtkit.schema.sides import Conv, Side

TOLD: dict[str, tuple[str, ...]] = {
    "encoder": ("embed_dim", "hidden_dim", "dropout", "variational", "truncate"),
    "decoder": ("embed_dim", "hidden_dim", "dropout", "variational", "truncate", "attention", "attention_heads"),
}
"""What a constructor that takes it is told by `build`, and so is no key of the table."""
UNKNOWN = "unknown_name"  # the type of an error


@dataclass(frozen=True)
class ByName:
    """What makes a key a table that goes by its name: `Annotated[SerializeAsAny[Side], ByName("encoder")]`."""

    kind: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.read, handler(source))

    def read(self, value: Any) -> Any:
        """The table that a value's name means, checked; what is no table is left to be refused."""
        if not isinstance(value, dict):
            return value
        plugins.load_installed()
        name = self.name_in(value)
        if not isinstance(name, str) or name not in registry.CHOICES[self.kind]:
            raise PydanticCustomError(UNKNOWN, "unknown name", {"name": name})
        return self.table(name).model_validate({"name": name} | value)

    def name_in(self, value: Any) -> Any:
        """The name that a value gives, or the first of its kind."""
        first = next(iter(registry.CHOICES[self.kind]))
        return value.get("name", first) if isinstance(value, dict) else first

    def table(self, name: str) -> type[Side]:
        """The table of this name."""
        return table(self.kind, name)

    @property
    def tables(self) -> dict[str, type[Side]]:
        """Name -> table, of all that can be told without importing what they build."""
        lines = registry.CHOICES[self.kind]
        return {name: self.table(name) for name, line in lines.items() if line.settings}


def table(kind: str, name: str) -> type[Side]:
    """The table of an encoder or a decoder.

    Raises:
        ConfigError: its constructor takes what no config can say.
    """
    return _table(kind, name, registry.choice(kind, name))


@functools.cache
def _table(kind: str, name: str, line: registry.Choice) -> type[Side]:
    if line.settings:
        named: type[Side] = registry.load(line.settings)
        return named
    built = registry.load(line.where)
    hints = get_type_hints(built.__init__, include_extras=True)
    lines = _lines(built)
    fields: dict[str, Any] = {}
    for key, parameter in inspect.signature(built).parameters.items():
        if key in TOLD[kind] or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        said, default = hints.get(key, Any), parameter.default
        for mark in getattr(said, "__metadata__", ()):
            if isinstance(mark, registry.Named):
                said, default = Annotated[str, choice(mark.kind)], mark.default or inspect.Parameter.empty
        fields[key] = (said, Field(... if default is parameter.empty else default, description=lines.get(key)))
    if kind == "encoder":
        fields.setdefault("conv", (Conv, []))
    try:
        made: type[Side] = create_model(built.__name__, __base__=Side, __module__=built.__module__, **fields)
        made.model_rebuild(force=True)  # now, so that what cannot be said is refused here
    except (PydanticUserError, NameError) as error:
        raise ConfigError(
            f"{kind} {name!r} of {line.origin}: {line.where} takes what a config cannot say: "
            f"{str(error).splitlines()[0]}"
        ) from None
    return made


def _lines(built: type) -> dict[str, str]:
    """Argument -> what it is, from the part "Args:" of a docstring."""
    text = inspect.getdoc(built) or ""
    _, _, arguments = text.partition("Args:\n")
    arguments = re.split(r"\n\s*\n|\n(?=\S)", arguments)[0]
    found = re.findall(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", arguments, re.MULTILINE)
    return {name: _sentence(" ".join(said.split())) for name, said in found}


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
