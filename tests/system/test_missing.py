"""A run of which something is missing or damaged: what cannot go on writes over nothing, and says what is missing."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mtkit import files
from mtkit.config import load
from mtkit.errors import MtkitError
from mtkit.jobs.train import train
from mtkit.store import bundle_config
from tests.system.test_memory import Messages

Change = Callable[[Path], None]


def without(*names: str) -> Change:
    def change(run: Path) -> None:
        for name in names:
            for path in run.glob(name):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    return change


def only(*names: str) -> Change:
    def change(run: Path) -> None:
        for path in list(run.iterdir()):
            if path.name not in names:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    return change


def cut(*names: str) -> Change:
    """Half of a file is there."""

    def change(run: Path) -> None:
        for name in names:
            for path in run.glob(name):
                data = path.read_bytes()
                path.write_bytes(data[: len(data) // 2])

    return change


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of a finished run, to be spoilt."""
    shutil.copytree(trained, tmp_path / "toy")
    return tmp_path / "toy/runs/toy"


def start(run: Path, *sets: str, fresh: bool = False) -> Messages:
    view = Messages()
    limits = sets or ("train.max_updates=500", "train.validate_every=250")
    train(load(str(run.parents[1] / "mtkit.toml"), list(limits)), view, device="cpu", fresh=fresh)
    return view


def contents(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


REFUSED: dict[str, tuple[Change, str]] = {
    "no checkpoints": (
        without("checkpoints"),
        "has no checkpoint in checkpoints/ .* what it holds .best/, log.jsonl.*",
    ),
    "an empty folder of them": (without("checkpoints/*"), "has no checkpoint in checkpoints/"),
    "no config": (without("config.json"), "has no config.json .* .best/, checkpoints/, log.jsonl."),
    "best alone": (only("best"), "has no config.json .* .best/."),
    "checkpoints alone": (only("checkpoints"), "has no config.json .* .checkpoints/."),
    "the log alone": (only("log.jsonl"), "has no config.json .* .log.jsonl."),
    "config and log": (only("config.json", "log.jsonl"), "has no checkpoint .* .log.jsonl."),
    "config and best": (only("config.json", "best"), "has no checkpoint .* .best/."),
    "half a config": (cut("config.json"), "config.json cannot be read .* put it back, or start anew"),
    "half of every checkpoint": (cut("checkpoints/*/progress.json"), "no checkpoint in .* is whole"),
    "a best model of which half is there": (cut("best/model.safetensors"), "has changed.*\n.* put it back, or remove"),
    "a best model without its tokenizer": (without("best/tokenizer.model"), "is missing.*\n.* put it back, or remove"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_go_on_is_left_as_it_is(what: str, run: Path) -> None:
    change, says = REFUSED[what]
    change(run)
    before = contents(run)
    with pytest.raises(MtkitError, match=says) as caught:
        start(run)
    assert str(caught.value).count("\n") <= 1
    assert contents(run) == before


def test_fresh_keeps_what_is_left_beside(run: Path) -> None:
    without("checkpoints")(run)
    before = contents(run)
    view = start(run, "train.max_updates=2", fresh=True)
    assert 'kept the old run as toy.1; name = "toy.1" goes on with it' in view.said
    assert contents(run.with_name("toy.1")) == before
    assert bundle_config.read(run / "best").training.updates == 2  # type: ignore[union-attr]


def test_fresh_does_nothing_where_the_new_run_cannot_begin(run: Path) -> None:
    before = contents(run)
    with pytest.raises(MtkitError, match="tf32 is for CUDA"):
        start(run, "train.precision=tf32", fresh=True)
    assert contents(run) == before
    assert [path.name for path in run.parent.iterdir()] == ["toy"]


def test_a_best_model_that_was_removed_is_made_anew(run: Path) -> None:
    before = (run / "best/model.safetensors").read_bytes()
    without("best")(run)
    view = start(run)
    assert "best is missing" in view.warned[0]
    assert (run / "best/model.safetensors").read_bytes() == before
    assert "this run is finished" in start(run).said[-1]


def test_the_best_model_outlives_the_newest_checkpoints(run: Path) -> None:
    """Without them the run is at update 250: what it validates first is worse than what it had come to."""
    before = contents(run / "best")
    without("checkpoints/00000500")(run)
    shutil.copytree(run, run.with_name("kept"))
    view = start(run, "train.max_updates=252", "train.validate_every=250")
    assert "best is of update 500, from before a checkpoint was lost, and better" in view.warned[0]
    assert contents(run / "best") == before
    shutil.rmtree(run)
    run.with_name("kept").rename(run)
    start(run)  # to the same end
    assert (run / "best/model.safetensors").read_bytes() == before["model.safetensors"]


def test_the_log_is_no_reason_not_to_go_on(run: Path) -> None:
    without("log.jsonl")(run)
    view = start(run, "train.max_updates=502", "train.validate_every=250")
    assert "log.jsonl has lost what was logged before update 500" in view.warned[0]


def test_what_a_kill_leaves_goes_on(run: Path) -> None:
    """Before its first checkpoint a run has a config, and perhaps a log of what it chose."""
    log = (run / "log.jsonl").read_bytes().split(b"\n")
    only("config.json")(run)
    (run / "log.jsonl").write_bytes(b"\n".join(log[:2]) + b"\n")
    (run / "checkpoints").mkdir()
    (run / "checkpoints/.tmp-1-00000000").mkdir()
    start(run, "train.max_updates=2", "train.validate_every=250")
    files.verify(run / "checkpoints/00000002", "checkpoint")
