"""Processes that train the demo together, and those that torchrun starts again, however often one of them is killed."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.system.group import ended, launch
from tests.system.test_together import same, validations, weights
from tests.system.toy import ENVIRONMENT, make, mtkit, ran

ROOT = Path(__file__).parents[2]
KILLS = 20
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--max-restarts", str(KILLS)]

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize("kind", ["", "model.decoder.wiring=gnmt", "transformer"])
def test_the_demo_is_that_of_one_process(kind: str, size: int, tmp_path: Path) -> None:
    sides = ("model.encoder.name=transformer", "model.decoder.name=transformer")
    keys = sides if kind == "transformer" else (kind,) if kind else ()
    settings = ("train.max_minutes=0", "train.max_updates=12", "train.validate_every=6", "train.precision=fp32", *keys)
    given = tuple(part for one in settings for part in ("-s", one))
    codes, told = ended(launch(*[tmp_path] * size, arguments=(*given, "-s", "name=many")))
    assert codes == [0] * size, told
    ran(mtkit(tmp_path, "train", *given, "-s", "name=one", "-s", f"train.accumulate={size}", limit=600))
    assert same(weights(tmp_path, "many"), weights(tmp_path, "one"))
    assert validations(tmp_path, "many") == validations(tmp_path, "one")


def children(process: int) -> list[int]:
    done = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process)], capture_output=True, text=True)
    return sorted(map(int, done.stdout.split()))


def test_killed_at_random_and_started_again_by_torchrun(tmp_path: Path) -> None:
    """Each time all others are gone within 30 seconds; the weights at the end are those of an undisturbed run."""
    folder, whole = make(tmp_path / "toy"), make(tmp_path / "whole")
    given = ("-s", "train.max_updates=1500", "-s", "train.validate_every=10", "-s", "train.validate_lines=5")
    environment = ENVIRONMENT | {"PYTHONPATH": str(ROOT)}
    rng = random.Random(os.urandom(8))
    with (tmp_path / "told").open("w") as told:
        command = [*TORCHRUN, "-m", "mtkit", "train", *given]
        torchrun = subprocess.Popen(command, cwd=folder, env=environment, stderr=told, stdout=told)
        longest, kills = 0.0, 0
        while kills < KILLS:
            while len(alive := children(torchrun.pid)) < 2 and torchrun.poll() is None:
                time.sleep(0.05)
            time.sleep(rng.uniform(0, 8))
            if torchrun.poll() is not None:
                break
            os.kill(rng.choice(alive), signal.SIGKILL)
            kills += 1
            began = time.monotonic()
            while set(alive) & set(children(torchrun.pid)):
                time.sleep(0.05)
            longest = max(longest, time.monotonic() - began)
        assert torchrun.wait(300) == 0, (tmp_path / "told").read_text()
    print(f"{kills} kills, all gone within {longest:.1f} seconds")
    assert longest < 30
    assert kills > KILLS / 2  # or it was too quick for them
    ran(mtkit(whole, "train", *given, "-s", "train.accumulate=2", limit=600))
    assert same(weights(folder), weights(whole))


def test_torchrun_that_is_ended_saves(tmp_path: Path) -> None:
    folder = make(tmp_path / "toy")
    command = [*TORCHRUN, "-m", "mtkit", "train", "-s", "train.max_updates=100000", "-s", "train.validate_every=100000"]
    environment = ENVIRONMENT | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True) as torchrun:
        assert torchrun.stderr is not None
        while "update 1 " not in (line := torchrun.stderr.readline()):
            assert line
        torchrun.terminate()
        told = torchrun.stderr.read()
    assert told.count("by SIGTERM, all is saved") == 1
    (newest, *_) = sorted((folder / "runs/toy/checkpoints").iterdir(), reverse=True)
    assert int(newest.name) > 0
