"""`mtkit adapt`: a model made fit for a text."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtkit.cli.options import (
    DeviceOption,
    Messages,
    QuietOption,
    SetOption,
    ThreadsOption,
    VerboseOption,
    detail_native,
    shown,
)

if TYPE_CHECKING:
    from mtkit.jobs.view import View
    from mtkit.report.training import TrainingFacts


def command(
    model: Annotated[Path, typer.Argument(help="A bundle or a run.", show_default=False)],
    text: Annotated[
        list[Path],
        typer.Argument(help="Parallel text in its languages: PREFIX or a .tsv; one or more.", show_default=False),
    ],
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="NAME", help="The run's folder, runs/NAME; default: MODEL-TEXT.")
    ] = "",
    dev: Annotated[
        Path | None, typer.Option("--dev", metavar="TEXT", help="Text to measure on; default: some is held out.")
    ] = None,
    minutes: Annotated[
        float, typer.Option("--minutes", min=0, help="To train at most; 0: by the size of the text.")
    ] = 0,
    extend: Annotated[
        int,
        typer.Option("--extend", min=0, metavar="N", help="Pieces that its vocabulary gets for this text."),
    ] = 0,
    memory: Annotated[
        Path | None,
        typer.Option(
            "--memory",
            metavar="FILE",
            help="Train nothing: add the pairs to this translation memory, a .tsv, for mtkit translate --memory.",
        ),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start anew; what the run's folder holds is kept beside it.")
    ] = False,
    set_: SetOption = None,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Train a model on, for a text of yours, and write one that is fit for it; says what that changed."""
    messages = Messages(quiet, verbose)
    if memory:
        of_training = {"--out": out, "--dev": dev, "--minutes": minutes, "--extend": extend, "--fresh": fresh}
        if given := [flag for flag, value in (of_training | {"--set": set_}).items() if value]:
            raise typer.BadParameter(f"{given[0]} is of training, and with --memory nothing is trained: leave one out")
        _remember(model, text, memory, device, threads, messages)
        return
    from mtkit.jobs.adapt import prepare
    from mtkit.ops.device import set_threads

    set_threads(threads)
    detail_native(messages)
    made = prepare(
        model,
        text,
        name=out,
        dev=dev,
        minutes=minutes,
        extend=extend,
        overrides=set_ or [],
        device=device,
        fresh=fresh,
        listener=messages,
    )
    messages.detail(made.loaded.config.model_dump_json(indent=1))
    from mtkit.cli.training_view import LiveView, PlainView

    live = sys.stderr.isatty() and not quiet
    view: View = (LiveView if live else PlainView)(messages, made.loaded.config)
    facts = made.run(view, device=device, fresh=fresh, command=shlex.join(["mtkit", *sys.argv[1:]]))
    _show(facts, messages)
    folder = shown(made.loaded.run_folder)
    messages.say(f"the model is {folder}/best; try: mtkit translate -m {folder}")


def _show(facts: "TrainingFacts", messages: Messages) -> None:
    """What was gained and lost, a line a text."""
    from mtkit.metrics.metric import told

    for one in facts.measured:
        messages.say(f"{one.text} ({one.pairs:,} pairs): {told(one.before)} -> {told(one.after)}")
    if facts.share < 1:
        messages.say(f"{facts.share:.0%} of what was learnt is in it, so that little of the parent is forgotten")


def _remember(
    model: Path, text: list[Path], memory: Path, device: str, threads: int | None, messages: Messages
) -> None:
    """Add pairs to a memory, and say what became of them."""
    from mtkit.jobs.adapting.remembering import remember
    from mtkit.ops.device import set_threads

    set_threads(threads)
    made = remember(model, text, memory, device=device, listener=messages)
    counts = {"new": made.new, "put right": made.corrected, "known": made.known, "left out (blank)": made.left_out}
    told = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "no pairs"
    messages.say(f"{memory}: {told}; {made.size:,} in all; try: mtkit translate -m {model} --memory {memory}")
