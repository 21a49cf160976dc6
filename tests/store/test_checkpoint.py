"""Checkpoints: those of before there were versions go on bit for bit, and one from the future is named."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from mtkit import files
from mtkit.errors import BundleError
from mtkit.store import checkpoint
from mtkit.train.state import Kept, Progress
from tests.train.bench import Bench

DATA = Path(__file__).parent / "data"


def saved(bench: Bench, folder: Path, update: int) -> Path:
    checkpoint.save(folder, bench.until(update))
    return folder / f"{update:08d}"


def rewritten(path: Path, change: dict[str, Any], *without: str) -> None:
    """Another progress.json, with checksums that fit it."""
    table = json.loads((path / "progress.json").read_text()) | change
    (path / "progress.json").write_text(json.dumps({key: table[key] for key in table if key not in without}))
    files.seal(path)


def test_it_says_its_kind_and_version(tmp_path: Path) -> None:
    path = saved(Bench(tmp_path, max_updates=2), tmp_path / "c", 1)
    table = json.loads((path / "progress.json").read_text())
    assert (table["kind"], table["format_version"]) == ("checkpoint", 4)


def test_one_of_before_there_were_versions_goes_on_bit_for_bit(tmp_path: Path) -> None:
    bench = Bench(tmp_path, max_updates=9)
    whole = bench.losses(bench.make())
    path = saved(bench, tmp_path / "c", 4)
    # The keys of a progress.json of then, and no others: what was added since has its default.
    keys = json.loads((DATA / "progress1.json").read_text()).keys()
    now = json.loads((path / "progress.json").read_text()).keys()
    rewritten(path, {}, *(now - keys))
    again = bench.make()
    assert checkpoint.load(tmp_path / "c", again) == []
    assert bench.losses(again) == whole[4:]


def test_a_progress_of_then_is_read(tmp_path: Path) -> None:
    table = json.loads((DATA / "progress1.json").read_text())
    progress = checkpoint.progress_of(table, tmp_path)
    since: dict[str, Any] = {"shaped": False, "diverged": False, "first_loss": 0.0}
    since |= {"first_total": 0, "corrected_at": 0, "corrected_from": 0.0, "begun_from": {}, "processes": 1}
    assert dataclasses.asdict(progress) == table | since
    assert isinstance(progress.kept[0], Kept)
    assert checkpoint.progress_of({"update": 7}, tmp_path) == Progress(update=7)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format_version": 9, "mtkit_version": "8.1"}, "checkpoint format 9, .* 1 to 4; .* wrote it, 8.1$"),
        ({"new_field": 1, "mtkit_version": "8.1"}, "not know, in checkpoint format 4: new_field; .* wrote it, 8.1$"),
        ({"kind": "bundle"}, 'is a "bundle" of format 4; expected a checkpoint'),
        ({"update": "many"}, 'progress.json, update: found "many", expected a valid integer'),
        ({"kept": [{"update": 1}]}, "progress.json, kept.0.score: "),
    ],
)
def test_what_is_not_ours_is_named_and_not_taken_for_damage(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    bench = Bench(tmp_path, max_updates=4)
    saved(bench, tmp_path / "c", 2)
    rewritten(saved(bench, tmp_path / "c", 3), change)
    training = bench.make()
    with pytest.raises(BundleError, match=says) as caught:
        checkpoint.load(tmp_path / "c", training)
    assert "is whole" not in str(caught.value)
    assert training.progress.update == 0  # nor is the one before taken in its place, in silence
