"""docs/reference.md: every command, key and choice, from what the code itself says (`make reference`)."""

import sys
from pathlib import Path
from typing import Any

import typer

from mtkit.cli.main import add, app
from mtkit.registry import CHOICES
from mtkit.schema.keys import Key, keys

SECTIONS = ("name", "seed", "data", "filter", "tokenizer", "model", "train", "decode", "eval")


def page() -> str:
    """The whole page."""
    parts = [
        "# Reference",
        "Made by `make reference` from the code; do not edit. `mtkit COMMAND --help`, `mtkit info --keys` and "
        "`mtkit info --list` say the same.",
        "## Commands",
        *commands(),
        "## Keys of the config",
        "In `mtkit.toml`, or for one call by `--set KEY=VALUE`. In brackets: which encoder or decoder has the key.",
        *tables(),
        "## Choices",
        *choices(),
    ]
    return "\n\n".join(parts) + "\n"


def commands() -> list[str]:
    """A section a command: its line, and a table of its options."""
    add()
    group: Any = typer.main.get_command(app)
    made = []
    for name, command in group.commands.items():
        if command.hidden:
            continue
        usage = " ".join(f"[{argument.name}]" for argument in command.params if argument.param_type_name == "argument")
        rows = [f"| {named(one)} | {cell(one.help or '')}{default(one)} |" for one in command.params]
        title = f"### mtkit {name}"
        made += [
            title,
            cell(command.help or ""),
            f"Usage: `mtkit {name} [OPTIONS] {usage}".rstrip() + "`",
            "\n".join(["| option | |", "|---|---|", *rows]),
        ]
    return made


def named(one: Any) -> str:
    """How an option or argument is written."""
    if one.param_type_name == "argument":
        return f"`[{one.name}]`"
    if one.is_flag:
        return ", ".join(f"`{option}`" for option in one.opts)
    kinds = {"path": "PATH", "int": "N", "integer": "N", "float": "X"}
    what = one.metavar or kinds.get(one.type.name.split()[0], "TEXT")
    return ", ".join(f"`{option}`" for option in one.opts) + f" `{cell(what)}`"


def default(one: Any) -> str:
    """What is taken where an option is not given, if its line does not say so."""
    value = getattr(one, "default", None)
    plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    return f" Default: {value}." if plain and one.param_type_name == "option" else ""


def tables() -> list[str]:
    """A table of keys for each table of the config."""
    every = keys()
    made = []
    for section in SECTIONS:
        rows = [row(key) for key in every if key.key.split(".")[0] == section]
        if section in ("name", "seed"):
            made += ["\n".join(["| key | takes | default | |", "|---|---|---|---|", *rows])]
        else:
            made += [f"### [{section}]", "\n".join(["| key | takes | default | |", "|---|---|---|---|", *rows])]
    return made


def row(key: Key) -> str:
    """A key's line."""
    what = key.what + (f" ({key.of})" if key.of else "")
    value = "required" if key.default is None else f"`{shown(key.default)}`"
    return f"| `{key.key}` | {cell(key.type)} | {value} | {cell(what)} |"


def shown(value: Any) -> str:
    """A default as TOML has it."""
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)


def choices() -> list[str]:
    """What a name can be, with its paper."""
    rows = [
        f"| {kind} | `{name}` | {cell(choice.what)} | {choice.paper} |"
        for kind, names in CHOICES.items()
        if kind != "command"
        for name, choice in names.items()
    ]
    return ["\n".join(["| kind | choice | | paper |", "|---|---|---|---|", *rows])]


def cell(text: str) -> str:
    """A text as a Markdown table takes it."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
