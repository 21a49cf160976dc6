"""`mtkit train`: parse, run, and show what happens."""

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from mtkit.cli.options import (
    ConfigOption,
    DeviceOption,
    QuietOption,
    SetOption,
    ThreadsOption,
    VerboseOption,
    compute_with,
    detail_native,
    load_config,
    shown,
)
from mtkit.cli.together import messages_of, view_of


def command(
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start anew; what the run's folder holds is kept beside it.")
    ] = False,
    init_from: Annotated[
        Path | None,
        typer.Option("--init-from", metavar="DIR", help="Begin with weights and tokenizer of a bundle or a run."),
    ] = None,
    config: ConfigOption = None,
    set_: SetOption = None,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Train a model, or go on with an interrupted training; writes runs/NAME with its best model."""
    from mtkit.train.joining import joined

    with joined(device) as group:
        messages = messages_of(group, quiet, verbose)
        if init_from is not None:
            set_ = [*(set_ or []), f"train.init_from={json.dumps(_for_config(init_from, config), ensure_ascii=False)}"]
        loaded = load_config(config, set_, messages)
        from mtkit.jobs.train import train

        compute_with(group.threads(threads), messages)
        detail_native(messages)
        called = shlex.join(["mtkit", *sys.argv[1:]])
        view = view_of(group, messages, loaded.config)
        progress = train(loaded, view, device=device, fresh=fresh, command=called, group=group)
        if progress.best_scores:
            from mtkit.metrics.metric import told

            messages.say(f"best at update {progress.best_update:,}: dev {told(progress.best_scores)}")
            messages.say(f"the model is {shown(loaded.run_folder / 'best')}; try: mtkit translate, mtkit eval")


def _for_config(path: Path, config: str | None) -> str:
    """A path from here as one of the config, whose paths start at its own folder."""
    elsewhere = config is not None and Path(config).is_file() and Path(config).resolve().parent != Path.cwd()
    return str(path.resolve() if elsewhere else path)
