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
    compute_with,
    detail_native,
    shown,
)
from mtkit.cli.together import messages_of, view_of

if TYPE_CHECKING:
    from mtkit.report.training import TrainingFacts


def command(
    model: Annotated[Path, typer.Argument(help="A bundle or a run.", show_default=False)],
    text: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Parallel text in its languages: PREFIX or a file (.tsv, .tmx, ...); one or more.", show_default=False
        ),
    ] = None,
    suggestions: Annotated[
        str | None,
        typer.Option("--suggestions", metavar="FILE|URL", help="What mtkit serve --suggestions was told, too."),
    ] = None,
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
    if not text and suggestions is None:
        raise typer.BadParameter("name a text: a PREFIX or a file, or --suggestions", param_hint="TEXT")
    from mtkit.train.joining import joined

    with joined(device) as group:
        messages = messages_of(group, quiet, verbose)
        texts = list(text or [])
        if suggestions is not None:
            from mtkit.jobs.adapting import suggested

            path, pairs = suggested.write(suggestions, model)
            messages.say(f"{pairs:,} pairs of {suggestions} are in {path}")
            texts.append(path)
        from mtkit.jobs.adapt import prepare

        compute_with(group.threads(threads), messages)
        detail_native(messages)
        made = prepare(
            model,
            texts,
            name=out,
            dev=dev,
            minutes=minutes,
            extend=extend,
            overrides=set_ or [],
            device=device,
            fresh=fresh,
            listener=messages,
            group=group,
        )
        messages.detail(made.loaded.config.model_dump_json(indent=1))
        view = view_of(group, messages, made.loaded.config)
        called = shlex.join(["mtkit", *sys.argv[1:]])
        facts = made.run(view, device=device, fresh=fresh, command=called, group=group)
        if facts:
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
