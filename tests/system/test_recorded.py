"""The job of training with recorded updates, on a CPU: recordings are played by doing the work again."""

from pathlib import Path
from typing import Any

import pytest

from mtkit.config import load
from mtkit.errors import ConfigError
from mtkit.jobs import train as job
from mtkit.store.log import Validation, read
from mtkit.train import graphs, precision
from tests.recording import Again
from tests.system.test_memory import Messages
from tests.system.toy import make


def run(folder: Path, *sets: str) -> tuple[Any, Messages]:
    view = Messages()
    limits = ["train.validate_every=10", "train.batch_tokens=200", *sets]
    return job.train(load(str(folder / "mtkit.toml"), limits), view, device="cpu"), view


def test_a_run_moves_from_one_kind_of_device_to_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(tmp_path)
    recorder = Again()
    with monkeypatch.context() as patch:
        patch.setattr(job, "is_shaped", lambda device: True)
        patch.setattr(graphs, "CudaRecorder", lambda device: recorder)
        patch.setattr(precision, "choose", lambda *given: precision.Choice("tf32", "as on such a device"))
        patch.setattr(precision, "on", lambda device, name: name)
        progress, view = run(folder, "train.max_updates=25", "train.precision=auto")
        assert progress.update == 25
        assert progress.shaped
        assert progress.precision == "tf32"
        assert "precision tf32 (as on such a device)" in view.said
        assert recorder.replayed
        played = recorder.replayed
        progress, _ = run(folder, "train.max_updates=40", "train.precision=auto")
        assert recorder.replayed > played
    shaped = progress.shaped
    progress, view = run(folder, "train.max_updates=60", "train.precision=auto")  # on a CPU from here
    assert progress.update == 60
    assert shaped
    assert not progress.shaped  # since the next pass over the text began
    assert recorder.replayed > played
    events = [event for event in read(folder / "runs/toy/log.jsonl") if isinstance(event, Validation)]
    assert events[-1].update == 60
    assert events[-1].scores["loss"] < events[0].scores["loss"]


def test_precisions_that_are_not_for_this_device_or_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(tmp_path)
    with pytest.raises(ConfigError, match="tf32 is for CUDA devices; on a CPU use fp32, bf16 or auto"):
        run(folder, "train.max_updates=5", "train.precision=tf32")
    monkeypatch.setattr(precision, "on", lambda device, name: name)
    with pytest.raises(ConfigError, match="amp is for Transformers"):
        run(folder, "train.max_updates=5", "train.precision=amp", "name=other")
