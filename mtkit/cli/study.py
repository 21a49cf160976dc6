"""`mtkit study`: claims about translation models, tried."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtkit.cli.options import MOST_PROCESSES, Messages, QuietOption, SetOption, VerboseOption, shown
from mtkit.cli.streams import printable

if TYPE_CHECKING:
    from mtkit.report.results import Results


def command(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME|FILE]...", help="Studies to make; without one, the list of them."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Make all studies that come with mtkit.")] = False,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Where results, figures and pages are written.")
    ] = Path("studies"),
    work: Annotated[
        Path | None,
        typer.Option("--work", metavar="DIR", show_default=False, help="Where runs lie; default: work in --out."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            min=1,
            max=MOST_PROCESSES,
            show_default=False,
            help="Runs made at the same time, of one thread each; default: 2, or as many as there are cores.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON, a line a study.")] = False,
    set_: SetOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Try a claim: make its runs, measure, draw, and judge by a rule fixed before; goes on where it stopped."""
    from mtkit.jobs.studying import definition
    from mtkit.jobs.studying.runner import conduct

    messages = Messages(quiet, verbose)
    if every:
        names = [*definition.names(), *(names or [])]
    if not names:
        _list(definition.names())
        return
    planned = [definition.plan(name, set_) for name in names]  # a wrong file is refused before any run
    for one in planned:
        runs, minutes = len(one.runs), one.study.minutes
        messages.say(f"{one.name}: {one.study.title}: {runs} runs, about {minutes:g} minutes on 2 cores")
        results = conduct(one, out, work or out / "work", jobs or min(2, os.cpu_count() or 1), messages)
        if as_json:
            print(results.model_dump_json())
        else:
            _show(results)
        messages.say(f"the page is {shown(out / f'{one.name}.html')}, of all {shown(out / 'index.html')}")


def _list(names: list[str]) -> None:
    from mtkit.jobs.studying.definition import read

    studies = [(name, read(name)[1]) for name in names]
    width = max(len(name) for name, _ in studies)
    for name, study in studies:
        print(printable(f"{name:<{width}}  {study.minutes:>3g} min  {study.title}: {study.claim}"))


def _show(results: "Results") -> None:
    """The verdict, and what it comes from."""
    print(printable(f"{results.name}: {results.verdict}: {results.claim}"))
    for one in results.judged:
        print(printable(f"  {one.outcome}: {one.says} ({one.rule})"))
