"""`mtkit eval`, also known as `mtkit evaluate`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mtkit.cli.options import (
    ConfigOption,
    DeviceOption,
    Messages,
    QuietOption,
    SetOption,
    ThreadsOption,
    VerboseOption,
    compute_with,
    listed,
    load_config,
    shown,
)
from mtkit.cli.progress import Watched
from mtkit.cli.streams import printable

if TYPE_CHECKING:
    from mtkit.jobs.evaluate import Result
    from mtkit.schema import Eval


def command(
    hyp: Annotated[
        list[Path] | None,
        typer.Option("--hyp", help="Translations to score, a line each; repeat to compare systems with the first."),
    ] = None,
    ref: Annotated[list[Path] | None, typer.Option("--ref", help="References; repeat for several a line.")] = None,
    src: Annotated[
        Path | None,
        typer.Option("--src", help="Sources, a line each, for metrics that read them."),
    ] = None,
    metrics: Annotated[
        str | None, typer.Option("--metrics", metavar="bleu,chrf,ter", help="What to compute; default: eval.metrics.")
    ] = None,
    tokenize: Annotated[
        str | None,
        typer.Option(
            "--tokenize",
            metavar="auto|13a|intl|zh|ja-mecab|ko-mecab|char|none",
            help="BLEU's tokenizer; auto: by the target language.",
        ),
    ] = None,
    confidence: Annotated[
        bool, typer.Option("--confidence", help="Add 95 % intervals; with several --hyp they are there.")
    ] = False,
    fit_confidence: Annotated[
        bool,
        typer.Option(
            "--fit-confidence",
            help="Fit what mtkit translate --confidence tells: on dev, or --src and --ref; the bundle keeps it.",
        ),
    ] = False,
    model: Annotated[
        Path | None, typer.Option("--model", "-m", metavar="DIR", help="Of --fit-confidence: a bundle, or a run.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, unrounded.")] = False,
    config: ConfigOption = None,
    set_: SetOption = None,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """BLEU, chrF and TER with signatures: of the config's test set through the run's best model, or of files.

    Several --hyp are compared, with intervals and tests.
    """
    from mtkit.errors import DataError
    from mtkit.jobs import evaluate
    from mtkit.metrics.metric import shown as shown_metric
    from mtkit.schema import Eval

    messages = Messages(quiet, verbose)
    if model and not fit_confidence:
        raise typer.BadParameter("--model has an effect with --fit-confidence only")
    if fit_confidence:
        if hyp or metrics or tokenize or confidence:
            raise typer.BadParameter("--fit-confidence translates and scores by itself: leave --hyp and metrics out")
        from mtkit.cli import fitting

        fitting.run(model, src, ref, config, set_, device, threads, as_json, messages)
        return
    given = {
        key: value
        for key, value in {"metrics": metrics and listed(metrics, "--metrics"), "tokenize": tokenize}.items()
        if value is not None
    }
    if (not hyp) != (not ref):
        raise typer.BadParameter("--hyp and --ref go together")
    if hyp and ref:
        settings = settings_of(Eval(), given)
        messages.detail(f"scoring: {settings}")
        if device != "auto" or threads:
            raise typer.BadParameter("--device and --threads have no effect with --hyp: nothing is translated")
        language = ""
        if config or set_:
            loaded = load_config(config, set_, messages)
            settings, language = settings_of(loaded.config.eval, given), loaded.config.data.target_lang
        results = evaluate.score_files(
            hyp,
            ref,
            src,
            metrics=settings.metrics,
            tokenize=settings.tokenize,
            target_lang=language,
            tested=confidence or len(hyp) > 1,
            watcher=Watched(messages),
        )
    else:
        if src:
            raise typer.BadParameter("--src goes with --hyp and --ref")
        loaded = load_config(config, set_, messages)
        settings = settings_of(loaded.config.eval, given)
        compute_with(threads, messages)
        results = evaluate.evaluate(
            loaded,
            metrics=settings.metrics,
            tokenize=settings.tokenize,
            device=device,
            tested=confidence,
            watcher=Watched(messages),
        )
        if not any(result.problems for result in results):
            messages.say(f"translations are in {shown(loaded.run_folder / 'eval')}")
    for warning in dict.fromkeys(warning for result in results for warning in result.warnings):  # each once
        messages.warn(warning)
    tables = {result.name: result.as_json() for result in results}
    if hyp and len(hyp) > 1:
        if as_json:
            print(json.dumps({"baseline": results[0].name, "systems": tables}, indent=2))
        else:
            print("\n".join(_compared(results)))
    elif as_json:
        print(json.dumps(next(iter(tables.values())) if len(tables) == 1 else tables, indent=2))
    elif any(result.direction for result in results):
        print("\n".join(_directions(results)))
    else:
        for result in results:
            if len(results) > 1:
                print(printable(f"{result.name}:"))
            for score in result.scores:
                known = result.confidence.get(score.name)
                interval = f"\t{known.mean:.2f} ± {known.half_width:.2f}" if known else ""
                signature = known.signature if known else score.signature
                print(f"{shown_metric(score.name)}\t{score.score:.2f}{interval}\t{signature}")
    if problems := [problem for result in results for problem in result.problems]:
        # The scores are the answer, and all there; but whoever goes on with the files must learn that there are none.
        sys.stdout.flush()
        raise DataError(f"{'; '.join(problems[:2])}; the scores are right, but they and the translations are not kept")


def _directions(results: list["Result"]) -> Iterator[str]:
    """A table: a test set in a direction a line, a metric a column; then how each was computed."""
    from mtkit.metrics.metric import shown as shown_metric

    metrics = [shown_metric(score.name) for score in results[0].scores]
    rows = [["", "", *metrics]]
    for result in results:
        known = [result.confidence.get(score.name) for score in result.scores]
        within = [f" ± {one.half_width:.2f}" if one else "" for one in known]
        scores = [f"{score.score:.2f}{more}" for score, more in zip(result.scores, within, strict=True)]
        rows.append([printable(result.name), " to ".join(result.direction or ()), *scores])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        words = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
        numbers = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        yield "  ".join(words + numbers).rstrip()
    yield ""
    for number, metric in enumerate(metrics):
        signatures = dict.fromkeys(result.scores[number].signature for result in results)
        yield f"{metric}  {' / '.join(signatures)}"


def _compared(results: list["Result"]) -> Iterator[str]:
    """A table a metric: a system a line, the baseline first, with interval and p-values; then what they mean."""
    from mtkit.metrics.metric import shown as shown_metric
    from mtkit.metrics.significance import LEVEL

    width = max(len(printable(result.name)) for result in results)
    tested = False
    for number, score in enumerate(results[0].scores):
        known = results[0].confidence.get(score.name)
        yield f"{shown_metric(score.name)}  {known.signature if known else score.signature}"
        head = f"  {'':{width}}   score"
        yield f"{head}  {'95 % interval':>16}  {'p (bootstrap)':>13}  {'p (randomization)':>17}" if known else head
        for result in results:
            row = f"  {printable(result.name):{width}}  {result.scores[number].score:6.2f}  "
            if its := result.confidence.get(score.name):
                row += f"{f'{its.mean:.2f} ± {its.half_width:.2f}':>16}  "
                if its.same or its.p_bootstrap is None or its.p_randomization is None:
                    row += f"{'baseline':>13}"
                else:
                    tested = True
                    row += f"{its.p_bootstrap:13.4f}  {its.p_randomization:17.4f}{'  *' if its.differs else ''}"
            yield row.rstrip()
    if tested:
        yield f"* differs from {printable(results[0].name)}: both p-values are below {LEVEL}"


def settings_of(base: "Eval", given: dict[str, Any]) -> "Eval":
    """What the config says, and before it what the flags say."""
    from pydantic import ValidationError

    from mtkit.schema import Eval

    try:
        return Eval.model_validate(base.model_dump() | given)
    except ValidationError as error:
        first = error.errors()[0]
        raise typer.BadParameter(f"--{first['loc'][0]}: {first['msg'].removeprefix('Value error, ')}") from None
