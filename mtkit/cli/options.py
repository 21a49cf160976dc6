"""Options that the commands share, and what follows from them."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mtkit.config import Loaded

ConfigOption = Annotated[
    str | None,
    typer.Option("--config", "-c", metavar="FILE|RECIPE", help="The config; default: mtkit.toml here, or the demo."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="KEY=VALUE", help="Set a key of the config, e.g. -s model.encoder.cell=lstm."),
]
DeviceOption = Annotated[str, typer.Option("--device", metavar="auto|cpu|cuda|cuda:N", help="Where to compute.")]
ThreadsOption = Annotated[int | None, typer.Option("--threads", min=1, help="Threads to compute with.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Only the answer and errors.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Say more, the resolved config among it.")]


class Messages:
    """What goes to stderr."""

    def __init__(self, quiet: bool, verbose: bool = False) -> None:
        self.quiet, self.verbose = quiet, verbose

    def say(self, message: str) -> None:
        """A line for the user; warnings are said even when quiet."""
        if not self.quiet or message.startswith("WARNING"):
            self._print(message)

    def detail(self, message: str) -> None:
        """A line for whoever asked for more."""
        if self.verbose and not self.quiet:
            self._print(message)

    def _print(self, message: str) -> None:
        try:
            print(message, file=sys.stderr, flush=True)
        except BrokenPipeError:  # nobody listens any more; that is no reason to end the work
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def load_config(config: str | None, overrides: list[str] | None, messages: Messages) -> "Loaded":
    """Read the config and say which one it is."""
    from mtkit.config import load

    loaded = load(config, overrides)
    messages.say(f"config: {loaded.origin}")
    messages.detail(loaded.config.model_dump_json(indent=1))
    return loaded


def shown(path: Path) -> str:
    """A path as short as it can be said from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
