"""`mtkit report`: a page over runs, their text, and translations."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtkit.cli.evaluate import settings_of
from mtkit.cli.options import (
    ConfigOption,
    Messages,
    QuietOption,
    SetOption,
    VerboseOption,
    listed,
    load_config,
    shown,
)
from mtkit.cli.progress import Watched

if TYPE_CHECKING:
    from mtkit.jobs.report import Report
    from mtkit.report.findings import Findings

PAGE = Path("report.html")
EVERY = 15  # seconds after which a page that follows is made and loaded anew


def command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RUN|EVAL]...",
            help="Runs, and what mtkit eval keeps in them (eval/, eval/LABEL.json); default: the config's run.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help=f"Where to write; default: {PAGE}.", show_default=False)
    ] = None,
    hyp: Annotated[
        list[Path] | None, typer.Option("--hyp", help="Translations of anybody, a line each, or .jsonl of translate.")
    ] = None,
    ref: Annotated[
        list[Path] | None, typer.Option("--ref", help="References, a line each; for runs, in the place of their own.")
    ] = None,
    src: Annotated[Path | None, typer.Option("--src", help="Sources, a line each.")] = None,
    metrics: Annotated[
        str | None, typer.Option("--metrics", metavar="bleu,chrf,ter", help="What to compute; default: eval.metrics.")
    ] = None,
    tokenize: Annotated[
        str | None,
        typer.Option("--tokenize", metavar="auto|13a|…|none", help="BLEU's tokenizer, as of mtkit eval."),
    ] = None,
    attention: Annotated[
        bool, typer.Option("--attention/--no-attention", help="Whether sentences show where the models of runs looked.")
    ] = True,
    follow: Annotated[
        bool, typer.Option("--follow", help="Make the page anew until its runs have ended; it reloads itself.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers; a page only with -o.")] = False,
    config: ConfigOption = None,
    set_: SetOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """A page of curves, text, scores with intervals, faults and sentences: one file that opens offline.

    Of runs, of results of mtkit eval, and of any translations; several are compared, the first is the baseline.
    """
    from mtkit.cli.output import check_output
    from mtkit.jobs.report import Report
    from mtkit.jobs.reporting.systems import Given
    from mtkit.schema import Eval

    messages = Messages(quiet, verbose)
    if bool(hyp) and not ref:
        raise typer.BadParameter("--hyp goes with --ref")
    if src and not ref:
        raise typer.BadParameter("--src goes with --ref")
    if follow and as_json:
        raise typer.BadParameter("--follow is of a page, and --json prints no page")
    page = output or (None if as_json else PAGE)
    if page:
        check_output(page)
    given = {"metrics": metrics and listed(metrics, "--metrics"), "tokenize": tokenize}
    runs, base = list(paths or []), Eval()
    if config or set_ or not (runs or hyp):
        loaded = load_config(config, set_, messages)
        base = loaded.config.eval
        runs = runs or ([] if hyp else [loaded.run_folder])
    settings = settings_of(base, {key: value for key, value in given.items() if value is not None})
    report = Report(
        runs,
        hyp or [],
        Given(ref, src) if ref else None,
        metrics=settings.metrics,
        tokenize=settings.tokenize,
        attention=attention,
        watcher=Watched(messages),
    )
    findings = report.findings()
    for note in [*(f"{run.name}: {note}" for run in findings.runs for note in run.notes), *findings.notes]:
        messages.warn(note)
    if as_json:
        print(json.dumps(findings.as_json(), ensure_ascii=False, indent=1))
    if page is None:
        return
    _write(page, report, findings, reload=EVERY if follow and _going_on(findings) else 0)
    if str(page) != "-":
        again = f"; made anew every {EVERY:g} seconds until the run ends" if follow and _going_on(findings) else ""
        messages.say(f"the report is in {shown(page)}{again}")
    while follow and _going_on(findings):
        time.sleep(EVERY)
        findings = report.following(findings)
        _write(page, report, findings, reload=EVERY if _going_on(findings) else 0)


def _going_on(findings: "Findings") -> bool:
    """Whether a run has not ended."""
    return any(not run.ended for run in findings.runs)


def _write(page: Path, report: "Report", findings: "Findings", reload: int) -> None:
    from mtkit import files
    from mtkit.cli import streams
    from mtkit.report.overview import overview

    html = overview(report.title, findings, reload=reload)
    if str(page) == "-":
        streams.open_for_writing().write(html)
    else:
        files.write(page, html.encode("utf-8", "backslashreplace"))  # names of files may be in any encoding
