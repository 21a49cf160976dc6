"""The mean of the weights as it is trained, and the average of validations at the end: kept once, come what may."""

import json
import math
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from mtkit import files
from mtkit.config import load
from mtkit.errors import RunError, Stopped
from mtkit.jobs.train import train
from mtkit.jobs.view import Silent
from mtkit.registry import CHOICES
from mtkit.train import averaging
from mtkit.train.state import Progress
from tests.system.test_train import checkpoint, events
from tests.system.toy import mtkit, ran


class Told(Silent):
    """A view that only remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, message: str, remedy: str = "") -> None:
        self.said.append(message)

    def warn(self, message: str) -> None:
        self.say(f"WARNING: {message}")


def run(folder: Path, *sets: str) -> tuple[Progress, str]:
    """Train in this process."""
    told = Told()
    progress = train(load(str(folder / "mtkit.toml"), list(sets)), told, device="cpu")
    return progress, "\n".join(told.said)


def mean_of_kept(folder: Path) -> dict[str, np.ndarray]:
    paths = sorted((folder / "runs/toy/kept").iterdir())
    for path in paths:
        files.verify(path, "set of kept weights")
    values = [load_file(path / "model.safetensors") for path in paths]
    return {name: np.mean([one[name].astype(np.float64) for one in values], 0).astype(np.float32) for name in values[0]}


def same(bundle: Path, wanted: dict[str, np.ndarray]) -> bool:
    got = load_file(bundle / "model.safetensors")
    return got.keys() == wanted.keys() and all(np.array_equal(got[name], wanted[name]) for name in wanted)


# Weights that jump about are better averaged; those of a model that only begins to learn are not.
JUMPING = ["train.lr=0.03", "train.schedule=constant", "train.max_updates=100", "train.validate_every=10"]
LEARNING = ["train.max_updates=100"]
LAST = ["train.average=5", "train.average_of=last", "train.metric=loss", "train.patience=0", "train.validate_lines=2"]


@pytest.mark.parametrize("kept", [True, False])
def test_an_average_is_kept_if_it_is_better(folder: Path, kept: bool) -> None:
    best, sets = folder / "runs/toy/best", [*(JUMPING if kept else LEARNING), *LAST]
    progress, said = run(folder, *sets)
    (average,), validations = events(folder, "average"), events(folder, "validation")
    updates = [int(one["update"]) for one in validations]  # type: ignore[call-overload]
    assert average["of"] == updates[-5:] == [int(path.name) for path in sorted((folder / "runs/toy/kept").iterdir())]
    single = min(float(one["loss"]) for one in validations)  # type: ignore[arg-type]
    result = "kept" if kept else "not kept"
    assert (
        f"average of 5 last validations: loss {average['loss']:.3f} (best so far loss {single:.3f}): {result}" in said
    )
    assert average["kept"] is kept is (float(average["loss"]) < single)  # type: ignore[arg-type]
    assert same(best, mean_of_kept(folder)) is kept
    assert -progress.best == progress.best_scores["loss"] == min(float(average["loss"]), single)  # type: ignore[arg-type, operator]
    assert ("the weights of 5 validations averaged" in (best / "README.md").read_text()) is kept
    files.verify(best, "bundle")
    # Once: a finished run stays as it is.
    before = checkpoint(folder)
    assert "is finished" in run(folder, *sets)[1]
    assert (len(events(folder, "average")), checkpoint(folder)) == (1, before)


def test_the_best_are_chosen_and_a_run_that_goes_on_averages_again(folder: Path) -> None:
    sets = [
        "train.average=2",
        "train.validate_every=5",
        "train.lr=0.003",
        "train.metric=loss",
        "train.validate_lines=2",
    ]
    run(folder, *sets, "train.max_updates=20")
    run(folder, *sets, "train.max_updates=30", "train.average=3", "train.average_of=last")
    run(folder, *sets, "train.max_updates=35")
    of = [one["of"] for one in events(folder, "average")]
    assert of == [[15, 20], [20, 25, 30], [30, 35]]
    shutil.rmtree(folder / "runs/toy/kept/00000030")
    _, said = run(folder, *sets, "train.max_updates=36")
    assert [one["of"] for one in events(folder, "average")][3:] == [[35, 36]]
    (folder / "runs/toy/kept/00000036/model.safetensors").write_bytes(b"torn")
    _, said = run(folder, *sets, "train.max_updates=37", "train.validate_every=100", "train.average=3")
    assert "WARNING" in said
    assert "00000036/model.safetensors has changed" in said
    assert [one["of"] for one in events(folder, "average")][4:] == [[35, 37]]


def test_nothing_to_average(folder: Path) -> None:
    _, said = run(folder, "train.average=3", "train.max_updates=2")
    assert "nothing to average: it takes the weights of 2 validations, and there are 1" in said
    assert events(folder, "average") == []


KILLED = """
import os, signal
from mtkit.store.log import Average, Log
def deadly(log, event):
    if isinstance(event, Average):
        os.kill(os.getpid(), signal.SIGKILL)
    write(log, event)
