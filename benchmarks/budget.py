"""What a time budget buys: dev BLEU by minutes of wall time, for each system that was trained.

    python -m benchmarks.budget keep SYSTEM --log runs/NAME/log.jsonl --wall SECONDS
    python -m benchmarks.budget keep SYSTEM --printed FILE
    python -m benchmarks.budget show

`keep` adds a system's curve to data/results/budget.json. A log of mtkit counts from the beginning of the training, so
--wall, the seconds that the whole command took, moves it by what came before (tokenizer, encoding, start). What another
toolkit's run printed is read from lines that hold "M min, dev BLEU B". `show` prints the table, in which a budget's
BLEU is that of the last validation within it, and draws data/results/budget.svg.
"""

import argparse
import json
import re
import sys
from pathlib import Path

from mtkit.store import log

RESULTS = Path(__file__).parents[1] / "data" / "results"
BUDGETS = (1, 2, 3, 5, 8, 11, 15)  # minutes

Curve = list[tuple[float, float]]


def of_log(path: Path, wall: float) -> Curve:
    """Minutes and dev BLEU of each validation in a log of `mtkit train`."""
    validations = [event for event in log.read(path) if isinstance(event, log.Validation)]
    if not validations:
        sys.exit(f"{path} has no validation; expected the log of a run that validated")
    before = wall - validations[-1].seconds
    if before < 0:
        sys.exit(f"--wall {wall:g} is less than the {validations[-1].seconds:g} s of {path}")
    return [(round((before + one.seconds) / 60, 2), round(one.scores["bleu"], 2)) for one in validations]


def of_printed(path: Path) -> Curve:
    """Minutes and dev BLEU of each line that states them."""
    found = re.findall(r"([\d.]+) min, dev BLEU ([\d.]+)", path.read_text())
    if not found:
        sys.exit(f'{path} has no line with "M min, dev BLEU B"')
    return [(float(minutes), float(bleu)) for minutes, bleu in found]


def read(folder: Path) -> dict[str, Curve]:
    path = folder / "budget.json"
    kept = json.loads(path.read_text()) if path.is_file() else {}
    return {name: [(minutes, score) for minutes, score in curve] for name, curve in kept.items()}


def keep(system: str, curve: Curve, folder: Path = RESULTS) -> None:
    """Add a curve to those that are kept, or put it in the place of one."""
    lines = [f"  {json.dumps(name)}: {json.dumps(points)}" for name, points in {**read(folder), system: curve}.items()]
    (folder / "budget.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


def table(curves: dict[str, Curve]) -> list[str]:
    """A row a system, a column a budget: BLEU of the last validation within it, if any; a run that ended keeps it."""
    rows = [["dev BLEU after minutes", *map(str, BUDGETS)], ["---"] * (len(BUDGETS) + 1)]
    for system, curve in curves.items():
        last = [[bleu for minutes, bleu in curve if minutes <= budget] for budget in BUDGETS]
        cells = [f"{seen[-1]:.1f}" if seen else "" for seen in last]
        rows.append([system, *cells])
    return ["| " + " | ".join(row) + " |" for row in rows]


def draw(curves: dict[str, Curve], path: Path) -> None:
    """The curves in one plot, each named at its end."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    matplotlib.rcParams.update({"svg.hashsalt": "budget", "font.size": 11})  # the same curves make the same file
    figure, axes = pyplot.subplots(figsize=(8, 4.8), layout="constrained")
    for (system, curve), marker in zip(curves.items(), "os^Dv*" * len(curves), strict=False):
        axes.plot(*zip(*curve, strict=True), marker=marker, markersize=4, label=system)
    axes.set(xlabel="minutes of wall time on 2 cores", ylabel="dev BLEU (greedy)", xlim=(0, None), ylim=(0, None))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="center right")
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    does = parser.add_subparsers(dest="does", required=True)
    keeping = does.add_parser("keep")
    keeping.add_argument("system")
    source = keeping.add_mutually_exclusive_group(required=True)
    source.add_argument("--log", type=Path)
    source.add_argument("--printed", type=Path)
    keeping.add_argument("--wall", type=float)
    does.add_parser("show")
    given = parser.parse_args()
    if given.does == "keep":
        if given.log and given.wall is None:
            sys.exit("--log needs --wall, the seconds of the whole command")
        keep(given.system, of_log(given.log, given.wall) if given.log else of_printed(given.printed))
    elif curves := read(RESULTS):
        print("\n".join(table(curves)))
        draw(curves, RESULTS / "budget.svg")
    else:
        sys.exit("no curve is kept yet: budget.py keep")


if __name__ == "__main__":
    main()
