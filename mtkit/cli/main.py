"""The command `mtkit`, and the one place where errors are caught."""

import os
import sys
from typing import Annotated

import typer

from mtkit import __version__
from mtkit.cli import evaluate, preprocess, train, translate
from mtkit.errors import MtkitError, Stopped

app = typer.Typer(
    help="Train a translator on parallel text, and use it. Without arguments, each command reads mtkit.toml here, "
    "or else takes the built-in demo.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("preprocess")(preprocess.command)
app.command("train")(train.command)
app.command("translate")(translate.command)
app.command("eval")(evaluate.command)
app.command("evaluate", hidden=True)(evaluate.command)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"mtkit {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run a command; end with the exit codes that the README names."""
    try:
        app()
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        sys.exit(stopped.exit_code)
    except MtkitError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has gone: nothing more to say, not even when Python flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}; check space and permissions, then run again", file=sys.stderr)
        sys.exit(1)
