"""A translator as what can be sent to a machine that has mtkit, and none of its files."""

import functools
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from mtkit.errors import MtkitError
from mtkit.jobs.bulk.work import Done, Job, Piece, attempted
from mtkit.translator.translator import Translator

Bundles = list[dict[str, bytes]]
"""Of each its files, by their names."""


def packed(translator: Translator) -> Bundles:
    """The bundles that a translator was loaded from."""
    return [
        {path.name: path.read_bytes() for path in sorted(Path(name).iterdir()) if path.is_file()}
        for name in translator.names
    ]


def maker(translator: Translator, job: Job, device: str, threads: int) -> Callable[[Bundles], Callable[[Piece], Done]]:
    """What makes of bundles, elsewhere, what does a job as this translator would.

    There it raises MtkitError if that machine takes another precision.
    """
    return functools.partial(_made, job, device, translator.decode.model_dump(), translator.tag, threads)


def _made(
    job: Job, device: str, decode: dict[str, Any], tag: str | None, threads: int, bundles: Bundles
) -> Callable[[Piece], Done]:
    torch.set_num_threads(threads)
    with TemporaryDirectory(prefix="mtkit-") as root:
        folders = [Path(root) / str(number) for number in range(len(bundles))]
        for folder, content in zip(folders, bundles, strict=True):
            folder.mkdir()
            for name, data in content.items():
                (folder / name).write_bytes(data)
        translator = Translator.load(*folders, device=device, tag=tag, **decode)
    # What is done is kept as made in this precision, and it is not for each machine to choose another.
    if (here := translator.decode.precision) != decode["precision"]:
        asked = decode["precision"]
        raise MtkitError(f"this machine computes in {here}, and was asked for {asked}; name fp32 as the precision")
    return functools.partial(attempted, job, translator)
