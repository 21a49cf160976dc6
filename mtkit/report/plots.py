"""Figures as SVG, drawn by matplotlib, in colours that follow the page: light, dark and on paper. Must not know torch.

Colours stand in an SVG as variables of the style sheet (`templates/page.css`); `standalone` puts their values into it,
for a file that lies by itself. The same numbers make the same bytes.
"""

import importlib.util
import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Literal

from mtkit.errors import MtkitError
from mtkit.report.page import TEMPLATES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MISSING = "figures are drawn by matplotlib, which is not installed: pip install 'mtkit[report]'"
SERIES = 8  # colours of series that the style sheet has
INK, SOFT, RULE, GROUND = "#010101", "#020202", "#030303", "#040404"  # stand for variables until the SVG is made
_VARIABLES = {INK: "ink", SOFT: "soft", RULE: "rule", GROUND: "ground"} | {
    f"#0501{n:02x}": f"series-{n}" for n in range(1, SERIES + 1)
}
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # its widths are measured; what is shown is the page's
    "font.size": 11,
    "axes.edgecolor": RULE,
    "axes.labelcolor": SOFT,
    "axes.titlecolor": INK,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    "text.color": INK,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.8,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
}


def require() -> None:
    """Say before long work that its figures cannot be drawn.

    Raises:
        MtkitError: matplotlib is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise MtkitError(MISSING)


@dataclass(frozen=True)
class Series:
    """Points that belong together.

    Attributes:
        name: for the legend.
        x, y: of each point; a y of None is left out, and the line with it.
        low, high: ends of an interval around each y, where there is one.
        dashed: drawn so, to tell it apart without colour.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float | None]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    dashed: bool = False


def curves(
    series: Sequence[Series],
    *,
    title: str,
    x: str,
    y: str,
    log_x: bool = False,
    log_y: bool = False,
    marks: bool = False,
) -> str:
    """Lines over one axis: an SVG element.

    Args:
        series: in the order of the legend.
        title: what one sees; it is read out, too.
        x, y: what the axes say, with units.
        log_x, log_y: logarithmic axes.
        marks: a dot for each point.

    Raises:
        MtkitError: matplotlib is not installed.
    """

    def draw(axes: "Axes") -> None:
        for number, one in enumerate(series):
            mark = "o" if marks or len(one.x) == 1 else ""
            line = "--" if one.dashed else "-"
            axes.plot(one.x, _heights(one), line, marker=mark, markersize=4, color=color(number), label=one.name)
            if one.low is not None and one.high is not None:
                axes.fill_between(one.x, one.low, one.high, color=color(number), alpha=0.18, linewidth=0)
        if log_x:
            logarithmic(axes, "x")
        if log_y:
            logarithmic(axes, "y")
        legend(axes, len(series))

    return drawn(draw, title=title, x=x, y=y)


def bars(
    groups: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    *,
    title: str,
    x: str,
    y: str,
) -> str:
    """Bars beside one another in groups: an SVG element.

    Args:
        groups: what stands under each group.
        series: name -> a height a group; None: no bar.
        title, x, y: as in `curves`.

    Raises:
        MtkitError: matplotlib is not installed.
    """

    def draw(axes: "Axes") -> None:
        width = 0.8 / max(len(series), 1)
        for number, (name, heights) in enumerate(series.items()):
            places = [place - 0.4 + width * (number + 0.5) for place in range(len(groups))]
            axes.bar(places, [height or 0.0 for height in heights], width * 0.92, color=color(number), label=name)
        axes.grid(visible=False, axis="x")
        if 1 < len(series) < 4:
            axes.margins(y=0.05 + 0.09 * len(series))  # room for the legend above the bars
        turned = sum(map(len, groups)) > 48
        axes.set_xticks(range(len(groups)), groups, rotation=30 if turned else 0, ha="right" if turned else "center")
        legend(axes, len(series))

    return drawn(draw, title=title, x=x, y=y)


def drawn(
    draw: Callable[["Axes"], None], *, title: str, x: str, y: str, width: float = 5.6, height: float = 3.2
) -> str:
    """What `draw` puts on a pair of axes, as an SVG element.

    Raises:
        MtkitError: matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError:
        raise MtkitError(MISSING) from None
    # Names within an SVG come from this: two figures of a page may not share them.
    with rc_context(_STYLE | {"svg.hashsalt": f"{title}/{x}/{y}"}):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        axes.set(title=title, xlabel=x, ylabel=y)
        draw(axes)
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _element(file.getvalue(), title)


def logarithmic(axes: "Axes", which: Literal["x", "y"]) -> None:
    """Make an axis logarithmic; powers of ten are written in plain characters, since no text is read as a formula."""
    from matplotlib.ticker import LogLocator

    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = sorted(axis.get_view_interval())
    if high < 1000 * low:  # powers alone would be few
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(lambda value, _: _power(value))
    axis.set_minor_formatter(lambda value, _: "")


def _power(value: float) -> str:
    """A power of ten: 10, 100, 10⁻⁵; others as they are."""
    exponent = round(math.log10(value)) if value > 0 else 0
    if -3 < exponent < 5 or not math.isclose(value, 10.0**exponent):
        return f"{value:g}"
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def color(number: int) -> str:
    """Of a series, from 0; they begin anew where there are more than the style sheet has."""
    return f"#0501{number % SERIES + 1:02x}"


def standalone(svg: str) -> str:
    """A file of its own from an SVG element: with the values of its colours, in the light and in the dark."""
    style = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    wanted = set(_VARIABLES.values())

    def values(text: str) -> str:
        return " ".join(
            f"--{name}: {value};" for name, value in re.findall(r"--([\w-]+): ([^;]+);", text) if name in wanted
        )

    css = f":root {{ {values(light)} }} @media (prefers-color-scheme: dark) {{ :root {{ {values(dark)} }} }}"
    head, rest = svg.split(">", 1)
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', head)
    assert box, "every figure has a viewBox"
    size = f'width="{box[1]}pt" height="{box[2]}pt"'
    ground = f'<rect width="100%" height="100%" style="fill: var(--{_VARIABLES[GROUND]})"/>'
    return f'<?xml version="1.0" encoding="utf-8"?>\n{head} {size}><style>{css}</style>{ground}{rest}\n'


def _heights(one: Series) -> list[float]:
    return [float("nan") if value is None else value for value in one.y]


def legend(axes: "Axes", number: int) -> None:
    """Names of series: within the axes where they find room there, else below."""
    if number < 2:
        return
    if number < 4:
        axes.legend(fontsize=10)
        return
    figure: Any = axes.figure
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + 0.22 * -(-number // 2))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=10)


def _element(text: str, title: str) -> str:
    """The svg element alone, without a size of its own, in variables, and with a name to be read out."""
    text = text[text.index("<svg") :].strip()
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    head, rest = text.split(">", 1)
    head = re.sub(r'\s(width|height|version)="[^"]*"', "", head)
    rest = re.sub(r'\sid="[\w.]+_\d{1,4}"', "", rest)  # "line2d_1": the same in every figure, and nothing refers to it
    for stands_for, variable in _VARIABLES.items():
        rest = rest.replace(stands_for, f"var(--{variable})")
    return f'{head} role="img" aria-label="{escape(title, quote=True)}">{rest}'
