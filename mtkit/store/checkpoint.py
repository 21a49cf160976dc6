"""Checkpoints: the whole state of a run on disk, safetensors and JSON, atomic and checksummed.

Must not know what is trained or why. The last two are kept: a torn one is noticed by its checksums, and the
one before is taken.
"""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

from safetensors.torch import load_file, save_file

from mtkit import files
from mtkit.errors import BundleError
from mtkit.model import tensors
from mtkit.train.state import Progress, Training

KEPT = 2


def save(folder: Path, training: Training) -> None:
    """Write a checkpoint named by its update into `folder`, and remove all but the newest two."""
    with files.publish(folder / f"{training.progress.update:08d}") as path:
        with files.as_os_error(folder):
            save_file(tensors.contiguous(training.model), path / "model.safetensors")
            save_file({name: t.contiguous() for name, t in training.tensors().items()}, path / "optimizer.safetensors")
            if training.ema:
                save_file(tensors.contiguous(training.ema.model), path / "ema.safetensors")
        (path / "progress.json").write_text(files.to_json(asdict(training.progress)), encoding="utf-8")
        files.seal(path)
    for old in names(folder)[:-KEPT]:
        shutil.rmtree(folder / old)


def names(folder: Path) -> list[str]:
    """Checkpoints there, oldest first."""
    return sorted(path.name for path in folder.glob("[0-9]*") if path.name.isdigit())


def load(folder: Path, training: Training) -> list[str]:
    """Restore the newest whole checkpoint, in place; returns what was wrong with newer ones, or with all.

    With no checkpoint at all `training` stays as it is.

    Raises:
        BundleError: there are checkpoints, and none is whole.
    """
    wrong = []
    found = names(folder)
    for name in reversed(found):
        path = folder / name
        try:
            files.verify(path, "checkpoint")
            progress = Progress(**json.loads((path / "progress.json").read_text(encoding="utf-8")))
        except (BundleError, TypeError, ValueError) as error:
            wrong.append(str(error))
            continue
        tensors.assign(training.model, load_file(path / "model.safetensors"))
        if training.ema:
            tensors.assign(training.ema.model, load_file(path / "ema.safetensors"))
        training.progress = progress
        training.restore_tensors(load_file(path / "optimizer.safetensors"))
        return wrong
    if found:
        raise BundleError(f"no checkpoint in {folder} is whole ({wrong[0]}); start anew", "fresh")
    return wrong
