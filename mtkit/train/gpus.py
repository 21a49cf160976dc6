"""Which GPU each of those who train together has: each needs its own, and NCCL says so only later and at length."""

import json
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from mtkit.errors import ConfigError

if TYPE_CHECKING:
    from torch._C._distributed_c10d import Store


@dataclass(frozen=True)
class GPU:
    """What a process computes on."""

    uuid: str
    """"": none."""
    name: str = ""
    host: str = ""
    there: int = 0
    """GPUs that the process sees."""


NONE = GPU("")


def take(device: str) -> GPU:
    """Compute on a device from here on.

    Raises:
        ConfigError: there is no such device.
    """
    import torch

    from mtkit.ops.device import choose_device

    chosen = choose_device(device)
    torch.cuda.set_device(chosen)
    about = torch.cuda.get_device_properties(chosen)
    return GPU(str(about.uuid), about.name, socket.gethostname(), torch.cuda.device_count())


def told(store: "Store", rank: int, size: int, mine: GPU, patience: timedelta) -> list[GPU]:
    """What each has, said where processes meet, before there is any other way to say it."""
    store.set(f"gpu {rank}", json.dumps(asdict(mine)))
    keys = [f"gpu {one}" for one in range(size)]
    store.wait(keys, patience)
    return [GPU(**json.loads(store.get(key))) for key in keys]


def refuse_shared(found: Sequence[GPU]) -> None:
    """Refuse a GPU that two processes would share.

    Raises:
        ConfigError: names both, and what their machine has.
    """
    first: dict[str, int] = {}
    for rank, gpu in enumerate(found):
        if gpu.uuid and (other := first.setdefault(gpu.uuid, rank)) != rank:
            seen = "1 GPU is" if gpu.there == 1 else f"{gpu.there} GPUs are"
            raise ConfigError(
                f"processes {other} and {rank} would share a GPU ({gpu.name} of {gpu.host}, where {seen} found), and "
                "each needs its own: start as many processes as there are GPUs, or compute on processors",
                remedy="gpus",
            )
