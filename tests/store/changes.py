"""Changes that somebody makes to files, and how they are refused: in one short line that names the place."""

import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from mtkit import files
from mtkit.errors import BundleError, MtkitError

Change = Callable[[Path], object]
WEIGHTS = "model.safetensors"


def refused(call: Callable[[], object], says: str, kind: type[MtkitError] = BundleError) -> None:
    began = time.monotonic()
    with pytest.raises(kind, match=says) as caught:
        call()
    message = str(caught.value)
    assert len(message) < 900
    assert message.isprintable(), message
    assert time.monotonic() - began < 2


def told(key: str, value: Any) -> Change:
    """Another value at a dotted key of config.json."""

    def change(folder: Path) -> None:
        table = json.loads((folder / "config.json").read_text())
        inner = table
        *parents, last = key.split(".")
        for parent in parents:
            inner = inner[parent]
        inner[last] = value
        (folder / "config.json").write_text(json.dumps(table))

    return change


def text(name: str, what: str) -> Change:
    return lambda folder: (folder / name).write_text(what)


def raw(name: str, what: bytes) -> Change:
    return lambda folder: (folder / name).write_bytes(what)


def tensors(name: str, **values: torch.Tensor | None) -> Change:
    """Other tensors in a file; None: without it."""

    def change(folder: Path) -> None:
        made: dict[str, Any] = load_file(folder / name)
        made |= {key.replace("__", ".").replace("SCALES", "#scales"): value for key, value in values.items()}
        save_file({key: value for key, value in made.items() if value is not None}, folder / name)

    return change


def placed(name: str, make: Callable[[Path], object]) -> Change:
    """Something else in the place of a file."""

    def change(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return change


def bound(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path.name)
    os.chdir(here)


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10 << 30)


def header(table: Any) -> bytes:
    said = json.dumps(table).encode()
    return len(said).to_bytes(8, "little") + said


DEEP = "[" * 100_000 + "]" * 100_000


def sealed(folder: Path) -> None:
    """Checksums of what are files, as whoever changed them would make them; of the others any."""
    if (folder / "checksums.json").is_file() or not os.path.lexists(folder / "checksums.json"):
        names = [path for path in folder.iterdir() if path.name not in ("checksums.json", "README.md")]
        sums = {path.name: files.sha256(path) if small(path) else "0" * 64 for path in names}
        (folder / "checksums.json").write_text(json.dumps(sums))


def small(path: Path) -> bool:
    return path.is_file() and path.stat().st_size < 1 << 30