write, Log.write = Log.write, deadly
"""


def test_killed_inside_the_average_it_is_made_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the running mean on, which is what is validated, kept and averaged."""
    shutil.copytree(folder, tmp_path / "whole")
    sets = [*JUMPING, *LAST, "train.ema=0.2"]
    run(tmp_path / "whole", *sets)
    assert events(tmp_path / "whole", "average")[0]["kept"]
    # First when the bundle stands already, and the checkpoint does not speak of it.
    command = ["train", "-q", *(part for one in sets for part in ("-s", one))]
    killed = mtkit(folder, *command, before=KILLED)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert same(folder / "runs/toy/best", mean_of_kept(folder))
    # Then asked to end while the average is validated.
    mean = averaging.mean

    def asked_to_end(*args: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return mean(*args)

    monkeypatch.setattr(averaging, "mean", asked_to_end)
    with pytest.raises(Stopped, match="all is saved"):
        run(folder, *sets)
    assert events(folder, "average") == events(folder, "finished") == []
    done = mtkit(folder, *(part for part in command if part != "-q"))
    ran(done)
    assert "average of 5 last validations" in done.stderr
    assert len(events(folder, "average")) == 1
    assert [one["update"] for one in events(folder, "validation")] == list(range(10, 110, 10))
    assert checkpoint(folder) == checkpoint(tmp_path / "whole")
    assert "ema.safetensors" in checkpoint(folder)
    for path in ("best/model.safetensors", "kept/00000100/model.safetensors"):
        assert (folder / "runs/toy" / path).read_bytes() == (tmp_path / "whole/runs/toy" / path).read_bytes()
    left = [path.name for path in (folder / "runs/toy").rglob("*") if ".tmp" in path.name or ".old" in path.name]
    assert left == []


def test_the_running_mean_is_what_is_best(folder: Path) -> None:
    sets = ["train.ema=0.9", "train.max_updates=20", "train.validate_every=10"]
    progress, _ = run(folder, *sets)
    assert progress.best_update == 20
    newest = folder / "runs/toy/checkpoints/00000020"
    weights, mean = (load_file(newest / f"{name}.safetensors") for name in ("model", "ema"))
    assert same(folder / "runs/toy/best", mean)
    assert not same(folder / "runs/toy/best", weights)
    with pytest.raises(RunError, match=r"train\.ema: 0\.9 then, 0\.5 now"):
        run(folder, *sets, "train.ema=0.5")


def test_accumulated_batches_make_fewer_updates(folder: Path) -> None:
    updates = []
    for together in (1, 3):
        progress, _ = run(
            folder, "train.max_updates=0", "train.max_epochs=1", f"train.accumulate={together}", f"name=toy{together}"
        )
        lines = (folder / f"runs/toy{together}/log.jsonl").read_text().splitlines()
        (begin,) = [event for event in map(json.loads, lines) if event["event"] == "begin"]
        assert (begin["updates_per_epoch"], progress.epoch) == (progress.update, 1)
        updates.append(progress.update)
    assert updates[1] == math.ceil(updates[0] / 3)


@pytest.mark.parametrize(
    ("part", "sets", "end"),
    [
        ("encoder", [], "gradients are clipped (train.clip_norm = 1)"),
        ("decoder", ["train.clip_norm=0", "train.clip_value=0.5"], "gradients are clipped (train.clip_value = 0.5)"),
        ("decoder", ["train.clip_norm=0"], "clipping is off: set train.clip_norm, or use cell rnn"),
        ("encoder", None, ""),
    ],
)
def test_relu_is_warned_of(
    folder: Path, monkeypatch: pytest.MonkeyPatch, part: str, sets: list[str] | None, end: str
) -> None:
    tame = CHOICES["cell"]["rnn_relu"]._replace(where=CHOICES["cell"]["rnn"].where)
    monkeypatch.setitem(CHOICES["cell"], "rnn_relu", tame)
    cell = "rnn" if sets is None else "rnn_relu"
    _, said = run(folder, "train.max_updates=1", f"model.{part}.cell={cell}", *(sets or []))
    warnings = [line for line in said.splitlines() if line.startswith("WARNING")]
    assert len(warnings) == (sets is not None)
    assert all("can explode" in line and line.endswith(end) for line in warnings)
