"""`mtkit look`: what models do with a sentence."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtkit.cli.decode_flags import NONE_GIVEN, Flags, decode_flags
from mtkit.cli.options import (
    ConfigOption,
    Messages,
    QuietOption,
    SetOption,
    TagOption,
    ThreadsOption,
    VerboseOption,
    load_translator,
    shown,
)
from mtkit.cli.output import Target, check_output
from mtkit.cli.streams import console, open_for_writing

if TYPE_CHECKING:
    from mtkit.jobs.look import Looked
    from mtkit.translator.request import Line, Pair

NARROWEST = 40  # cells of a terminal that says less of itself


@decode_flags(
    "beam_size", "length_penalty", "coverage_penalty", "max_ratio", "min_length", "no_repeat_ngram", "precision"
)
def command(
    sentence: Annotated[str | None, typer.Argument(help="The sentence; default: a sentence a line, of stdin.")] = None,
    file: Annotated[Path | None, typer.Option("--input", "-i", metavar="FILE", help="Sentences, one a line.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A page of HTML to write; default: a picture here."),
    ] = None,
    model: Annotated[
        list[Path] | None,
        typer.Option(
            "--model", "-m", metavar="DIR", help="A bundle or a run; repeated: side by side; default: the config's run."
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--target", metavar="TEXT", help="A translation to force instead of searching."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all that is seen as JSON, a sentence a line.")] = False,
    tag: TagOption = None,
    flags: Flags = NONE_GIVEN,
    config: ConfigOption = None,
    set_: SetOption = None,
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Look into models: attention, probabilities, search, gradients and states of a sentence, as a page or here.

    It is computed on the CPU.
    """
    if sentence is not None and file is not None:
        raise typer.BadParameter("a SENTENCE and --input were given: take one of them")
    if target is not None and sentence is None:
        raise typer.BadParameter("--target goes with a SENTENCE")
    if target is not None and not (target.strip() and sentence and sentence.strip()):
        raise typer.BadParameter("--target and its SENTENCE must say something")
    if as_json and output is not None:
        raise typer.BadParameter("--json prints, --output writes a page: take one of them")
    messages = Messages(quiet, verbose)
    if file is not None:
        from mtkit.text.lines import must_exist

        must_exist(file)
    check_output(output, file)
    models: list[list[Path] | None] = [[one] for one in model] if model else [None]
    translators = [load_translator(one, config, set_, "cpu", threads, 1, messages, flags, tag) for one in models]

    from mtkit.jobs import look

    seen = _warned(look.looked(translators, _lines(sentence, target, file, messages)), messages)
    if output is None:
        if not _show(seen, as_json):
            messages.warn("there is no line to look at")
        return
    kept = list(itertools.islice(seen, look.MOST_LINES))
    if next(seen, None) is not None:
        messages.warn(f"the page holds the first {look.MOST_LINES} lines; look at the others by themselves")
    if not kept:
        messages.warn("there is no line to look at: no page was written")
        return
    with Target(output, messages) as page:
        page.write(look.page(kept))
    messages.say(f"open {shown(output)} in a browser")


def _lines(sentence: str | None, target: str | None, file: Path | None, messages: Messages) -> "Iterator[Line | Pair]":
    from mtkit.text.stream import opened, windows
    from mtkit.translator.request import Line, Pair

    if sentence is not None and sentence != "-":
        one = " ".join(sentence.splitlines())
        yield Line(one) if target is None else Pair(one, " ".join(target.splitlines()))
        return
    with opened(file) as source:
        if source.is_terminal:
            messages.say("type a sentence and Enter; Ctrl-D ends")
        number = 0
        for window in windows(source, 1):
            for text in window:
                yield Line(text, number=number)
                number += 1


def _warned(seen: "Iterator[Looked]", messages: Messages) -> "Iterator[Looked]":
    try:
        for one in seen:
            for warning in one.warnings:
                messages.warn_of(f"line {one.number + 1}", warning)
            yield one
    finally:
        messages.count_up("lines")


def _show(seen: "Iterator[Looked]", as_json: bool) -> int:
    """On stdout; returns how many lines there were."""
    from mtkit.cli.heat import heat

    shown_lines = 0
    if as_json:
        out = open_for_writing()
        for one in seen:
            shown_lines += 1
            out.write(json.dumps(one.as_json(), ensure_ascii=False) + "\n")
            out.flush()
        return shown_lines
    screen = console(stderr=False)
    for one in seen:
        shown_lines += 1
        for place, each in enumerate(one.looks):
            if place or one.number:
                screen.print()
            for line in heat(each, max(NARROWEST, screen.width), screen.is_terminal and not screen.no_color):
                screen.print(line, no_wrap=True, overflow="ignore", crop=False)
    return shown_lines
