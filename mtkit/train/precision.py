"""In which precision a training computes: what the names mean, and which is faster here, by a short measurement."""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from mtkit.ops import products

GAIN = 1.15  # bf16 must be so much faster to be worth its rounding
WARM = 1  # batches that are not counted
SECONDS = 2.0  # after which no further batch is tried, if one counts by then
REPEATS = 5  # of the batch on which a GPU's precisions are compared
Work = TypeVar("Work")


@dataclass(frozen=True)
class Way:
    """What a precision means.

    Attributes:
        products: of matrices; see `mtkit.ops.products`.
        tf32: whether CUDA may round the operands of fp32 products to 10 bits (sums stay in fp32).
        activations: whether all between products is bf16, too; the parameters stay in fp32.
    """

    products: str = "fp32"
    tf32: bool = False
    activations: bool = False


WAYS = {
    "fp32": Way(),
    "tf32": Way(tf32=True),
    "bf16": Way("bf16"),
    "amp": Way(tf32=True, activations=True),
}
ON_CUDA = [name for name, way in WAYS.items() if way.tf32]


def on(device: torch.device, name: str) -> str:
    """The precision in which a run of this one computes on a device: what is CUDA's alone is fp32 elsewhere."""
    return name if device.type == "cuda" or name not in ON_CUDA else "fp32"


@dataclass(frozen=True)
class Choice:
    """A precision, and why."""

    name: str
    reason: str


@contextlib.contextmanager
def entered(name: str) -> Iterator[None]:
    """Compute in a precision of training while this is entered; but for its activations, which are the caller's matter.

    Whether CUDA may take TF32 is a switch of torch's own, for the whole process: it is put back.
    """
    way = WAYS[name]
    with products.precision(way.products), _tf32() if way.tf32 else contextlib.nullcontext():
        yield


@contextlib.contextmanager
def _tf32() -> Iterator[None]:
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


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
                seconds[name] = time.perf_counter() - start
        ratios.append(seconds["fp32"] / seconds["bf16"])
    # The median, since on a busy machine now and then a batch takes many times as long.
    ratio = statistics.median(ratios[WARM:]) if ratios[WARM:] else 1.0
    return Choice("bf16" if ratio >= GAIN else "fp32", f"measured: bf16 runs at {ratio:.2f} times the speed of fp32")


def choose_on_gpu(device: torch.device, works: Mapping[str, Callable[[], None]]) -> Choice:
    """Time the same pass in several precisions, the most exact one first; a later one must be worth its rounding.

    Args:
        works: does a pass in a precision, ready to be timed.
    """
    seconds: dict[str, float] = {}
    for name, work in works.items():
        timed = []
        for _ in range(REPEATS):
            start = time.perf_counter()
            work()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            timed.append(time.perf_counter() - start)
        seconds[name] = statistics.median(timed)
    exact, *others = seconds
    quickest = min(others, key=seconds.__getitem__, default=exact)
    ratio = seconds[exact] / seconds[quickest]
    told = ", ".join(f"{name} at {seconds[exact] / seconds[name]:.2f}" for name in others)
    reason = f"measured: {told} times the speed of {exact}" if told else "this device has no units for bf16"
    return Choice(quickest if ratio >= GAIN else exact, reason)
