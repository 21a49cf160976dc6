"""The pages of studies: one of each, and the index that reads as a story. Must not know torch, nor what makes runs."""

import shlex
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, TypeGuard

from mtkit.report import plots
from mtkit.report.page import render
from mtkit.report.plots import Series
from mtkit.report.results import Judged, Number, Outcome, Results
from mtkit.schema.study import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIGNS: dict[Outcome, str] = {"holds": "✓", "does not hold here": "✗", "undecided": "?"}
CLASSES: dict[Outcome, str] = {"holds": "good", "does not hold here": "bad", "undecided": "soft"}


@dataclass(frozen=True)
class Drawn:
    """A figure of a study."""

    title: str
    svg: str
    """An element of a page."""

    @property
    def standalone(self) -> str:
        """The same as a file of its own."""
        return plots.standalone(self.svg)


def figures(results: Results) -> list[Drawn]:
    """What a study's file wants drawn.

    Raises:
        MtkitError: matplotlib is not installed.
    """
    return [Drawn(one.title, (_dots if one.kind == "dots" else _lines)(results, one)) for one in results.figures]


def page(results: Results, drawn: list[Drawn]) -> str:
    """The page of a study."""
    return render(
        "study.html",
        {
            "title": results.title,
            "results": results,
            "figures": drawn,
            "sign": SIGNS,
            "kind": CLASSES,
            "judged": [(one, _measured(one)) for one in results.judged],
            "table": table(results),
            "series": series_tables(results),
            "signatures": {name: said for run in results.runs for name, said in run.signatures.items()},
            "quoted": shlex.quote,
            "seeds": list(dict.fromkeys(run.seed for run in results.runs)),
        },
    )


def index(studies: list[Results]) -> str:
    """The page of all studies, in the order of the story."""
    told = [(one, figures(one)[0], [(judged, _measured(judged)) for judged in one.judged]) for one in studies]
    counts = {outcome: sum(one.verdict == outcome for one in studies) for outcome in SIGNS}
    return render(
        "studies.html",
        {"title": "Why attention won", "studies": told, "counts": counts, "sign": SIGNS, "kind": CLASSES},
    )


def table(results: Results) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """The names of single numbers, and a row a variant: median, least and greatest of its seeds."""
    names = list(dict.fromkeys(name for run in results.runs for name in run.values))
    rows = []
    for variant in results.variants:
        runs = results.of(variant)
        rows.append((", ".join(variant), [_spread([run.values.get(name) for run in runs]) for name in names]))
    return names, rows


def series_tables(results: Results) -> list[tuple[str, list[str], list[tuple[str, list[str]]]]]:
    """Of each series its name, its points, and a row a variant."""
    names = list(dict.fromkeys(name for run in results.runs for name in run.series))
    made = []
    for name in names:
        points = list(dict.fromkeys(point for run in results.runs for point in run.series.get(name, {})))
        rows = [
            (
                ", ".join(variant),
                [_spread([run.series.get(name, {}).get(point) for run in results.of(variant)]) for point in points],
            )
            for variant in results.variants
        ]
        made.append((name, points, rows))
    return made


def number(value: Number) -> str:
    """A number of any size, with three digits that say something, or four."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    if 0.001 <= abs(value) < 1e7:
        whole = abs(value) >= 1000
        return f"{value:,.0f}" if whole else f"{value:.4g}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:.1e}"


def _measured(judged: Judged) -> str:
    """What was held against the bound, a number a seed."""
    return ", ".join(number(value) for value in judged.by_seed.values())


def _spread(values: list[Number]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    lost = f" ({len(known)} of {len(values)})" if len(known) < len(values) else ""
    if len(known) == 1:
        return number(known[0]) + lost
    low, middle, high = (number(one) for one in (min(known), median(known), max(known)))
    return (middle if low == high else f"{middle} ({low} to {high})") + lost


def _wanted(results: Results, figure: Figure) -> list[tuple[str, ...]]:
    return [variant for variant in results.variants if set(figure.only) <= set(variant)]


def _label(variant: tuple[str, ...], figure: Figure) -> str:
    return ", ".join(level for level in variant if level not in figure.only) or ", ".join(variant)


def _lines(results: Results, figure: Figure) -> str:
    """A line a variant: the median of its seeds, between the least and the greatest."""
    values, wanted = [figure.value, *figure.also], _wanted(results, figure)
    series = [_series(results, figure, value, variant) for variant in wanted for value in values]

    def draw(axes: "Axes") -> None:
        for number, one in enumerate(series):
            heights = [float("nan") if value is None else value for value in one.y]
            axes.plot(one.x, heights, marker="o", markersize=4, color=plots.color(number), label=one.name)
            if one.low is not None and one.high is not None:
                axes.fill_between(one.x, one.low, one.high, color=plots.color(number), alpha=0.18, linewidth=0)
        if figure.log_x:
            axes.set_xscale("log")
        if figure.log_y:
            plots.logarithmic(axes, "y")
        names = _points(results, values)
        if figure.log_x or not all(map(_is_number, names)):
            axes.set_xticks(_places(names), names)
            axes.minorticks_off()
        plots.legend(axes, len(series))

    return plots.drawn(draw, title=figure.title, x=figure.x, y=figure.y)


def _series(results: Results, figure: Figure, value: str, variant: tuple[str, ...]) -> Series:
    runs = [run.series.get(value, {}) for run in results.of(variant)]
    points = list(dict.fromkeys(point for run in runs for point in run))
    numbers = [[run.get(point) for run in runs] for point in points]
    known = [[number for number in some if _drawable(number, figure.log_y)] for some in numbers]
    middle = [median(some) if some else None for some in known]
    ends = all(known) and len(runs) > 1
    low, high = ([pick(some) for some in known] if ends else None for pick in (_least, _greatest))
    label = _label(variant, figure)
    if figure.also:
        name = value.replace("_", " ")
        label = f"{name}, {label}" if len(_wanted(results, figure)) > 1 else name
    return Series(label, _places(points), middle, low, high)


def _points(results: Results, values: list[str]) -> list[str]:
    """The points of some series, each once."""
    return list(dict.fromkeys(point for run in results.runs for value in values for point in run.series.get(value, {})))


def _places(points: list[str]) -> list[float]:
    return list(map(float, points)) if all(map(_is_number, points)) else [float(place) for place in range(len(points))]


def _is_number(point: str) -> bool:
    return point.replace(".", "", 1).isdigit()


def _drawable(value: Number, log: bool) -> TypeGuard[float]:
    return value is not None and (value > 0 or not log)


def _least(values: list[float]) -> float:
    return min(values)


def _greatest(values: list[float]) -> float:
    return max(values)


def _dots(results: Results, figure: Figure) -> str:
    """A row a variant: a dot a seed, and a line at their median."""
    rows = [
        (_label(variant, figure), [run.values.get(figure.value) for run in results.of(variant)])
        for variant in _wanted(results, figure)
    ]

    def draw(axes: "Axes") -> None:
        for place, (_, values) in enumerate(rows):
            known = [value for value in values if _drawable(value, figure.log_y)]
            axes.scatter(known, [place] * len(known), s=26, color=plots.color(0), zorder=3)
            if known:
                axes.vlines(median(known), place - 0.32, place + 0.32, color=plots.INK, linewidth=1.6)
        if figure.log_y:
            plots.logarithmic(axes, "x")
        axes.set_yticks(range(len(rows)), [name for name, _ in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)

    height = max(1.6, 0.9 + 0.3 * len(rows))
    return plots.drawn(draw, title=figure.title, x=figure.y, y="", height=height)
