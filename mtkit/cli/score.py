"""`mtkit score`: how likely a model finds given translations."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mtkit.cli import bulk
from mtkit.cli.decode_flags import NONE_GIVEN, Flags, decode_flags
from mtkit.cli.options import (
    ConfigOption,
    DeviceOption,
    FormatOption,
    Messages,
    ModelsOption,
    QuietOption,
    SetOption,
    TagOption,
    ThreadsOption,
    VerboseOption,
    WorkersOption,
    checked_form,
    load_translator,
)
from mtkit.cli.output import Target, check_output, work_of, write

if TYPE_CHECKING:
    from mtkit.jobs.likelihood import Scored
    from mtkit.text.stream import Source
    from mtkit.translator.translator import Translator


@decode_flags("length_penalty", "coverage_penalty", "batch_tokens", "precision")
def command(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...", help="Pairs, SOURCE<TAB>TARGET a line; default: stdin. Several: to -o FOLDER."
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where to write; default: stdout.")] = None,
    model: ModelsOption = None,
    tag: TagOption = None,
    flags: Flags = NONE_GIVEN,
    workers: WorkersOption = None,
    shard: bulk.ShardOption = None,
    join: bulk.JoinOption = False,
    ray: bulk.RayOption = None,
    chunk_lines: bulk.ChunkOption = bulk.CHUNK_LINES,
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
    many = bulk.asked(files or [], output, shard, join, ray, chunk_lines)
    file = files[0] if files else None
    if file is not None:
        from mtkit.text.lines import must_exist

        must_exist(file)
    if not many:
        check_output(output, file)
    # What a cluster is to do is only looked at here.
    here = ("cpu", None, 1) if many and many.ray is not None else (device, threads, workers or 1)
    translator = load_translator(model, config, set_, *here, messages, flags, tag)

    from mtkit.translator import forms
    from mtkit.translator.request import Request

    translator.check(translator.decode, Request(align=align))

    if many:
        from mtkit.jobs.bulk.work import Scoring

        job = Scoring(form, scores, align)
        bulk.run(many, translator, job, (workers, threads or 1), device, messages, "scored")
        return

    def shown(number: int, scored: "Scored") -> str:
        if form == "jsonl":
            return forms.jsonl(number, scored, translator.decode.precision)
        return scored.as_text(scores, align)

    from mtkit.text.stream import opened

    with opened(file) as source:
        work = work_of(translator, source, (form, scores, align))
        with Target(output, messages, work) as target:
            scored = _scored(translator, align, source, (workers or 1, threads or 1), target.done)
            number = write(scored, target, source, messages, shown, "scored")
    messages.detail(f"{number:,} pairs scored")


def _scored(
    translator: "Translator", align: bool, source: "Source", processes: tuple[int, int], done: int
) -> Generator[list["Scored"], None, None]:
    """Window by window, by so many workers of so many threads; the first window is empty, and comes when all is ready.

    Args:
        done: pairs that are not wanted again.
    """
    from mtkit.jobs.likelihood import in_parallel, score
    from mtkit.text.stream import windows
    from mtkit.translator.inputs import pairs
    from mtkit.translator.request import Pair

    def chunks(*ends: Any) -> Iterator[list[Pair]]:
        for chunk in pairs(windows(source, translator.window_lines, ends), source.name):
            yield [pair for pair in chunk if pair.number >= done] if done else chunk

    if processes[0] > 1:
        with in_parallel(translator, align, *processes) as pool:
            yield []
            yield from pool.in_order(chunk or None for chunk in chunks(*pool.ends))
    else:
        yield []
        for chunk in chunks():
            yield score(translator, align, chunk)
