"""`mtkit eval --fit-confidence`: how far a model's own numbers tell which of its translations are good."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mtkit.cli.options import Messages, compute_with, load_config, shown
from mtkit.cli.progress import Watched

if TYPE_CHECKING:
    from mtkit.text.readers.reader import Pair


def run(
    model: Path | None,
    source: Path | None,
    references: list[Path] | None,
    config: str | None,
    overrides: list[str] | None,
    device: str,
    threads: int | None,
    as_json: bool,
    messages: Messages,
) -> None:
    """Fit it on text with a reference, or on the text that a run was validated on."""
    if (source is None) != (not references) or len(references or []) > 1:
        raise typer.BadParameter("--fit-confidence takes one --src with one --ref, or, of a run, neither: its dev text")
    if model and source is None:
        raise typer.BadParameter("--model needs text with references that it has not seen: --src FILE --ref FILE")
    from mtkit.config import parse_decode
    from mtkit.jobs import confidence
    from mtkit.jobs.trained import trained
    from mtkit.store import shipped

    if model:
        if model.name in shipped.names() and shipped.meant(model) == shipped.FOLDER / model.name:
            raise typer.BadParameter(f"{model} comes with mtkit and is not changed: copy {shipped.meant(model)} first")
        decode = parse_decode(overrides or [], "--set")
    else:
        loaded = load_config(config, overrides, messages)
        model, decode = trained(loaded.run_folder), loaded.config.decode
    pairs = _pairs(source, references[0]) if source and references else confidence.dev_of(loaded)
    compute_with(threads, messages)
    facts, folder = confidence.fit_confidence(model, pairs, device=device, decode=decode, watcher=Watched(messages))
    if as_json:
        print(json.dumps(facts.model_dump(mode="json"), indent=2))
    else:
        print(facts)
    messages.say(f"confidence is in {shown(folder)}: mtkit translate --confidence")


def _pairs(source: Path, reference: Path) -> "list[Pair]":
    from mtkit.errors import DataError
    from mtkit.text.lines import lines, must_exist

    for path in (source, reference):
        must_exist(path)
    sides = [[line for line, _ in lines(path)] for path in (source, reference)]
    if len(sides[0]) != len(sides[1]):
        raise DataError(f"{source} has {len(sides[0])} lines, {reference} {len(sides[1])}: expected as many")
    return list(zip(*sides, strict=True))
