"""Which precision trains faster here: decided by what the processor has and a short measurement."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from mtkit.ops import products

GAIN = 1.15  # bf16 must be so much faster to be worth its rounding
WARM = 1  # batches that are not counted
SECONDS = 2.0  # after which no further batch is tried, if one counts by then
Work = TypeVar("Work")


@dataclass(frozen=True)
class Choice:
    """A precision, and why."""

    name: str
    reason: str


def has_bf16(device: torch.device) -> bool:
    """Whether the device has units for products in bf16."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    units = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(getattr(torch.cpu, unit, bool)() for unit in units)


def choose(device: torch.device, work: Callable[[Work], None], batches: Sequence[Work]) -> Choice:
    """Time `work` (forward and backward of a batch) in fp32 and in bf16, in turn.

    Each batch is worked on once a precision: a first time costs more where kernels are made for each new shape,
    and in training shapes are new all the time. Of large batches two are enough, so that training begins soon.
    """
    if not has_bf16(device):
        return Choice("fp32", "this processor has no units for bf16")
    ratios: list[float] = []
    began = time.perf_counter()
    for batch in batches:
        if len(ratios) > WARM and time.perf_counter() - began > SECONDS:
            break
        seconds = {"fp32": 0.0, "bf16": 0.0}
        for name in seconds:
            with products.precision(name):
                start = time.perf_counter()
                work(batch)
                if device.type == "cuda":
                    torch.cuda.synchronize(device)
                seconds[name] = time.perf_counter() - start
        ratios.append(seconds["fp32"] / seconds["bf16"])
    # The median, since on a busy machine now and then a batch takes many times as long.
    ratio = statistics.median(ratios[WARM:]) if ratios[WARM:] else 1.0
    return Choice("bf16" if ratio >= GAIN else "fp32", f"measured: bf16 runs at {ratio:.2f} times the speed of fp32")
