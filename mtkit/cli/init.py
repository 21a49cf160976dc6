"""`mtkit init`: a first config for text that lies somewhere."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from mtkit.cli.options import DeviceOption, Messages, QuietOption, ThreadsOption, VerboseOption, compute_with, shown

STDOUT = Path("-")


def command(
    texts: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[TEXT]...",
            help="Files of parallel text, PREFIX of PREFIX.LANG, folders; default: this folder.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where the config goes; -: to stdout.")
    ] = Path("mtkit.toml"),
    source: Annotated[
        str, typer.Option("--from", metavar="LANG", help="The language to translate from.", show_default=False)
    ] = "",
    target: Annotated[
        str, typer.Option("--to", metavar="LANG", help="The language to translate to.", show_default=False)
    ] = "",
    minutes: Annotated[
        float, typer.Option("--minutes", min=0, help="To train; 0: by the size of the text and this machine.")
    ] = 0,
    force: Annotated[bool, typer.Option("--force", help="Write over a config that is there.")] = False,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Look at text, and write a config for it that the other commands take as it is."""
    from mtkit.jobs.init import Asked, begin

    for flag, code in (("--from", source), ("--to", target)):
        if code and any(sign.isspace() or sign == "/" for sign in code):
            raise typer.BadParameter(f"{flag} {code!r} is no code of a language; expected one such as en")
    messages = Messages(quiet, verbose)
    compute_with(threads, messages)
    named = tuple(texts or [Path()])
    made = begin(Asked(named, None if out == STDOUT else out, source, target, minutes, force, device), messages)
    if out == STDOUT:
        sys.stdout.write(made)
    else:
        messages.detail(made.rstrip())
        messages.say(f"wrote {shown(out)}; next: mtkit preprocess, mtkit train, mtkit eval")
