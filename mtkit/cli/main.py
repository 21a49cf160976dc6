"""The command `mtkit`, and the one place where errors are caught."""

import errno
import functools
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from mtkit import __version__
from mtkit.cli import remedies, streams
from mtkit.cli.options import with_homes, with_plugins
from mtkit.errors import MtkitError, Stopped, out_of_memory
from mtkit.jobs.signals import raised
from mtkit.registry import CHOICES, resolve

PACKAGE = Path(__file__).resolve().parent.parent
NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
NO_PERMISSION = {errno.EACCES, errno.EPERM, errno.EROFS}
NO_PLACE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP}

app = typer.Typer(
    help="Train a translator on parallel text, and use it. Without arguments, each command reads mtkit.toml here, "
    "or else takes the built-in demo.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_added = set[str]()


def _guarded(command: Callable[..., None]) -> Callable[..., None]:
    """The command with its errors turned into a line or two on stderr and an exit code.

    Around each command, so that what is caught here never reaches the argument parser, which has ideas of its own of
    interrupts and closed pipes; and around all, for what the parser prints itself.
    """

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            try:
                command(*args, **kwargs)
            finally:
                sys.stdout.flush()
        except Stopped as stopped:
            _leave(str(stopped), stopped.exit_code)
        except MtkitError as error:
            _leave(f"error: {remedies.shown(error)}", 1)
        except KeyboardInterrupt as end:
            _leave("interrupted", getattr(end, "exit_code", 130))
        except (streams.Gone, BrokenPipeError):  # whoever read our output: nothing more to say
            sys.exit(0)
        except RecursionError:
            _leave("error: what was given is nested too deeply to be read", 1)
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            _leave("error: out of memory; lower train.batch_tokens (in translating, decode.batch_tokens)", 1)
        except OSError as error:
            if kwargs.get("verbose"):
                traceback.print_exc()
            _leave(f"error: {_told(error)}", 1)
        except UnicodeEncodeError as error:
            if error.encoding != sys.getfilesystemencoding():
                raise
            _leave(f"error: {error.object!r} is no file name in this locale; set LC_ALL=C.UTF-8, or rename it", 1)

    return run


def _told(error: OSError) -> str:
    """What the system refused, and what to do: something of ours that is missing is not for the user to look for."""
    files = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    for name in files:
        ours = Path(name).is_absolute() and PACKAGE in Path(os.path.realpath(name)).parents
        if ours and isinstance(error, FileNotFoundError):
            return f"mtkit is not installed whole: {name} is missing; install it again"
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}; check {_suspect(error)}, then run it again"


def _suspect(error: OSError) -> str:
    """What to look at."""
    for numbers, what in ((NO_SPACE, "space"), (NO_PERMISSION, "permissions"), (NO_PLACE, "the path")):
        if error.errno in numbers:
            return what
    return "space and permissions"


def _leave(message: str, code: int) -> None:
    print(streams.printable(message), file=sys.stderr)
    sys.exit(code)


def add(*names: str) -> None:
    """Give the app commands; none: all. Each imports a file, so that only what is asked for is added."""
    for name in names or CHOICES["command"]:
        if name not in _added:
            _added.add(name)
            hidden = CHOICES["command"][name].hidden
            app.command(name, hidden=hidden)(_guarded(with_homes(with_plugins(resolve("command", name)))))


@_guarded
def _add_installed() -> None:
    """Commands that installed plug-ins bring; asked for only where the command is none of ours, since it takes time."""
    from mtkit import plugins

    plugins.load_installed()
    add()


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


@_guarded
def _begin() -> None:
    streams.prepare()
    asked = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), None)
    if asked is None or asked in CHOICES["command"]:
        add(*filter(None, [asked]))
    else:
        _add_installed()


def main() -> None:
    """Run a command; ends the process with the exit codes that docs/files.md names."""
    raised()
    _begin()
    _guarded(app)()
