"""The losses of the first updates of the demo, in fp32 and on one thread: always the same, and those on record.

`python -m tests.train.test_golden` writes the record (golden.json), after a change that is meant to change them.
"""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from mtkit.config import load
from mtkit.jobs.train import train
from mtkit.jobs.view import Silent
from mtkit.train import loop

RECORD = Path(__file__).with_name("golden.json")
UPDATES = 100  # on record


class Enough(Exception):
    """All updates were made; what would follow is a validation."""


class Losses(Silent):
    """A view of a training that keeps its losses."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.losses: list[float] = []

    def updated(self, event: loop.Updated, progress: Any) -> None:
        self.losses.append(event.loss)
        if len(self.losses) == self.wanted:
            raise Enough


def losses(name: str, updates: int = UPDATES) -> list[float]:
    limits = [
        f"train.max_updates={UPDATES + 1}",
        "train.max_minutes=0",
        "train.schedule=constant",
        "train.precision=fp32",
    ]
    view, threads = Losses(updates), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with contextlib.suppress(Enough):
            train(load("demo", [*limits, f"name={name}"]), view, device="cpu")
    finally:
        torch.set_num_threads(threads)
    return view.losses


@pytest.mark.parametrize(("updates", "again"), [(20, 5), pytest.param(UPDATES, UPDATES, marks=pytest.mark.slow)])
def test_losses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, updates: int, again: int) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = losses("first", updates), losses("second", again)
    assert first[:again] == second
    assert first == pytest.approx(json.loads(RECORD.read_text())[:updates], abs=1e-3)


if __name__ == "__main__":
    RECORD.write_text(json.dumps([round(loss, 6) for loss in losses("golden")]) + "\n")
