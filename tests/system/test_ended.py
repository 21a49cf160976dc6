"""Training that ends before its time, by a signal or with its terminal, and training that comes to nothing."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mtkit.config import load
from mtkit.errors import Stopped
from mtkit.jobs.train import train
from mtkit.jobs.validate import Validator
from mtkit.store import checkpoint, log
from mtkit.train import loop
from tests.system.test_memory import Messages
from tests.system.test_train import wait_for
from tests.system.toy import begin, mtkit, terminal

LONG = ("-s", "train.max_updates=100000", "-s", "train.validate_every=100000", "-s", "train.max_minutes=2")


def saved(folder: Path) -> int:
    """The update of the newest checkpoint."""
    return max(int(path.name) for path in (folder / "runs/toy/checkpoints").glob("[0-9]*"))


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1])
def test_a_terminal_that_closes_and_a_scheduler_that_warns(number: signal.Signals, folder: Path) -> None:
    process = begin(folder, "train", *LONG)
    wait_for(process, b"update 1 ")
    process.kill(number)
    errors = process.stderr.read().decode()
    assert process.wait() == 128 + number
    process.close()
    assert f"by {number.name}, all is saved" in errors
    assert saved(folder) > 0


def test_a_terminal_that_is_gone_keeps_nothing_from_being_saved(folder: Path) -> None:
    child = terminal(folder, "train", *LONG, environment=os.environ | {"TERM": "xterm-256color"}, rows=40, columns=110)
    child.expect("tokens/s")
    process = int((folder / "runs/toy/lock").read_text())
    child.close(force=True)
    time.sleep(0.6)  # what is drawn twice a second finds nobody
    os.kill(process, signal.SIGHUP)
    for _ in range(200):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            break
        time.sleep(0.05)
    assert saved(folder) > 0


def signalled(where: str, patch: pytest.MonkeyPatch) -> None:
    """Let SIGTERM come in validations, or in saving."""
    measure, save = Validator.measure, checkpoint.save

    def measured(validator: Validator, model: Any) -> Any:
        signal.raise_signal(signal.SIGTERM)
        return measure(validator, model)

    def kept(*given: Any) -> None:
        signal.raise_signal(signal.SIGTERM)
        save(*given)
        signal.raise_signal(signal.SIGTERM)

    if where == "validation":
        patch.setattr(Validator, "measure", measured)
    else:
        patch.setattr(checkpoint, "save", kept)


@pytest.mark.parametrize(("where", "update"), [("validation", 20), ("saving", 1)])
def test_a_signal_that_comes_while_something_else_is_done(
    where: str, update: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(str(folder / "mtkit.toml"), ["train.max_updates=22"])
    with monkeypatch.context() as patch:
        signalled(where, patch)
        with pytest.raises(Stopped, match=f"stopped at update {update} by SIGTERM, all is saved") as caught:
            train(loaded, Messages(), device="cpu")
    assert (caught.value.exit_code, saved(folder)) == (143, update)
    progress = train(loaded, Messages(), device="cpu")
    assert (progress.update, progress.validated) == (22, 22)


@pytest.mark.parametrize("command", ["preprocess", "train"])
def test_preparing_text_is_cleared_up(command: str, folder: Path) -> None:
    ending = (
        "import os, signal\nfrom mtkit import files\nfiles.sync = lambda path: os.kill(os.getpid(), signal.SIGTERM)"
    )
    done = mtkit(folder, command, before=ending)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (128 + signal.SIGTERM, "interrupted")
    assert [path.name for path in (folder / "prepared").iterdir()] == ["lock"]


def test_divergence_is_told_and_is_no_success(folder: Path) -> None:
    wild = ("-s", "train.lr=10", "-s", "train.max_updates=40")
    done = mtkit(folder, "train", *wild)
    assert done.returncode == 1
    assert done.stderr.count("WARNING: the loss on") == 2  # of training, and of dev
    assert "the best so far" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: training has diverged: its best loss on dev is ")
    assert last.endswith("start anew with a lower train.lr (--fresh keeps the old run beside)")
    again = mtkit(folder, "train", "-q", *wild)
    assert (again.returncode, again.stderr.splitlines()[-1]) == (1, last)


def test_a_changed_plan_is_told_when_it_matters(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shutil.copytree(trained, tmp_path / "toy", ignore=shutil.ignore_patterns("runs"))
    plans = [1738, 1739, 1742, 1760, 1790, 1789]

    def planned(*given: Any) -> Iterator[loop.Event]:
        yield from (loop.Planned(updates, before) for before, updates in pairwise([0, *plans]))
        yield loop.Finished("the end")

    monkeypatch.setattr(loop, "train", planned)
    view = Messages()
    train(load(str(folder / "mtkit.toml"), ["train.max_minutes=0.4"]), view, device="cpu")
    assert [one for one in view.said if "at this speed" in one] == [
        "0.4 minutes are 1,738 updates at this speed",
        "0.4 minutes are 1,790 updates at this speed, not 1,738",
    ]
    events = log.read(folder / "runs/toy/log.jsonl")
    assert [event.updates for event in events if isinstance(event, log.Planned)] == plans  # each is on record
