"""The page of `mtkit report`: findings put into figures, tables and a template. Must not know where they come from."""

import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from markupsafe import Markup

from mtkit import reading
from mtkit.errors import MtkitError
from mtkit.registry import CHOICES
from mtkit.report import page, plots
from mtkit.report.findings import Buckets, Findings, RunFacts, ScoreFacts, Sentence, SystemFacts, TestFacts, TextFacts
from mtkit.report.plots import Series

LABEL = 24  # characters of a name in a figure
LEVEL = 0.05  # p-values below it are marked
CURVES = {  # curve -> title, and what the vertical axis says
    "loss": ("Loss in training", "nats a target piece"),
    "dev loss": ("Loss on dev", "nats a target piece"),
    "lr": ("Learning rate", "rate"),
    "grad_norm": ("Norm of the gradient", "norm"),
    "tokens_per_second": ("Speed", "target pieces a second"),
}
KINDS = {
    "worst": "the lowest chrF, over all systems",
    "best": "the highest chrF, over all systems; of equal ones the longest",
    "most different": "the largest difference of chrF between two systems",
    "faults": "the worst lines of each fault",
}


def overview(title: str, findings: Findings, *, reload: int = 0) -> str:
    """HTML of a report.

    Args:
        title: what it is of.
        reload: seconds after which the page loads itself anew; 0: never.
    """
    systems = (system.name for test in findings.tests for system in test.systems)
    figures = _Figures([*(run.name for run in findings.runs), *systems])
    texts = _distinct([run.text for run in findings.runs if run.text])
    values = {
        "title": f"Report: {title}" if title else "Report",
        "following": bool(reload),
        "runs": findings.runs,
        "about": _about(findings.runs),
        "run_figures": _curves(findings.runs, figures),
        "texts": [(text, _names(text, findings.runs), _lengths(text, figures)) for text in texts],
        "tests": [_test(number, test, figures) for number, test in enumerate(findings.tests, 1)],
        "meanings": findings.fault_meanings,
        "level": LEVEL,
        "metric_name": _metric,
        "attention": [_attention(test) for test in findings.tests],
    }
    notes = [*findings.notes, *figures.notes]
    return page.render("overview.html", values | {"notes": notes}, reload=reload)


