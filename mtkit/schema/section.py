"""What every table of the config is made of."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from mtkit import registry
from mtkit.errors import ConfigError


class Section(BaseModel):
    """Base of every table of the config: frozen, strict, no unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


def choice(kind: str, *also: str) -> AfterValidator:
    """A name registered under `kind`, or one of the others given."""

    def check(name: str) -> str:
        try:
            return name if name in also else registry.check(kind, name)
        except ConfigError as error:
            raise ValueError(str(error)) from None

    return AfterValidator(check)


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Paths = Annotated[list[str], BeforeValidator(_as_list)]
Share = Annotated[float, Field(ge=0, lt=1)]
Dropped = Annotated[float, Field(ge=0, le=0.95)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
