"""What processes that train together must have alike: looked at before the first update, a difference is refused.

Must not know how they talk to one another.
"""

import socket
from collections.abc import Callable, Mapping
from typing import Any

import torch

from mtkit import config as configs
from mtkit import files
from mtkit.config import Loaded
from mtkit.errors import DataError, RunError
from mtkit.ops import native
from mtkit.store.prepared import MANIFEST, Prepared
from mtkit.train.group import Group
from mtkit.version import __version__

SHOWN = 3  # differences


def begin(group: Group, loaded: Loaded, device: torch.device) -> None:
    """Compare what a process is told by its command, its config and its machine.

    Raises:
        RunError: a process has another one; names the differences.
    """
    if group.size == 1:
        return
    mine = {
        "mtkit": __version__,
        "torch": torch.__version__.partition("+")[0],
        "device": device.type,
        "threads (--threads)": torch.get_num_threads(),
        "compiled code": native.status().ready,
        "run folder": loaded.run_folder.name,
    }
    alike(group, mine | configs.flat(loaded.config))


def prepared(group: Group, loaded: Loaded, prepare: Callable[[], tuple[Prepared, bool]]) -> tuple[Prepared, bool]:
    """Have the first process prepare the text; the others find it where that one has put it.

    Raises:
        RunError: a process finds another corpus there.
        DataError: a process finds none.
    """
    if group.size == 1:
        return prepare()
    own, made = prepare() if group.rank == 0 else (None, False)
    name = group.gathered(own.folder.name if own else None)[0]
    folder = loaded.folder / "prepared" / name
    if group.rank and folder.parent.is_dir():
        list(folder.parent.iterdir())  # so that a network's file system looks anew
    if own is None and Prepared.is_complete(folder):
        own = Prepared.open(folder)
    group.begun()
    missing = [number for number, there in enumerate(group.gathered(own is not None)) if not there]
    if missing or own is None:
        host, there = group.gathered([socket.gethostname(), str(folder)])[missing[0]]
        raise DataError(
            f"{there} is not there for process {missing[0]} (on {host}): all machines need the same folder, on a disk "
            "that they share; or copy it there"
        )
    alike(group, {"text": own.manifest.identity, "prepared corpus": files.sha256(folder / MANIFEST)[:8]})
    return own, made


def alike(group: Group, mine: Mapping[str, Any]) -> None:
    """Compare what each process has.

    Raises:
        RunError: they differ; names each difference, its process and its machine.
    """
    host = socket.gethostname()
    told = group.gathered([host, dict(mine)])
    for rank, (there, table) in enumerate(told):
        first_host, first = told[0]
        wrong = [key for key in sorted(first.keys() | table.keys()) if first.get(key) != table.get(key)]
        if wrong:
            shown = "; ".join(
                f"{key}: {first.get(key)!r} in the first, {table.get(key)!r} there" for key in wrong[:SHOWN]
            )
            more = f"; {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
            where = f" on {there}, the first on {first_host}" if there != first_host else ""
            raise RunError(
                f"process {rank} does not fit the first one{where} ({shown}{more}): processes that train together need "
                "the same of each"
            )
