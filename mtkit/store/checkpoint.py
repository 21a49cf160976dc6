"""Checkpoints: the whole state of a run on disk, safetensors and JSON, atomic and checksummed.

Must not know what is trained or why. The last two are kept: a torn one is noticed by its checksums, and the
one before is taken. One of a newer version is not torn: it is refused by name.
"""

import json
import shutil
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from safetensors.torch import load_file, save_file

from mtkit import files
from mtkit.errors import BundleError
from mtkit.model import tensors
from mtkit.store.format import KIND, VERSION, WRITER, Format
from mtkit.train.state import Progress, Training

KEPT = 2
CHECKPOINT = Format("checkpoint", 3)
"""Of progress.json. Version 1 did not say its version, version 2 knew of no divergence and no corrected plan."""
_PROGRESS = TypeAdapter(Progress)


def save(folder: Path, training: Training) -> None:
    """Write a checkpoint named by its update into `folder`, and remove all but the newest two."""
    with files.publish(folder / f"{training.progress.update:08d}") as path:
        with files.as_os_error(folder):
            save_file(tensors.contiguous(training.model), path / "model.safetensors")
            save_file({name: t.contiguous() for name, t in training.tensors().items()}, path / "optimizer.safetensors")
            if training.ema:
                save_file(tensors.contiguous(training.ema.model), path / "ema.safetensors")
        noted = CHECKPOINT.head() | asdict(training.progress)
        (path / "progress.json").write_text(files.to_json(noted), encoding="utf-8")
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
        BundleError: there are checkpoints, and none is whole; or the newest whole one is of a newer mtkit.
    """
    wrong = []
    found = names(folder)
    for name in reversed(found):
        path = folder / name
        try:
            files.verify(path, "checkpoint")
            table = json.loads((path / "progress.json").read_text(encoding="utf-8"))
        except (BundleError, ValueError, OSError) as error:
            wrong.append(str(error))
            continue
        progress = progress_of(table, path / "progress.json")
        tensors.assign(training.model, load_file(path / "model.safetensors"))
        if training.ema:
            tensors.assign(training.ema.model, load_file(path / "ema.safetensors"))
        training.progress = progress
        training.restore_tensors(load_file(path / "optimizer.safetensors"))
        return wrong
    if found:
        raise BundleError(f"no checkpoint in {folder} is whole ({wrong[0]}); start anew", "fresh")
    return wrong


def progress_of(table: Any, where: Path) -> Progress:
    """What a progress.json says, of this version or an older one; fields that an older one lacks have their defaults.

    Raises:
        BundleError: it is of a newer version, or has a key or value that is none; names file and key.
    """
    version = CHECKPOINT.check(table, where, unversioned=1)
    values = {key: value for key, value in table.items() if key not in (KIND, VERSION, WRITER)}
    if unknown := sorted(values.keys() - {field.name for field in fields(Progress)}):
        writer = table.get(WRITER, "a newer one")
        raise BundleError(
            f"{where} has keys that this mtkit does not know, in {CHECKPOINT.kind} format {version}: "
            f"{', '.join(unknown)}; use the mtkit that wrote it, {writer}"
        )
    try:
        return _PROGRESS.validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise BundleError(f"{where}, {key}: {first['msg']}, got {first['input']!r}; start anew", "fresh") from None
