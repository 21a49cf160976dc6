"""Which device to compute on, and with how many threads."""

import os
import re
from pathlib import Path

import torch

from mtkit.errors import ConfigError

_CPUS = Path("/sys/devices/system/cpu")


def choose_device(name: str) -> torch.device:
    """The device that auto, cpu, cuda or cuda:N means here.

    Raises:
        ConfigError: no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not re.fullmatch(r"cpu|cuda(:\d{1,3})?", name):
        raise ConfigError(f"unknown device {name!r}; expected auto, cpu, cuda or cuda:N")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"device {name} is not here ({torch.cuda.device_count()} CUDA devices found); use cpu or auto"
        )
    return device


def set_threads(count: int | None) -> None:
    """Compute with so many threads; None: as torch finds best."""
    if count is not None:
        torch.set_num_threads(count)


def whole_cores() -> int:
    """Those that this process may use, where threads of the processor that share one count once."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    siblings = set()
    for cpu in allowed:
        try:
            siblings.add((_CPUS / f"cpu{cpu}/topology/thread_siblings_list").read_text())
        except OSError:  # another system
            siblings.add(str(cpu))
    return len(siblings)


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
