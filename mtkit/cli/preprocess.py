"""`mtkit preprocess`."""

import contextlib
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtkit.cli.options import (
    MOST_PROCESSES,
    ConfigOption,
    Messages,
    QuietOption,
    SetOption,
    VerboseOption,
    load_config,
    shown,
)
from mtkit.cli.streams import console

if TYPE_CHECKING:
    from mtkit.config import Loaded
    from mtkit.jobs.sharing import Share
    from mtkit.store.prepared import Counts, Lengths, Prepared, Report

PAGE = Path("audit.html")


def command(
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove prepared texts of these languages that no run here uses.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=1,
            max=MOST_PROCESSES,
            show_default=False,
            help="Processes that share the work; what is written is the same. Default: one a core for much text, on a "
            "cluster one a processor.",
        ),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option("--ray", metavar="auto|ADDRESS", help="Have the processors of a Ray cluster share the work."),
    ] = None,
    audit: Annotated[
        bool,
        typer.Option("--audit", help=f"Write a page on what each rule of [filter] drops, with samples: {PAGE}."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only look at the text, and write that page; prepare nothing.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help=f"Where the page goes; default: {PAGE}.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    set_: SetOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Filter parallel text, train its tokenizer, and write the prepared corpus and a data report."""
    from mtkit.cli.output import check_output
    from mtkit.jobs.preprocess import preprocess

    if output and not (audit or dry_run):
        raise typer.BadParameter("--output is of the page that --audit and --dry-run write")
    if prune and dry_run:
        raise typer.BadParameter("--dry-run changes nothing, and --prune removes what is prepared: give one of them")
    if audit or dry_run:
        check_output(output or PAGE)
    messages = Messages(quiet, verbose)
    loaded = load_config(config, set_, messages)
    with _sharing(workers, ray, messages) as share:
        if dry_run:
            _audit(loaded, output or PAGE, share, None, messages)
            return
        prepared, made = preprocess(loaded, messages, share=share)
        if made:
            if not quiet:
                show(prepared, verbose)
        else:
            messages.say(f"nothing has changed: {shown(prepared.folder)} stands as it is")
        if audit:
            _audit(loaded, output or PAGE, share, prepared, messages)
    _spare(loaded, prepared, prune, messages)


@contextlib.contextmanager
def _sharing(workers: int | None, ray: str | None, messages: Messages) -> Iterator["Share | None"]:
    """Who shares the work; None: nobody has said it."""
    from mtkit.jobs.sharing import Processes

    if ray is None:
        yield None if workers is None else Processes(workers)
        return
    from mtkit.cli.bulk import check_cluster
    from mtkit.jobs.cluster import Actors, Cluster

    check_cluster(ray)
    with Cluster(ray, lambda message: messages.warn_of("cluster", message)) as cluster:
        count = workers or cluster.room(1, 0)
        messages.say(f"{count} workers on the Ray cluster at {ray}")
        yield Actors(cluster, count)


def _audit(
    loaded: "Loaded", page: Path, share: "Share | None", prepared: "Prepared | None", messages: Messages
) -> None:
    """Write the page on the text, and say in a few lines what is on it."""
    from mtkit import files
    from mtkit.cli import streams
    from mtkit.jobs.preparing.audit import audit
    from mtkit.report import audit as report

    def counted(rules: "Iterable[report.RuleFacts]") -> str:
        return _listed({one.rule: one.total for one in rules})

    facts = audit(loaded, messages, share, prepared)
    html = report.page(facts)
    if str(page) == "-":
        streams.open_for_writing().write(html)
    else:
        files.write(page, html.encode("utf-8", "backslashreplace"))
    if prepared is None:
        for note in facts.notes:
            messages.warn(note)
        messages.say(f"{sum(facts.read):,} pairs read; dropped: {counted(facts.dropped)}")
        if any(one.total for one in facts.repaired):
            messages.say(f"repaired: {counted(facts.repaired)}")
    if any(one.total for one in facts.off):
        messages.say(f"off, and would find: {counted(facts.off)}")
    if str(page) != "-":
        messages.say(f"the page is in {shown(page)}" + ("; nothing was prepared" if prepared is None else ""))


def _spare(loaded: "Loaded", prepared: "Prepared", prune: bool, messages: Messages) -> None:
    """Say how much lies in what no run uses any more, or remove it."""
    from mtkit.jobs.preparing import spare

    if not (folders := spare.spare(loaded, prepared)):
        return
    told = f"{len(folders)} other prepared text(s), {spare.size(folders) / 1e6:,.1f} MB, that no run here uses"
    if prune:
        spare.remove(folders)
        messages.say(f"removed {told}: {', '.join(folder.name for folder in folders)}")
    else:
        messages.say(f"{shown(prepared.folder.parent)} holds {told}; --prune removes them")


def show(prepared: "Prepared", verbose: bool = False) -> None:
    """Print the data report as a table on stderr; where train has several parts, each has a row beside all of it."""
    from rich.table import Table

    from mtkit.jobs.preparing.overlap import shares

    report = prepared.report()
    terminal = console()
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("", "pairs", "side", "words", "pieces", "a word", "median", "95 %", "longest", "bytes"):
        table.add_column(name, justify="left" if name in ("", "side") else "right", no_wrap=True)
    for row in _rows(report, prepared):
        table.add_row(*row)
    legend = "lengths in pieces; a word: pieces a word; bytes: share of pieces that are single bytes"
    terminal.print(legend, style="dim")
    terminal.print(table)
    say = functools.partial(terminal.print, soft_wrap=True)
    say(f"{report.pairs_read:,} pairs read; dropped: {_listed(report.dropped)}")
    if report.repaired:
        say(f"repaired: {_listed(report.repaired)}")
    if len(report.parts) > 1:
        for part in report.parts:
            repeated = f" ({part.duplicates:,} stood before)" if part.duplicates else ""
            say(f"  {part.name}: {part.pairs_read:,} pairs read{repeated}; dropped: {_listed(part.dropped)}")
    for split, shared in report.train_overlap.items():
        if told := shares(split, shared):
            say(told)
    for name, count in report.crlf_lines.items():
        say(f"{name}: {count:,} lines ended in CRLF; the \\r was dropped")
    if report.held_out:
        say(f"dev: {report.pairs['dev']:,} pairs held out of train")
    if verbose:
        several = len(report.parts) > 1
        texts = [(f"{part.name}: ", part.dropped_samples) for part in report.parts if several]
        for text, dropped in texts or [("", report.dropped_samples)]:
            for rule, samples in dropped.items():
                for source, target in samples:
                    say(f"{text}dropped by {rule}: {source!r} ||| {target!r}")
    say(f"wrote {shown(prepared.folder)}")


def _rows(report: "Report", prepared: "Prepared") -> Iterator[list[str]]:
    """Two rows a split, and two a part of train."""
    own = prepared.manifest.languages
    of = {part.name: part.languages or own for part in prepared.manifest.splits["train"]}
    whole = own if {*of.values()} == {own} else ("source", "target")
    for split, lengths in report.splits.items():
        yield from _row(split, lengths, whole)
        if split == "train" and len(report.parts) > 1:
            for part in report.parts:
                yield from _row(f"  {part.name}", part.lengths, of[part.name])


def _row(name: str, lengths: "Lengths", languages: tuple[str, str]) -> Iterator[list[str]]:
    for side, language, first in (
        (lengths.source, languages[0], True),
        (lengths.target, languages[1], False),
    ):
        yield [
            name if first else "",
            f"{lengths.pairs:,}" if first else "",
            language,
            f"{side.words:,}",
            f"{side.pieces:,}",
            f"{side.pieces_per_word:.2f}",
            str(side.median_pieces),
            str(side.p95_pieces),
            str(side.max_pieces),
            f"{side.share_of_byte_pieces:.2%}",
        ]


def _listed(dropped: "Counts") -> str:
    return ", ".join(f"{rule} {count:,}" for rule, count in dropped.items() if count) or "none"
