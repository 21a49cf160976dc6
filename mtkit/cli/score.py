"""`mtkit score`: how likely a model finds given translations."""

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from mtkit.cli import forms
from mtkit.cli.decode_flags import NONE_GIVEN, Flags, decode_flags
from mtkit.cli.lines import opened, windows, write
from mtkit.cli.options import (
    ConfigOption,
    DeviceOption,
    Messages,
    ModelsOption,
    QuietOption,
    SetOption,
    ThreadsOption,
    VerboseOption,
    WorkersOption,
    load_translator,
)

if TYPE_CHECKING:
    from mtkit.jobs.likelihood import Scored
    from mtkit.translator.request import Line
    from mtkit.translator.translator import Translator


@decode_flags("length_penalty", "coverage_penalty", "batch_tokens", "precision")
def command(
    file: Annotated[
        Path | None, typer.Argument(help="Pairs, SOURCE<TAB>TARGET a line; default: stdin.", show_default=False)
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where to write; default: stdout.")] = None,
    model: ModelsOption = None,
    flags: Flags = NONE_GIVEN,
    workers: WorkersOption = 1,
    scores: Annotated[bool, typer.Option("--scores", help="Print score<TAB>target: what translate ranks by.")] = False,
    align: Annotated[
        bool, typer.Option("--align", help="Add ||| and links of source to target words, e.g. 0-0 1-2.")
    ] = False,
    form: forms.FormatOption = "text",
    config: ConfigOption = None,
    set_: SetOption = None,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Score pairs: the log-probability of each target given its source, one a line."""
    forms.checked(form)
    messages = Messages(quiet, verbose)
    if file is not None:
        from mtkit.text.lines import must_exist

        must_exist(file)
    translator = load_translator(model, config, set_, device, threads, workers, messages, flags)

    from mtkit.translator.request import Request

    translator.check(translator.decode, Request(align=align))

    def shown(number: int, scored: "Scored") -> str:
        return forms.scored_jsonl(number, scored) if form == "jsonl" else forms.scored_text(scored, scores, align)

    number = write(_scored(translator, align, file, (workers, threads or 1)), output, messages, shown)
    messages.detail(f"{number:,} pairs scored")


def _scored(
    translator: "Translator", align: bool, file: Path | None, processes: tuple[int, int]
) -> Generator[list["Scored"], None, None]:
    """Window by window, by so many workers of so many threads."""
    from mtkit.jobs.likelihood import in_parallel, score

    with opened(file) as (source, name):
        if processes[0] > 1:
            with in_parallel(translator, align, *processes) as pool:
                yield from pool.in_order(chunk or None for chunk in _pairs(source, name, pool.ends))
        else:
            for chunk in _pairs(source, name):
                yield score(translator, align, chunk)


def _pairs(source: BinaryIO, name: str, ends: Sequence[Any] = ()) -> Iterator[list["Line"]]:
    """Windows of pairs with their numbers."""
    from mtkit.errors import DataError
    from mtkit.text.readers import tsv
    from mtkit.translator.request import Line
    from mtkit.translator.translator import WINDOW

    number = 0
    for window in windows(source, name, WINDOW, ends):
        chunk: list[Line] = []
        for text in window:
            number += 1
            try:
                left, right = tsv.parse(text, name, number)
            except DataError:
                if chunk:
                    yield chunk  # what came before the error is good
                raise
            chunk.append(Line(left, right, number - 1))
        yield chunk
