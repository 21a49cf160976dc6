"""What every table of the config is made of."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from mtkit import plugins, registry
from mtkit.errors import ConfigError


class Section(BaseModel):
    """Base of every table of the config: frozen, strict, no unknown keys. What is below a key says what it does; it is
    read where somebody asks (`described`), and what checks a table is made when there is one to check."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)


@dataclass(frozen=True)
class ChoiceOf:
    """What makes a key take the name of a choice; see `choice`."""

    kind: str
    also: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def check(self, name: str) -> str:
        plugins.load_installed()
        try:
            return name if name in self.also else registry.check(self.kind, name)
        except ConfigError as error:
            raise ValueError(str(error)) from None

    @property
    def names(self) -> list[str]:
        """All that the key can say."""
        plugins.load_installed()
        return [*self.also, *registry.CHOICES[self.kind]]


def choice(kind: str, *also: str) -> ChoiceOf:
    """A name registered under `kind`, or one of the others given: `cell: Annotated[str, choice("cell")]`."""
    return ChoiceOf(kind, also)


def chosen(section: Section) -> Iterator[tuple[str, str, str]]:
    """(key, kind, name) of each key of a table that names a choice."""
    for key, field in type(section).model_fields.items():
        for kind in (part.kind for part in field.metadata if isinstance(part, ChoiceOf)):
            yield key, kind, getattr(section, key)


def as_list(value: Any) -> Any:
    """One as a list of one."""
    if isinstance(value, str):
        return [value] if value.strip() else []  # "" names nothing; as a path it would be the folder
    return value


def regular(own: str) -> str:
    """A regular expression.

    Raises:
        ValueError: it is none.
    """
    try:
        re.compile(own)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(
            f"{own!r} is no regular expression ({error}): put \\ before marks that stand for themselves"
        ) from None
    return own


Paths = Annotated[list[str], BeforeValidator(as_list)]
Patterns = Annotated[list[Annotated[str, AfterValidator(regular)]], BeforeValidator(as_list)]
"""Regular expressions; one or a list."""
Parts = Annotated[list[Literal["encoder", "decoder", "embeddings"]], BeforeValidator(as_list)]
"""Of a model."""
Share = Annotated[float, Field(ge=0, lt=1)]
Dropped = Annotated[float, Field(ge=0, le=0.95)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Layers = Annotated[int, Field(ge=1, le=1000)]
Width = Annotated[int, Field(ge=1, le=1 << 16)]
"""Of a tensor; no larger, so that products of some of them are numbers of 64 bits."""
