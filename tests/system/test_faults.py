"""Killed anywhere, a run goes on to the same end, bit for bit."""

import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.system.faults import COUNTS, FAULTS
from tests.system.test_train import checkpoint
from tests.system.toy import COMMAND, CONFIG, ENVIRONMENT, make, mtkit, ran

# With all that a run can write: the mean of its weights, and weights to average at the end.
KEEPING = CONFIG + "ema = 0.5\naverage = 2\n"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run."""
    folder = make(tmp_path_factory.mktemp("whole") / "toy", KEEPING)
    ran(mtkit(folder, "train"))
    return folder


def same(folder: Path, whole: Path) -> None:
    assert checkpoint(folder) == checkpoint(whole)
    for names in ("best", "kept/*"):
        ours, theirs = (
            {path.relative_to(base): path.read_bytes() for path in base.glob(f"runs/toy/{names}/*.safetensors")}
            for base in (folder, whole)
        )
        assert ours == theirs
        assert ours
    left = [
        path.name for path in (folder / "runs/toy").rglob("*") if path.name.startswith(".tmp") or ".old" in path.name
    ]
    assert left == []


def kill_at(folder: Path, count: int) -> int:
    """Train until the Nth dealing with files: inside a checkpoint, before it is published, inside a bundle, the log."""
    done = mtkit(folder, "train", "-q", before=f"left = {count}\n{FAULTS['killed']}")
    COUNTS["train, going on", "killed"] += done.returncode == -signal.SIGKILL
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode


@pytest.mark.parametrize("counts", [(3, 9, 27), pytest.param((14, 40, 17), marks=pytest.mark.faults)])
def test_killed_while_writing(whole: Path, tmp_path: Path, counts: tuple[int, ...]) -> None:
    folder = make(tmp_path / "toy", KEEPING)
    ran(mtkit(folder, "preprocess"))
    for count in counts:
        assert kill_at(folder, count) == -signal.SIGKILL
    ran(mtkit(folder, "train"))
    same(folder, whole)


@pytest.mark.faults
def test_killed_at_dealings_with_files(whole: Path, tmp_path: Path) -> None:
    """From the first to the last, every third: a fresh run killed at each, then finished."""
    folder = make(tmp_path / "toy", KEEPING)
    ran(mtkit(folder, "preprocess"))
    count = 1
    while kill_at(folder, count) == -signal.SIGKILL:
        ran(mtkit(folder, "train"))
        same(folder, whole)
        shutil.rmtree(folder / "runs")
        count += 3
    assert count > 100


@pytest.mark.faults
def test_killed_at_ten_random_moments(tmp_path: Path) -> None:
    """By the clock, from outside: in updates, in validations, in saving."""
    longer = KEEPING.replace("max_updates = 60", "max_updates = 1500").replace(
        "validate_every = 20", "validate_every = 10"
    )
    whole, folder = make(tmp_path / "whole", longer), make(tmp_path / "toy", longer)
    began = time.monotonic()
    ran(mtkit(whole, "train"))
    seconds = time.monotonic() - began
    rng = random.Random(20)
    killed = 0
    while killed < 10:
        process = subprocess.Popen([*COMMAND, "train", "-q"], cwd=folder, env=ENVIRONMENT)
        try:
            process.wait(timeout=rng.uniform(1.5, 2 + seconds / 12))
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
            COUNTS["train, going on", "killed by the clock"] += 1
    assert killed == 10, f"the run ended after {killed} kills: make it longer"
    ran(mtkit(folder, "train"))
    same(folder, whole)
