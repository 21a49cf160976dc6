"""What processes that train together must have alike: looked at before the first update, a difference is refused.

Must not know how they talk to one another.
"""

import socket
from collections.abc import Mapping
from typing import Any

import torch

from mtkit import config as configs
from mtkit.config import Loaded
from mtkit.errors import RunError
from mtkit.ops import native
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
        "threads": torch.get_num_threads() if device.type == "cpu" else 0,
        "compiled code": native.status().ready,
        "run folder": loaded.run_folder.name,
    }
    alike(group, mine | configs.flat(loaded.config.model_dump()))


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
