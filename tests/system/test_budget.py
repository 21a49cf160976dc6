"""Curves of dev BLEU against time: what is read, what is kept, what the table says of it."""

import json
from pathlib import Path

import pytest

from benchmarks import budget


@pytest.fixture
def log(tmp_path: Path) -> Path:
    events = [{"event": "begin"}] + [
        {"event": "validation", "update": 9, "epoch": 0, "seconds": 60.0 * minutes, "bleu": 10.0 * minutes}
        for minutes in (1, 2, 4)
    ]
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    return path


def test_a_log_counts_what_came_before_the_training(log: Path) -> None:
    assert budget.of_log(log, 270.0) == [(1.5, 10.0), (2.5, 20.0), (4.5, 40.0)]
    with pytest.raises(SystemExit, match="less than the 240 s"):
        budget.of_log(log, 100.0)


def test_what_another_toolkit_printed(tmp_path: Path) -> None:
    path = tmp_path / "printed"
    path.write_text("start\nother: 1.4 min, dev BLEU 0.52\nother: 2.8 min, dev BLEU 3.1\n")
    assert budget.of_printed(path) == [(1.4, 0.52), (2.8, 3.1)]
    path.write_text("nothing")
    with pytest.raises(SystemExit, match="no line"):
        budget.of_printed(path)


def test_a_curve_is_kept_and_replaced(tmp_path: Path) -> None:
    for curve in ([(1.0, 2.0)], [(1.0, 3.0), (2.0, 4.5)]):
        budget.keep("ours", curve, tmp_path)
        budget.keep("theirs", [(2.0, 1.0)], tmp_path)
    assert budget.read(tmp_path) == {"ours": [(1.0, 3.0), (2.0, 4.5)], "theirs": [(2.0, 1.0)]}


def test_the_table_says_what_a_budget_buys(tmp_path: Path) -> None:
    curves = {"ours": [(0.9, 3.0), (1.9, 4.0), (2.9, 6.0), (14.0, 9.0)], "short": [(1.5, 2.0)]}
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in budget.table(curves)]
    assert rows[0][1:] == ["1", "2", "3", "5", "8", "11", "15"]
    assert rows[2] == ["ours", "3.0", "4.0", "6.0", "6.0", "6.0", "6.0", "9.0"]
    assert rows[3] == ["short", "", *["2.0"] * 6]  # it ended
    budget.draw(curves, tmp_path / "one.svg")
    budget.draw(curves, tmp_path / "two.svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