class _Figures:
    """Draws, and where that cannot be, says why once.

    Args:
        names: of runs and systems, which figures have little room for.

    Attributes:
        label: name -> what figures call it.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.notes: list[str] = []
        self.label: dict[str, str] = {}
        for name in dict.fromkeys(names):
            cut = name if len(name) <= LABEL else f"{name[: LABEL // 3]}…{name[-LABEL + LABEL // 3 :]}"
            short = reading.printable(cut)
            self.label[name] = f"{len(self.label) + 1}: {short}" if short in self.label.values() else short

    def __call__(self, draw: Callable[..., str], *args: Any, **kwargs: Any) -> list[Markup]:
        """A figure, or none."""
        try:
            return [Markup(draw(*args, **kwargs))]  # what the figures say of data, plots has escaped
        except MtkitError as error:
            if str(error) not in self.notes:
                self.notes.append(str(error))
            return []


def _distinct(texts: Iterable[TextFacts]) -> list[TextFacts]:
    found = list[TextFacts]()
    for text in texts:
        if text not in found:
            found.append(text)
    return found


def _names(text: TextFacts, runs: Sequence[RunFacts]) -> str:
    return ", ".join(run.name for run in runs if run.text == text)


def _about(runs: Sequence[RunFacts]) -> list[tuple[str, list[str]]]:
    """What runs are, a row a fact; the same in all of them once."""
    keys = dict.fromkeys(key for run in runs for key in run.about)
    return [(key, [run.about.get(key, "–") for run in runs]) for key in keys]


def _curves(runs: Sequence[RunFacts], figures: _Figures) -> list[Markup]:
    names = dict.fromkeys(name for run in runs for name in run.curves)
    scores = [name for name in names if name.startswith("dev ") and name not in CURVES]
    made = []
    for name in [*scores, *(name for name in CURVES if name in names)]:
        title, axis = CURVES.get(name, (f"{name.removeprefix('dev ')} on dev", name.removeprefix("dev ")))
        series = [
            Series(figures.label[run.name], run.curves[name].updates, run.curves[name].values)
            for run in runs
            if name in run.curves
        ]
        positive = all(value > 0 for one in series for value in one.y if value is not None)
        log_y = name == "grad_norm" and positive
        marks = name.startswith("dev ")
        made += figures(plots.curves, series, title=title, x="updates", y=axis, log_y=log_y, marks=marks)
    return made


def _lengths(text: TextFacts, figures: _Figures) -> list[Markup]:
    if text.lengths is None:
        return []
    edges = text.lengths.edges
    ends = [str(edge - 1) for edge in edges[1:]]
    groups = [*(f"{edge}–{end}" for edge, end in zip(edges, ends, strict=False)), f"{edges[-1]}+"]
    shown = [i for i in range(len(groups)) if text.lengths.source[i] or text.lengths.target[i]]
    first, last = (shown[0], shown[-1] + 1) if shown else (0, 0)
    series = {"source": text.lengths.source[first:last], "target": text.lengths.target[first:last]}
    return figures(
        plots.bars, groups[first:last], series, title="Training sentences by length", x="pieces", y="sentences"
    )


def _test(number: int, test: TestFacts, figures: _Figures) -> dict[str, Any]:
    """What the template says of a test set."""
    metrics = list(test.systems[0].scores)
    return {
        "id": f"test-{number}",
        "facts": test,
        "metrics": metrics,
        "told": [_told(test.systems[0], system, metrics) for system in test.systems[1:]],
        "tested": any(score.p_bootstrap is not None for system in test.systems for score in system.scores.values()),
        "figures": _score_figures(test, metrics, figures) if len(test.systems) > 1 else [],
        "matrices": _matrices(test),
        "groups": [_group(list(some), figures) for _, some in groupby(test.buckets, key=lambda one: one.by)],
        "faults": [[system.faults[row] for system in test.systems] for row in range(len(test.systems[0].faults))],
        "calibration": _calibration(test, figures),
        "calibrated": [system for system in test.systems if system.calibration],
        "kinds": [(kind, KINDS[kind], some) for kind, some in test.sentences.items() if some],
        "look": {sentence.number: _look(sentence, test) for some in test.sentences.values() for sentence in some},
    }


def _told(baseline: SystemFacts, system: SystemFacts, metrics: Sequence[str]) -> str:
    """How a system differs from the baseline, in a sentence."""
    differ = [metric for metric in metrics if system.scores[metric].differs]
    tested = [_metric(metric) for metric in metrics if system.scores[metric].p_bootstrap is not None]
    if not tested:
        return f"{system.name} is not tested against {baseline.name}."
    if not differ:
        return f"{system.name} does not differ significantly from {baseline.name} by {_listed(tested)}."
    gains = [system.scores[metric].score - baseline.scores[metric].score for metric in differ]
    parts = [f"{_metric(metric)} ({gain:+.2f})" for metric, gain in zip(differ, gains, strict=True)]
    return f"{system.name} differs significantly from {baseline.name} by {_listed(parts)}."


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _score_figures(test: TestFacts, metrics: Sequence[str], figures: _Figures) -> list[Markup]:
    """A figure a metric with the interval of each system."""
    made = []
    names = [figures.label[system.name] for system in test.systems]
    for metric in metrics:
        scores = [system.scores[metric] for system in test.systems]
        if all(score.half_width is not None for score in scores):
            title = f"{_metric(metric)} with 95 % intervals"
            height = 1.1 + 0.35 * len(names)
            made += figures(plots.drawn, _intervals(names, scores), title=title, x=_metric(metric), y="", height=height)
    return made


def _intervals(names: Sequence[str], scores: Sequence[ScoreFacts]) -> Callable[[Any], None]:
    """Draws a row a system, the first one above: a line from end to end of the interval, and a dot on the score."""

    def draw(axes: Any) -> None:
        for row, score in enumerate(scores):
            mean, half = score.mean or 0.0, score.half_width or 0.0
            axes.hlines(row, mean - half, mean + half, color=plots.color(row), linewidth=2)
            axes.plot([score.score], [row], "o", color=plots.color(row))
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")

    return draw


def _metric(name: str) -> str:
    """A metric as people write it; one of a plug-in that is not here by its name."""
    choice = CHOICES["metric"].get(name)
    return (choice and choice.shown) or name


def _matrices(test: TestFacts) -> list[tuple[str, list[tuple[str, list[float | None]]]]]:
    """Metric -> a row a system, with the p-value against each other one; None on the diagonal."""
    found = {(one.metric, one.one, one.other): one.p_value for one in test.differences}
    names = [system.name for system in test.systems]

    def p_values(metric: str, one: str) -> list[float | None]:
        return [found.get((metric, one, other), found.get((metric, other, one))) for other in names]

    metrics = dict.fromkeys(one.metric for one in test.differences)
    return [(metric, [(one, p_values(metric, one)) for one in names]) for metric in metrics]


def _group(buckets: Sequence[Buckets], figures: _Figures) -> dict[str, Any]:
    """Buckets by the same thing: a figure of the first, and a table of all."""
    first = buckets[0]
    names = [f"{name} ({count:,})" for name, count in zip(first.names, first.counts, strict=True)]
    title, x = f"{first.what} by {first.by}", f"{first.unit} (how many {first.of})"
    heights = {figures.label[name]: values for name, values in first.values.items()}
    drawn = figures(plots.bars, names, heights, title=title, x=x, y=first.what)
    return {"by": first.by, "of": first.of, "figures": drawn, "buckets": buckets}


def _calibration(test: TestFacts, figures: _Figures) -> list[Markup]:
    series = [
        Series(figures.label[system.name], system.calibration.probabilities, system.calibration.qualities)
        for system in test.systems
        if system.calibration
    ]
    if not series:
        return []
    title, x = "Probability and quality, a tenth of the lines each", "probability of a piece, as the model says"
    return figures(plots.curves, series, title=title, x=x, y="mean chrF", marks=True)


def _attention(test: TestFacts) -> dict[int, dict[str, Any]]:
    """Line -> system -> where it looked, once for each line."""
    return {
        sentence.number: {name: asdict(one) for name, one in sentence.attention.items()}
        for some in test.sentences.values()
        for sentence in some
        if sentence.attention
    }


def _look(sentence: Sentence, test: TestFacts) -> str:
    """The command that opens a sentence in the models that translated it; "": there are none."""
    models = [system.model for system in test.systems if system.model]
    if sentence.source is None or not models:
        return ""
    return shlex.join(["mtkit", "look", sentence.source, *(part for model in models for part in ("-m", model))])
