"""The weights of some validations, kept on disk and averaged at the end (checkpoint averaging, Vaswani et al. 2017).

Which ones are kept stands in `Progress.kept`, and so in the checkpoint: what else lies in the folder is of a run that
was killed between writing weights and the checkpoint, and will write them again. Must not know how a model is scored.
"""

import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from mtkit import files, reading
from mtkit.errors import BundleError
from mtkit.model import tensor_files, tensors
from mtkit.model.seq2seq import Seq2Seq
from mtkit.train.state import Kept

ORDER = {
    "best": lambda one: (one.score, -one.loss, -one.update),  # of equals the first, as for the best bundle
    "last": lambda one: one.update,
}


def choose(kept: list[Kept], number: int, of: str) -> list[Kept]:
    """The `number` validations to average, oldest first: the best, or the last."""
    return sorted(sorted(kept, key=ORDER[of], reverse=True)[:number], key=ORDER["last"])


def keep(folder: Path, model: Seq2Seq, update: int) -> None:
    """Write a model's values, sealed, as those of an update."""
    with files.publish(folder / _name(update)) as path:
        with files.as_os_error(folder):
            save_file(tensors.contiguous(model), path / "model.safetensors")
        files.seal(path)


def prune(folder: Path, kept: list[Kept]) -> None:
    """Remove all weights but those of `kept`."""
    names = {_name(one.update) for one in kept}
    for path in folder.glob("[0-9]*"):
        if path.name not in names:
            shutil.rmtree(path)


def whole(folder: Path, kept: list[Kept], model: Seq2Seq) -> tuple[list[Kept], list[str]]:
    """Those of `kept` whose files are there, unchanged and of this model, and what is wrong with the others."""
    found, wrong = [], []
    wanted = tensor_files.specs(tensors.named(model))
    room = max(tensor_files.largest(wanted), reading.LIMIT)
    for one in kept:
        try:
            files.verify(folder / _name(one.update), "set of kept weights", room)
            path = folder / _name(one.update) / "model.safetensors"
            tensor_files.compare(path, tensor_files.header(path), wanted)
            found.append(one)
        except (BundleError, reading.Unreadable, OSError) as error:
            wrong.append(str(error))
    return found, wrong


def mean(folder: Path, kept: list[Kept]) -> dict[str, torch.Tensor]:
    """The mean of kept values in float64; counts are those of the last."""
    total: dict[str, torch.Tensor] = {}
    for one in kept:
        for name, value in load_file(folder / _name(one.update) / "model.safetensors").items():
            if not value.is_floating_point():
                total[name] = value
            elif name in total:
                total[name] += value
            else:
                total[name] = value.double()
    return {name: value / len(kept) if value.is_floating_point() else value for name, value in total.items()}


def _name(update: int) -> str:
    return f"{update:08d}"
