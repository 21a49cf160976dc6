"""`mtkit translate`: lines from a file or a pipe, translations to stdout."""

import contextlib
import sys
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mtkit.cli import bulk, documents
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
    detail_native,
    load_translator,
)
from mtkit.cli.output import Target, check_output, work_of, write

if TYPE_CHECKING:
    from mtkit.text.stream import Source
    from mtkit.translator.request import Request, Translation
    from mtkit.translator.translator import Translator

SHOWN = 3  # terms in a message


@decode_flags()
def command(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...",
            help="Text to translate, a sentence a line, or documents (--as); default: stdin. Several: to -o FOLDER.",
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where to write; default: stdout.")] = None,
    model: ModelsOption = None,
    tag: TagOption = None,
    flags: Flags = NONE_GIVEN,
    n_best: Annotated[
        int,
        typer.Option(
            "--n-best",
            min=1,
            help="Translations a line, at most: INDEX ||| text ||| score. Their texts differ, so there are fewer where "
            "search finds fewer; draws of --sample may be the same.",
        ),
    ] = 1,
    prefix: Annotated[
        Path | None, typer.Option("--prefix", metavar="FILE", help="What each translation begins with, one a line.")
    ] = None,
    memory: Annotated[
        list[Path] | None,
        typer.Option(
            "--memory",
            metavar="TEXT",
            help="Parallel text: its sources are answered with its targets, and steer search for lines that are like "
            "them; repeatable.",
        ),
    ] = None,
    fuzzy: Annotated[
        float | None,
        typer.Option(
            "--fuzzy",
            min=0,
            max=1,
            metavar="LIKENESS",
            help="Of --memory: how like a line what steers it must be at least; 1: only what is the same counts. "
            "Default: 0.3.",
        ),
    ] = None,
    glossary: Annotated[
        Path | None,
        typer.Option(
            "--glossary",
            metavar="FILE",
            help="Terms that must be rendered so: TSV or CSV, a term and what it becomes (FORM|FORM; nothing: it stays "
            "as it is), or TBX.",
        ),
    ] = None,
    sample: Annotated[bool, typer.Option("--sample", help="Draw translations instead of searching.")] = False,
    temperature: Annotated[
        float | None,
        typer.Option("--temperature", min=0.01, max=100, help="Of --sample: below 1 sharper, above 1 flatter."),
    ] = None,
    top_k: Annotated[
        int | None, typer.Option("--top-k", min=0, help="Of --sample: draw among the best so many; 0: all.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Of --sample: the same seed draws the same.")
    ] = None,
    mbr: Annotated[
        str | None,
        typer.Option(
            "--mbr",
            metavar="chrf|bleu",
            help="Take the translation that is nearest to all others, by this metric: of those in the beam, or, with "
            "--sample, of draws.",
        ),
    ] = None,
    draws: Annotated[
        int | None, typer.Option("--draws", min=2, max=1000, help="Of --mbr with --sample: so many; default: 32.")
    ] = None,
    kind: documents.AsOption = None,
    everything: documents.AllOption = False,
    columns: documents.ColumnsOption = documents.BOTH,
    mark: documents.MarkOption = "all",
    review: documents.ReviewOption = None,
    workers: WorkersOption = None,
    shard: bulk.ShardOption = None,
    join: bulk.JoinOption = False,
    ray: bulk.RayOption = None,
    chunk_lines: bulk.ChunkOption = bulk.CHUNK_LINES,
    scores: Annotated[bool, typer.Option("--scores", help="Print score<TAB>text.")] = False,
    align: Annotated[
        bool, typer.Option("--align", help="Add ||| and links of source to target words, e.g. 0-0 1-2.")
    ] = False,
    form: FormatOption = "text",
    protect: Annotated[
        list[str] | None,
        typer.Option(
            "--protect",
            metavar="REGEX",
            help="What else comes out as it went in, beside placeholders, tags, addresses, code and emoji; repeatable.",
        ),
    ] = None,
    no_protect: Annotated[
        bool, typer.Option("--no-protect", help="Leave placeholders, tags, addresses and the like to the model.")
    ] = False,
    guard: Annotated[
        bool, typer.Option(help="Search again what is clearly broken: loops, copies, lost numbers.", show_default=False)
    ] = True,
    confidence: Annotated[
        bool,
        typer.Option(
            "--confidence",
            help="Print the probability that a translation needs no change, and a tab, before it; of a model on which "
            "mtkit eval --fit-confidence was run.",
        ),
    ] = False,
    interactive: Annotated[bool, typer.Option("--interactive", help="A prompt, with what was typed before.")] = False,
    config: ConfigOption = None,
    set_: SetOption = None,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Translate text: one line in, one line out, in order; or a document, of which all else stays as it is."""
    checked_form(form)
    drawing = {"--temperature": temperature, "--top-k": top_k, "--seed": seed}
    if not sample and (given := [flag for flag, value in drawing.items() if value is not None]):
        raise typer.BadParameter(f"{given[0]} has an effect with --sample only")
    if fuzzy is not None and not memory:
        raise typer.BadParameter("--fuzzy has an effect with --memory only")
    if draws is not None and not (sample and mbr):
        raise typer.BadParameter("--draws has an effect with --mbr and --sample only")
    if confidence and n_best > 1 and form != "jsonl":
        raise typer.BadParameter("--confidence is of the best translation: take it without --n-best, or --format jsonl")
    if protect:
        if no_protect:
            raise typer.BadParameter("--protect and --no-protect exclude each other")
        flags = {**flags, "protect": protect}
    of_lines = {"--n-best": n_best > 1, "--scores": scores, "--align": align, "--prefix": prefix is not None}
    of_lines |= {"--interactive": interactive, "--shard": shard is not None, "--join": join, "--ray": ray is not None}
    whole = documents.asked(files or [], output, kind, everything, columns, mark, review, of_lines)
    many = None if whole else bulk.asked(files or [], output, shard, join, ray, chunk_lines)
    file = files[0] if files else None
    if many and (prefix or interactive or memory):
        raise typer.BadParameter("--prefix, --memory and --interactive go with one FILE, done here alone")
    if interactive and (file or output or prefix or (workers or 1) > 1):
        raise typer.BadParameter("--interactive reads what is typed: it takes no FILE, -o, --prefix or --workers")
    messages = Messages(quiet, verbose)
    from mtkit.text.compression import STDIN
    from mtkit.text.lines import must_exist

    if prefix == STDIN and file in (None, STDIN):
        raise typer.BadParameter("the text and its prefixes cannot both come from stdin: name a file for one of them")
    for path in filter(None, (None if whole else file, prefix)):
        must_exist(path)
    for place in whole.targets if whole else () if many else (output,):
        check_output(place, None if whole else file, prefix, glossary, *(memory or []))
    # What a cluster is to do is only looked at here.
    here = ("cpu", None, 1) if many and many.ray is not None else (device, threads, workers or 1)
    translator = load_translator(model, config, set_, *here, messages, flags, tag)
    remembered = None
    if memory:
        from mtkit.text.memory import Memory
        from mtkit.translator.memory import LEAST, Remembering

        remembered = Memory(memory, (translator.source_lang, translator.target_lang))
        folder = output is not None and output.is_dir()
        check_output(None if folder else output, *remembered.files)  # its names end in languages that are known now
        messages.detail(f"memory: {len(remembered):,} sources")
        fuzzy = LEAST if fuzzy is None else fuzzy
        translator = Remembering.of(translator, remembered, fuzzy)

    from mtkit.search.batched import Sampling
    from mtkit.translator import forms
    from mtkit.translator.request import Request

    sampling = Sampling(temperature or 1.0, top_k or 0, 1 if seed is None else seed) if sample else None
    terms = None
    if glossary:
        from mtkit.text import glossaries

        terms = glossaries.read(glossary, (translator.source_lang, translator.target_lang))
        messages.detail(f"glossary: {len(terms):,} terms")
        if unwritable := translator.unwritable(terms):
            named, more = ", ".join(map(repr, unwritable[:SHOWN])), len(unwritable) - SHOWN
            others = f" and {more:,} more" if more > 0 else ""
            messages.warn(f"the model's vocabulary cannot write {named}{others}: left out of the glossary")
    request = Request(n_best, align, form == "jsonl", sampling, not no_protect, terms, guard)
    sure = confidence or (review is not None and translator.has_confidence)
    request = replace(request, mbr=mbr or "", draws=draws or request.draws, confidence=sure)
    translator.check(translator.decode, request)
    messages.detail(f"search: {translator.decode}")
    detail_native(messages)

    if whole:
        documents.run(whole, translator, request, form, (workers or 1, threads), messages)
        return
    if many:
        from mtkit.jobs.bulk.work import Translating

        job = Translating(request, form, scores)
        bulk.run(many, translator, job, (workers, threads or 1), device, messages, "translated")
        return

    def shown(number: int, translation: "Translation") -> str:
        return (
            forms.jsonl(number, translation, translator.decode.precision)
            if form == "jsonl"
            else forms.text(number, translation, n_best, scores, align)
        )

    from mtkit.text.stream import opened

    with opened(file) as source:
        lined = form == "jsonl" or n_best == 1
        asked = (request, form, scores, align, *([*remembered.identity, fuzzy] if remembered else ()))
        work = work_of(translator, source, asked, prefix) if lined else None
        with Target(output, messages, work) as target:
            if interactive:
                results: Generator[Iterable[Translation], None, None] = _typed(
                    translator, request, source, threads, messages
                )
            else:
                processes = (workers or 1, threads)
                results = _translations(translator, request, source, prefix, processes, messages, target.done)
            number = write(results, target, source, messages, shown, "translated")
    messages.detail(f"{number:,} lines translated")


def _translations(
    translator: "Translator",
    request: "Request",
    source: "Source",
    prefix: Path | None,
    processes: tuple[int, int | None],
    messages: Messages,
    done: int = 0,
) -> Generator[Iterable["Translation"], None, None]:
    """Window by window, by so many workers of so many threads; the first window is empty, and comes when all is ready.

    Args:
        done: lines that are not wanted again.
    """
    from mtkit.ops.device import Threads
    from mtkit.text.lines import lines
    from mtkit.text.stream import windows
    from mtkit.translator.inputs import numbered
    from mtkit.translator.parallel import in_parallel
    from mtkit.translator.request import Line

    def chunks(*ends: Any) -> Iterator[list[Line]]:
        prefixes = ((line for line, _ in lines(prefix)), str(prefix)) if prefix else None
        found = windows(source, translator.window_lines, ends)
        for chunk in numbered(found, source.name, prefixes, messages.warn):
            yield [line for line in chunk if line.number >= done] if done else chunk

    if source.is_terminal:
        messages.say("type a sentence and Enter; Ctrl-D ends")
    if processes[0] > 1:
        with in_parallel(translator, request, processes[0], processes[1] or 1) as pool:
            yield ()
            yield from pool.in_order(chunk or None for chunk in chunks(*pool.ends))
    else:
        yield ()
        of_use = Threads(processes[1])
        for chunk in chunks():
            of_use.fit(translator.multiplications(len(chunk)))
            yield translator.window(chunk, request=request)


def _typed(
    translator: "Translator", request: "Request", source: "Source", threads: int | None, messages: Messages
) -> Generator[Iterable["Translation"], None, None]:
    """Translations of what is typed at a prompt, or comes down a pipe."""
    from mtkit.ops.device import Threads
    from mtkit.translator.request import Line

    if not source.is_terminal or not sys.stdout.isatty():
        yield from _translations(translator, request, source, None, (1, threads), messages)
        return

    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  (input() then has a history and keys to edit with)
    Threads(threads).fit(translator.multiplications(1))
    list(translator.window([Line("a")], request=request))  # what is made ready once, is made ready before the prompt
    yield ()
    messages.say("type a sentence and Enter; arrow keys bring back what was typed; Ctrl-D ends")
    number = 0
    while True:
        try:
            line = input(f"{translator.source_lang}> ")
            line.encode()  # what is not UTF-8 may have come through in disguise
        except EOFError:
            messages.say("")
            return
        except UnicodeError as error:
            messages.warn(f"that is not UTF-8 ({error}); type it again")
            continue
        yield translator.window([Line(line, number=number)], request=request)
        number += 1
