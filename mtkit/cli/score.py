"""`mtkit score`: how likely a model finds given translations."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtkit.cli.decode_flags import NONE_GIVEN, Flags, decode_flags
from mtkit.cli.options import (
    ConfigOption,
    DeviceOption,
    FormatOption,
    Messages,
    ModelsOption,
    QuietOption,
    SetOption,
    ThreadsOption,
    VerboseOption,
    WorkersOption,
    checked_form,
    load_translator,
)
from mtkit.cli.output import write

if TYPE_CHECKING:
    from mtkit.jobs.likelihood import Scored
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
    form: FormatOption = "text",
    config: ConfigOption = None,
    set_: SetOption = None,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Score pairs: the log-probability of each target given its source, one a line."""
    checked_form(form)
    messages = Messages(quiet, verbose)
    if file is not None:
        from mtkit.text.lines import must_exist

        must_exist(file)
    translator = load_translator(model, config, set_, device, threads, workers, messages, flags)

    from mtkit.translator.request import Request

    translator.check(translator.decode, Request(align=align))

    def shown(number: int, scored: "Scored") -> str:
        if form == "jsonl":
            return json.dumps(scored.as_json(number), ensure_ascii=False) + "\n"
        return scored.as_text(scores, align)

    number = write(_scored(translator, align, file, (workers, threads or 1)), output, messages, shown)
    messages.detail(f"{number:,} pairs scored")


def _scored(
    translator: "Translator", align: bool, file: Path | None, processes: tuple[int, int]
) -> Generator[list["Scored"], None, None]:
    """Window by window, by so many workers of so many threads."""
    from mtkit.jobs.likelihood import in_parallel, score
    from mtkit.text.stream import opened, windows
    from mtkit.translator.inputs import pairs

    with opened(file) as (source, name):
        if processes[0] > 1:
            with in_parallel(translator, align, *processes) as pool:
                chunks = pairs(windows(source, name, translator.window_lines, pool.ends), name)
                yield from pool.in_order(chunk or None for chunk in chunks)
        else:
            for chunk in pairs(windows(source, name, translator.window_lines), name):
                yield score(translator, align, chunk)
