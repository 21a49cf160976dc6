"""Processes that train together, as users and schedulers start, stop and kill them."""

import json
import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from mtkit.store import log
from tests.system.group import ended, launch
from tests.system.test_train import wait_for
from tests.system.toy import make, mtkit, ran

SHORT = (
    "-s",
    "tokenizer.sample=0.5",
    "-s",
    "train.max_updates=12",
    "-s",
    "train.validate_every=6",
    "-s",
    "train.average=2",
)
LONG = ("-s", "train.max_updates=100000", "-s", "train.validate_every=100000")


def weights(folder: Path, name: str = "toy") -> dict[str, torch.Tensor]:
    newest = sorted((folder / f"runs/{name}/checkpoints").iterdir())[-1]
    return load_file(newest / "model.safetensors") | load_file(newest / "optimizer.safetensors")


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def validations(folder: Path, name: str = "toy") -> list[dict[str, float]]:
    return [event.scores for event in log.read(folder / f"runs/{name}/log.jsonl") if isinstance(event, log.Validation)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one process that takes two batches an update."""
    folder = make(tmp_path_factory.mktemp("together") / "toy")
    ran(mtkit(folder, "train", *SHORT, "-s", "train.accumulate=2", "-s", "name=toy"))
    return folder


def copied(undisturbed: Path, folder: Path) -> Path:
    """Text and what was prepared of it, without the run."""
    shutil.copytree(undisturbed, folder, ignore=shutil.ignore_patterns("runs"))
    return folder


def test_two_train_as_one_does_with_two_batches_an_update(undisturbed: Path, tmp_path: Path) -> None:
    folder = make(tmp_path / "toy")
    codes, (first, second) = ended(launch(folder, folder, arguments=SHORT))
    assert codes == [0, 0], (first, second)
    assert second == ""
    assert "2 processes train together, 1 thread each" in first
    assert "wrote prepared/" in first
    assert same(weights(folder), weights(undisturbed))
    assert validations(folder) == validations(undisturbed)
    events = list(log.read(folder / "runs/toy/log.jsonl"))
    assert [event for event in events if isinstance(event, log.Processes)] == [
        log.Processes(update=0, processes=2, before=1)
    ]
    told = "\n".join(one.event for one in events)
    wanted = "\n".join(one.event for one in log.read(undisturbed / "runs/toy/log.jsonl"))
    assert told.replace("processes\n", "", 1).count("validation") == wanted.count("validation")
    (average,) = (event for event in events if isinstance(event, log.Average))
    (theirs,) = (e for e in log.read(undisturbed / "runs/toy/log.jsonl") if isinstance(e, log.Average))
    assert average.scores == theirs.scores


def test_a_signal_saves_and_the_run_goes_on_with_as_many_or_more(undisturbed: Path, tmp_path: Path) -> None:
    folder = copied(undisturbed, tmp_path / "toy")
    arguments = ("-s", "train.schedule=constant", "-s", "train.max_updates=100000", "-s", "train.validate_every=8")
    processes = launch(folder, folder, arguments=arguments)
    wait_for(processes[0], b"update 1 ")
    processes[1].kill(signal.SIGTERM)  # one of them is all
    codes, told = ended(processes)
    assert codes == [143, 143]
    assert "".join(told).count("by SIGTERM, all is saved; mtkit train goes on from here") == 1
    reached = int(sorted((folder / "runs/toy/checkpoints").iterdir())[-1].name)
    ends = ("-s", "train.schedule=constant", "-s", "train.validate_every=8", "-s", f"train.max_updates={reached + 5}")
    shutil.copytree(folder / "runs/toy", folder / "runs/other")
    codes, (_, second) = ended(launch(folder, folder, arguments=ends))
    assert (codes, second) == ([0, 0], "")
    whole = copied(undisturbed, tmp_path / "whole")
    ran(mtkit(whole, "train", *ends, "-s", "train.accumulate=2"))
    assert same(weights(folder), weights(whole))
    (folder / "runs/toy").rename(folder / "runs/two")
    (folder / "runs/other").rename(folder / "runs/toy")
    alone = mtkit(folder, "train", *ends)
    ran(alone)
    message = f"2 processes made this run's {reached} updates, one process will make the next ones"
    assert message in alone.stderr
    changes = [event for event in log.read(folder / "runs/toy/log.jsonl") if isinstance(event, log.Processes)]
    assert [(event.processes, event.before) for event in changes] == [(2, 1), (1, 2)]
    assert not same(weights(folder), weights(whole))


@pytest.mark.parametrize("seed", [1, pytest.param(None, marks=pytest.mark.slow)])
def test_one_that_is_killed_ends_all_and_the_run_goes_on(seed: int | None, undisturbed: Path, tmp_path: Path) -> None:
    """At a random moment, from when they have met to the last validation; `make slow`: 20 times."""
    rng = random.Random(seed or time.time())
    for number in range(1 if seed else 20):
        folder = copied(undisturbed, tmp_path / f"toy{number}")
        processes = launch(folder, folder, folder, arguments=SHORT)
        wait_for(processes[0], b"config: ")
        time.sleep(rng.uniform(0, 3))
        processes[victim := rng.randrange(3)].kill()
        began = time.monotonic()
        time.sleep(0.2)
        for process in processes:  # as torchrun does
            process.kill(signal.SIGTERM)
        codes, told = ended(processes)
        assert time.monotonic() - began < 30
        if any(codes):  # else it came too late
            assert codes[victim] == -9, (codes, told)
            assert set(codes) - {-9} <= {1, 143}, (codes, told)
            errors = [line for one in told for line in one.splitlines() if line.startswith(("error: ", "interrupted"))]
            # Whoever keeps the store where they meet (torchrun, or else the first of them) knows what was said.
            assert len(errors) == 1 or (victim == 0 and len(errors) == 2), told
            assert "Traceback" not in "".join(told)
        codes, told = ended(launch(folder, folder, folder, arguments=SHORT))
        assert codes == [0, 0, 0], told
        if number == 0:
            whole = copied(undisturbed, tmp_path / "whole")
            ran(mtkit(whole, "train", *SHORT, "-s", "train.accumulate=3"))
        assert same(weights(folder), weights(whole))


@pytest.mark.parametrize(
    ("each", "named"),
    [
        (((), ("-s", "train.lr=0.5")), "process 1 does not fit the first one (train.lr: 0.01 in the first, 0.5 there)"),
        (((), ("--threads", "3")), "(threads: 1 in the first, 3 there)"),
        (((), ("-s", "train.lr=fast")), "train.lr"),
    ],
)
def test_what_differs_is_refused_by_name(each: Any, named: str, undisturbed: Path, tmp_path: Path) -> None:
    folder = copied(undisturbed, tmp_path / "toy")
    codes, told = ended(launch(folder, folder, arguments=SHORT, each=each))
    assert codes == [1, 1]
    errors = [line for one in told for line in one.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, told
    assert named in errors[0]
    assert not (folder / "runs").exists()


def test_local_updates_need_a_batch_for_each(undisturbed: Path, tmp_path: Path) -> None:
    folder = copied(undisturbed, tmp_path / "toy")
    large = ("-s", "train.batch_tokens=1000000", "-s", "train.sync_every=2")
    codes, told = ended(launch(folder, folder, arguments=(*SHORT, *large)))
    assert codes == [1, 1]
    assert "".join(told).count("error: an epoch has fewer batches than there are processes") == 1
    assert not (folder / "runs").exists()


def test_a_disk_that_is_not_shared(undisturbed: Path, tmp_path: Path) -> None:
    here, there = copied(undisturbed, tmp_path / "toy"), make(tmp_path / "elsewhere")
    codes, told = ended(launch(here, there, arguments=SHORT))
    assert codes == [1, 1]
    assert "".join(told).count("error: ") == 1
    assert "is not there for process 1 (on " in "".join(told)
    shutil.copytree(here / "prepared", there / "prepared")
    (manifest,) = (there / "prepared").glob("*/manifest.json")
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"mtkit_version": "0"}))
    codes, told = ended(launch(here, there, arguments=SHORT))
    assert codes == [1, 1]
    assert "(prepared corpus: '" in "".join(told)
