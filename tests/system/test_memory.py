"""A run on a device with little memory: it goes on with smaller batches to the end."""

from pathlib import Path
from typing import Any

import pytest

from mtkit.config import load
from mtkit.jobs import validate
from mtkit.jobs.train import train
from mtkit.jobs.view import Silent
from mtkit.train import updates
from mtkit.train.loss import batch_loss
from tests.system.toy import make


class Messages(Silent):
    """A view of a training that keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.warned: list[str] = []

    def say(self, message: str, remedy: str = "") -> None:
        self.said.append(message)

    def warn(self, message: str) -> None:
        self.warned.append(message)


def run(folder: Path, updates: int) -> tuple[Any, list[str], list[str]]:
    view = Messages()
    limits = [f"train.max_updates={updates}", "train.precision=auto", "train.validate_every=5"]
    return train(load(str(folder / "mtkit.toml"), limits), view, device="cpu"), view.said, view.warned


def test_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_most, seen = 8, []

    def small(model: Any, batch: Any, *objective: Any) -> Any:
        seen.append(len(batch.source_BS))
        if len(batch.source_BS) > at_most:
            raise RuntimeError("CUDA error: out of memory")
        return batch_loss(model, batch, *objective)

    for module in (updates, validate):
        monkeypatch.setattr(module, "batch_loss", small)
    folder = make(tmp_path)

    progress, said, warned = run(folder, 10)
    assert progress.finished
    assert progress.parts > 1
    assert progress.scores["loss"] > 0
    assert warned[0].startswith("memory ran out at update 1; from now on each batch is taken in 2 parts")
    assert not [message for message in said if "memory" in message]

    seen.clear()
    progress, said, warned = run(folder, 20)  # it knows
    assert progress.update == 20
    assert not [message for message in [*said, *warned] if "taken in 2 parts" in message]
