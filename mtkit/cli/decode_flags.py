"""Options of commands that are keys of [decode]: made of the one class that says what these are.

Must not know what any key does.
"""

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

import typer
from annotated_types import Ge, Gt, Le, Lt

from mtkit.decoding import Decoding, lines

Flags = Mapping[str, Any]
"""Key -> value, of the options that were given."""
NONE_GIVEN: Flags = MappingProxyType({})
Command = Callable[..., None]


def decode_flags(*keys: str, table: type[Decoding] = Decoding) -> Callable[[Command], Command]:
    """The command with an option for each of some keys, or of all that a command line can say, in place of `flags`.

    >>> @decode_flags("beam_size")
    ... def command(flags: Flags = NONE_GIVEN) -> None: ...
    """
    said, hints = lines(table), typing.get_type_hints(table, include_extras=True)
    made = {key: _option(key, hint, said[key]) for key, hint in hints.items() if key in (keys or hints)}
    options = [parameter for parameter in made.values() if parameter is not None]

    def decorate(command: Command) -> Command:
        signature = inspect.signature(command)
        parameters: list[inspect.Parameter] = []
        for parameter in signature.parameters.values():
            parameters += options if parameter.name == "flags" else [parameter]

        @functools.wraps(command)
        def run(**given: Any) -> None:
            values = {option.name: given.pop(option.name, None) for option in options}
            command(**given, flags={key: value for key, value in values.items() if value is not None})

        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        return run

    return decorate


def _option(key: str, hint: Any, said: str) -> inspect.Parameter | None:
    """What stands for a key in a command's signature; None where that is a table or a list."""
    kind, *marks = typing.get_args(hint) if typing.get_origin(hint) is Annotated else (hint,)
    more: dict[str, Any] = {}
    if typing.get_origin(kind) is Literal:
        kind, more["metavar"] = str, "|".join(typing.get_args(kind))
    if kind not in (int, float, str, bool):
        return None
    if not any(isinstance(mark, Gt | Lt) for mark in marks):  # the parser has no such bounds: the config checks them
        more["min"] = next((mark.ge for mark in marks if isinstance(mark, Ge)), None)
        more["max"] = next((mark.le for mark in marks if isinstance(mark, Le)), None)
    name = "--" + key.replace("_", "-")
    names = [f"{name}/--no-{name[2:]}"] if kind is bool else [name]
    option = typer.Option(*names, help=said, show_default=False, **more)
    return inspect.Parameter(
        key, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=Annotated[kind | None, option]
    )
