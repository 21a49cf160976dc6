"""Which device to compute on, and with how many threads."""

import os
import re
from pathlib import Path

import torch

from mtkit.errors import ConfigError

ALONE = 1 << 25
"""Multiplications of a step of search below which a second thread is woken up for longer than it helps."""

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


class Threads:
    """As many threads as each piece of work is worth, which are told torch.

    Args:
        count: always so many; None: as torch finds best where that helps, and else one.
    """

    def __init__(self, count: int | None) -> None:
        self._fixed, self._most = count is not None, torch.get_num_threads()

    def fit(self, multiplications: int) -> None:
        """Compute with what is right for steps of so many multiplications.

        For one line a GRU of 256 makes six million in a step, a tenth of a millisecond; where other processes are at
        work, too, waiting for a second thread took ten times as long.
        """
        if not self._fixed:
            torch.set_num_threads(1 if multiplications < ALONE else self._most)


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
