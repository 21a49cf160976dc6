"""Training on changed pairs: said, repeatable, and the same where a run was stopped and goes on."""

import json
from pathlib import Path

import pytest

from tests.system.toy import failed, mtkit, ran

pytestmark = pytest.mark.system  # a model is trained

CHANGES = ("augment.upper=0.2", "augment.typos=0.2", "augment.join=0.3", "augment.emoji=0.1")
SETS = (*CHANGES, "train.validate_every=0", "train.schedule=constant", "train.metric=loss")


def losses(folder: Path, name: str, *updates: int) -> list[float]:
    sets = [part for key in (*SETS, f"name={name}") for part in ("-s", key)]
    for count in updates:
        ran(mtkit(folder, "train", *sets, "-s", f"train.max_updates={count}"))
    events = map(json.loads, (folder / f"runs/{name}/log.jsonl").read_text().splitlines())
    last = {event["update"]: event for event in events if event["event"] == "validation"}
    return [last[update]["loss"] for update in sorted(last)][-1:]


def test_a_run_that_was_stopped_goes_on_as_it_would_have(folder: Path) -> None:
    whole = losses(folder, "whole", 12)
    assert losses(folder, "parts", 5, 12) == whole
    weights = [(folder / f"runs/{name}/best/model.safetensors").read_bytes() for name in ("whole", "parts")]
    assert weights[0] == weights[1]
    done = mtkit(folder, "train", "-s", "name=whole", "-s", "train.max_updates=15", "-s", "augment.upper=0.5")
    failed(done, "augment.upper: 0.2 then, 0.5 now")


def test_what_is_changed_is_shown(folder: Path) -> None:
    done = mtkit(folder, "train", "-s", "augment.upper=0.2", "-s", "train.max_updates=2")
    ran(done)
    assert "changed while training: upper, 20% of the pairs, such as '" in done.stderr
    assert "nothing has changed" in mtkit(folder, "preprocess").stderr  # what is prepared knows nothing of it
    failed(mtkit(folder, "train", "-s", "augment.upper=0.7", "-s", "augment.title=0.7"), "are more than all pairs")
