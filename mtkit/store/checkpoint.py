"""Checkpoints: the whole state of a run on disk, safetensors and JSON, atomic and checksummed.

Must not know what is trained or why. The last two are kept: a torn one is noticed by its checksums, and the
one before is taken. One of a newer version is not torn: it is refused by name.
"""

import copy
import math
import shutil
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, NoReturn

import torch
from pydantic import TypeAdapter
from safetensors.torch import save_file
from torch import Tensor

from mtkit import files, reading
from mtkit.errors import BundleError
from mtkit.model import tensor_files, tensors
from mtkit.model.tensor_files import Spec
from mtkit.store.format import KIND, VERSION, WRITER, Format
from mtkit.store.typed import parsed
from mtkit.train import precision
from mtkit.train.state import Progress, Training

KEPT = 2
CHECKPOINT = Format("checkpoint", 4)
"""Of progress.json. Version 1 did not say its version, version 2 knew of no divergence and no corrected plan, version 3
of one process only."""
_PROGRESS = TypeAdapter(Progress)


def save(folder: Path, training: Training) -> None:
    """Write a checkpoint named by its update into `folder`, and remove all but the newest two."""
    with files.publish(folder / f"{training.progress.update:08d}") as path:
        with files.as_os_error(folder):
            save_file(tensors.contiguous(training.model), path / "model.safetensors")
            save_file({name: t.contiguous() for name, t in training.tensors().items()}, path / "optimizer.safetensors")
            if training.ema:
                save_file(tensors.contiguous(training.ema.model), path / "ema.safetensors")
            if training.outer:
                save_file({name: one.contiguous() for name, one in training.outer.items()}, path / "outer.safetensors")
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
        BundleError: there are checkpoints, and none is whole; or the newest whole one is of a newer mtkit, or not of
            this model and optimiser.
    """
    wrong = []
    found = names(folder)
    model, kept = tensor_files.specs(tensors.named(training.model)), expected(training)
    room = max(tensor_files.largest(model), tensor_files.largest(kept), reading.LIMIT)
    for name in reversed(found):
        path = folder / name
        try:
            files.verify(path, "checkpoint", room)
            table = reading.read_json(path / "progress.json", finite=False)
        except (BundleError, reading.Unreadable, OSError) as error:
            wrong.append(str(error))
            continue
        progress = progress_of(table, path / "progress.json")
        try:
            weights = _read(path / "model.safetensors", model)
            means = _read(path / "ema.safetensors", model) if training.ema else {}
            outer = _outer(path / "outer.safetensors", training.outer)
            state = _optimizer(path / "optimizer.safetensors", kept, progress.update)
        except (reading.Unreadable, OSError) as error:
            raise BundleError(f"{reading.line(str(error))}; start anew", "fresh") from None
        tensors.assign(training.model, weights)
        if training.ema:
            tensors.assign(training.ema.model, means)
        for name, one in outer.items():
            (training.outer or {})[name].copy_(one)
        training.progress = progress
        training.restore_tensors(state)
        return wrong
    if found:
        raise BundleError(f"no checkpoint in {folder} is whole ({wrong[0]}); start anew", "fresh")
    return wrong


def _read(path: Path, wanted: Mapping[str, Spec]) -> dict[str, Tensor]:
    tensor_files.compare(path, tensor_files.header(path), wanted)
    return tensor_files.load(path)


def _outer(path: Path, own: dict[str, Tensor] | None) -> dict[str, Tensor]:
    return {} if own is None else _read(path, tensor_files.specs(own))


def _optimizer(path: Path, wanted: Mapping[str, Spec], update: int) -> dict[str, Tensor]:
    """An optimiser's tensors: of each parameter all or, where it never had a gradient, none."""
    found = tensor_files.header(path)
    parameters = {_parameter(name) for name in found}
    tensor_files.compare(path, found, {name: spec for name, spec in wanted.items() if _parameter(name) in parameters})
    state = tensor_files.load(path)
    for name, value in state.items():
        if name.endswith(":step") and not 0 <= (step := float(value)) <= update:
            raise reading.Unreadable(f"{path}, tensor {name}: found {step:g}, expected 0 to {update}")
    return state


