"""Settings of a choice that has no table of its own in the schema: what it takes itself, by its signature."""

import inspect
from typing import Any, get_type_hints

from pydantic import ValidationError, create_model
from pydantic.errors import PydanticUserError

from mtkit import plugins, registry
from mtkit.errors import ConfigError
from mtkit.schema.section import Section


def settings_of(kind: str, name: str, table: dict[str, Any]) -> dict[str, Any]:
    """A table of settings, checked: they are the parameters behind the star of what the registry names.

    Imports that, so this is done only for one that a config names.

    Raises:
        ValueError: there is no such choice, or it has no settings, or not these; in the words of the config.
    """
    plugins.load_installed()
    try:
        choice = registry.resolve(kind, name)
    except ConfigError as error:
        raise ValueError(str(error)) from None
    if registry.CHOICES[kind][name].always:
        raise ValueError(f"{kind} {name!r} always acts and has no settings here: leave it out")
    hints = get_type_hints(choice if inspect.isfunction(choice) else choice.__init__, include_extras=True)
    fields: dict[str, Any] = {
        key: (hints.get(key, Any), ... if one.default is one.empty else one.default)
        for key, one in inspect.signature(choice).parameters.items()
        if one.kind is one.KEYWORD_ONLY
    }
    try:
        checked: Section = create_model(name, __base__=Section, **fields).model_validate(table)
    except PydanticUserError as error:
        what = str(error).splitlines()[0]
        raise ValueError(f"{kind} {name!r} takes what a config cannot say: {what}") from None
    except ValidationError as error:
        raise ValueError("; ".join(_said(name, dict(one), list(fields)) for one in error.errors())) from None
    return {key: getattr(checked, key) for key in checked.model_fields_set}


def _said(name: str, error: dict[str, Any], keys: list[str]) -> str:
    key = str(error["loc"][0])
    match error["type"]:
        case "missing":
            return f"{name}.{key} is required but missing"
        case "extra_forbidden":
            return f"unknown key {name}.{key}{registry.nearest(key, keys)} (keys here: {', '.join(keys) or 'none'})"
    message = str(error["msg"])
    return f"{name}.{key} = {error['input']!r}: {message[0].lower()}{message[1:]}"
