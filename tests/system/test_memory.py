"""A run on a device with little memory: it goes on with smaller batches, from the choice of a precision to the end."""

from pathlib import Path
from typing import Any

import pytest

from mtkit.config import load
from mtkit.jobs import train as job
from mtkit.jobs import validate
from mtkit.jobs.train import train
from mtkit.train import loop, precision
from mtkit.train.loss import batch_loss
from tests.system.toy import make


class Messages:
    """A view of a training that keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, message: str, remedy: str = "") -> None:
        self.said.append(message)

    def nothing(self, *_: Any) -> None: ...

    prepared = begin = updated = validated = end = nothing


def run(folder: Path, updates: int) -> tuple[Any, list[str]]:
    view = Messages()
    limits = [f"train.max_updates={updates}", "train.precision=auto", "train.validate_every=5"]
    return train(load(str(folder / "mtkit.toml"), limits), view, device="cpu"), view.said


def test_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_most, seen = 8, []

    def small(model: Any, batch: Any, *objective: Any) -> Any:
        seen.append(len(batch.source_BS))
        if len(batch.source_BS) > at_most:
            raise RuntimeError("CUDA error: out of memory")
        return batch_loss(model, batch, *objective)

    for module in (job, loop, validate):
        monkeypatch.setattr(module, "batch_loss", small)
    monkeypatch.setattr(precision, "has_bf16", lambda device: True)  # so that it is measured
    folder = make(tmp_path)

    progress, said = run(folder, 10)
    assert progress.finished
    assert progress.parts > 1
    assert progress.scores["loss"] > 0
    warnings = [message for message in said if "memory ran out" in message]
    assert warnings[0].startswith("WARNING: memory ran out at update 1; from now on each batch is taken in 2 parts")

    seen.clear()
    progress, said = run(folder, 20)  # it knows
    assert progress.update == 20
    assert not [message for message in said if "taken in 2 parts" in message]