def _parameter(name: str) -> str:
    return name.rpartition(":")[0]


def expected(training: Training) -> dict[str, Spec]:
    """What an optimiser keeps of each parameter, PARAMETER:KEY, which a trial on a small one shows.

    What is neither one number nor as large as the parameter is not known, and left out.
    """
    made: dict[str, Spec] = {}
    names = {id(parameter): name for name, parameter in training.model.named_parameters()}
    for group in training.optimizer.param_groups:
        tried: dict[int, dict[str, Tensor]] = {}
        for parameter in group["params"]:
            dims = parameter.dim()
            if dims not in tried:
                tried[dims] = _trial(training.optimizer, group, parameter)
            for key, value in tried[dims].items():
                if not value.dim() or value.shape == (2,) * dims:
                    shape = tuple(parameter.shape) if value.dim() else ()
                    made[f"{names[id(parameter)]}:{key}"] = Spec(tensor_files.TYPES[value.dtype], shape)
    return made


def _trial(optimizer: torch.optim.Optimizer, group: dict[str, Any], parameter: Tensor) -> dict[str, Tensor]:
    """What an optimiser notes of a parameter with two numbers a dimension."""
    small = torch.nn.Parameter(torch.zeros((2,) * parameter.dim(), dtype=parameter.dtype, device=parameter.device))
    small.grad = torch.zeros_like(small)
    one = copy.copy(optimizer)
    # Some note it from the beginning.
    begun = {key: _small(value, parameter, small) for key, value in optimizer.state.get(parameter, {}).items()}
    one.state, one.param_groups = defaultdict(dict, {small: begun} if begun else {}), [group | {"params": [small]}]
    one.step()
    return {key: value for key, value in one.state[small].items() if isinstance(value, Tensor)}


def _small(value: Any, parameter: Tensor, small: Tensor) -> Any:
    """What is noted of a parameter as it would be of a small one."""
    if not isinstance(value, Tensor):
        return value
    return torch.zeros_like(small, dtype=value.dtype) if value.shape == parameter.shape else value.clone()


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
            f"{reading.line(', '.join(unknown))}; use the mtkit that wrote it, "
            f"{reading.line(str(writer), reading.SHOWN)}"
        )
    try:
        progress = parsed(_PROGRESS, values, where)
        _check(progress, where)
        return progress
    except reading.Unreadable as error:
        raise BundleError(f"{error}; start anew", "fresh") from None


def _check(progress: Progress, where: Path) -> None:
    """Refuse numbers that no run comes to."""

    def refuse(key: str, found: object, expected: str) -> NoReturn:
        raise reading.Unreadable(f"{where}, {key}: found {reading.shown(found)}, expected {expected}")

    for key, value in vars(progress).items():
        if type(value) is int and not 0 <= value < 1 << 62:
            refuse(key, value, "a number from 0")
    for key in ("seconds", "planned_minutes", "corrected_from"):
        if not 0 <= (value := getattr(progress, key)) < math.inf:
            refuse(key, value, "a number from 0")
    for key in ("best_update", "validated", "corrected_at"):
        if (value := getattr(progress, key)) > progress.update:
            refuse(key, value, f"at most the update, {progress.update}")
    for number, one in enumerate(progress.kept):
        if not 0 <= one.update <= progress.update:
            refuse(f"kept.{number}.update", one.update, f"0 to the update, {progress.update}")
    for key in ("parts", "processes"):
        if not 1 <= (value := getattr(progress, key)) <= 1 << 20:
            refuse(key, value, "1 or more")
    if progress.precision and progress.precision not in precision.WAYS:
        refuse("precision", progress.precision, " or ".join(precision.WAYS))
    if progress.first_total and progress.corrected_at >= progress.total_updates:
        refuse("total_updates", progress.total_updates, f"more than corrected_at, {progress.corrected_at}")
    if progress.best is not None and progress.best_scores.keys() != progress.scores.keys() | {"loss"}:
        refuse("best_scores", progress.best_scores, f"the scores {', '.join(progress.scores)}")
