"""The page of sentences seen from inside models: plain values in, HTML out. Must not know torch."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from mtkit.errors import MtkitError
from mtkit.report.page import render
from mtkit.report.plots import Series, curves

SIDES = {"source": "Reading the source", "target": "Saying the translation"}


def page(lines: Sequence[dict[str, Any]]) -> str:
    """One file.

    Args:
        lines: each {"id", "looks"}, as `mtkit.jobs.look` makes them.
    """
    first = lines[0]["looks"][0]["source"]
    title = f"Inside: {first[:60]}" if len(lines) == 1 else f"Inside: {len(lines)} sentences"
    made = []
    for line in lines:
        looks = [one | {"parts": [_with_figures(part) for part in one["parts"]]} for one in line["looks"]]
        made.append({"id": line["id"], "looks": looks})
    return render("look.html", {"title": title, "lines": made, "values": [line["looks"] for line in lines]})


def _with_figures(part: dict[str, Any]) -> dict[str, Any]:
    """With the norms of states and gates drawn; or a note, where there is nothing to draw with."""
    drawn, note = [], ""
    for side, title in SIDES.items():
        norms = [one for one in part["norms"] if one["side"] == side]
        for what in ("states", "gates"):
            series = [_series(one) for one in norms if one["what"].endswith(" gate") == (what == "gates")]
            if not series:
                continue
            try:
                svg = curves(series, title=f"{title}: {what}", x="position", y="norm / √width")
                drawn.append(Markup(svg))
            except MtkitError as error:
                note = str(error)
    return part | {"figures": {"drawn": drawn, "note": note}}


def _series(norms: dict[str, Any]) -> Series:
    places = range(1, len(norms["values"]) + 1)
    name = f"{norms['what'].removesuffix(' gate')}: {norms['where']}"
    return Series(name, places, norms["values"], dashed="backward" in norms["where"])
