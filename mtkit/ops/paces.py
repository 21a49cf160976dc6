"""How quick products are here in each precision: measured once a machine, and kept in the cache folder.

What was measured decides which precision is taken, and with it the digits of what comes out. So it is measured once for
a processor, this code and this torch, in a twentieth of a second, and what was written first is what all go by from
then on. Where nothing can be kept, nothing is measured, and a table of what was seen elsewhere is taken (`USUAL`).
Must not know models.
"""

import functools
import hashlib
import json
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mtkit import reading
from mtkit.ops import products
from mtkit.ops.compute import current
from mtkit.ops.native import cache, compiler, units

WIDTHS = (64, 128, 256, 512)
"""Of weights (3W, W), as the gates of a cell and the maps of a Transformer have them; wider ones are as the widest."""
ROWS = 64  # of what they meet: some hypotheses of some sentences
TIMES, SECONDS = 15, 0.15  # each is measured so often, or until so much time has passed, and the shortest counts
USUAL: dict[str, dict[str, float]] = {
    "bf16": {"AMX": 2.0, "AVX-512 BF16": 1.4},
    "int8": {"AMX": 2.0, "AVX-512 VNNI": 1.8},
}
"""How many times as fast as in fp32, by the instructions; where nothing was seen, nothing is expected."""
_log = logging.getLogger("mtkit")
_measuring = threading.Lock()


@dataclass(frozen=True)
class Paces:
    """How many times as fast as in fp32 products are, by precision: a number for each of `WIDTHS`.

    Attributes:
        how: where that is from, in words.
    """

    times: Mapping[str, tuple[float, ...]]
    how: str

    def gain(self, precision: str, weights: list[tuple[int, int]]) -> float:
        """How many times as fast all products with weights (n, k) are in a precision, each done once."""
        of_widths = self.times.get(precision)
        if precision == "fp32" or of_widths is None:
            return 1.0
        whole = sum(n * k for n, k in weights)
        return whole / sum(n * k / of_widths[_width(n, k)] for n, k in weights) if whole else 1.0


def _width(n: int, k: int) -> int:
    """The place among `WIDTHS` of the weight that is nearest in size."""
    wide = math.log2(max(1.0, math.sqrt(n * k / 3)))
    return min(range(len(WIDTHS)), key=lambda place: abs(math.log2(WIDTHS[place]) - wide))


def here() -> Paces:
    """Those of this machine's processor, for whoever asks: without compiled code no other precision is quick."""
    with _measuring:  # two at once would disturb each other, and set the number of torch's threads across each other
        return _here(current().native)


@functools.cache
def _here(native: bool) -> Paces:
    able = [name for name in USUAL if not products.slow(name)]
    if not able:
        return Paces({}, products.slow("int8"))
    usual = Paces({name: (USUAL[name].get(units.unit(name), 1.0),) * len(WIDTHS) for name in able}, _usually(able))
    try:
        folder = cache.folder()
        name = f"paces-{_key()}.json"
        found = _kept(folder / name, able)
        if found is None:
            cache.keep(folder, name, json.dumps(measured(able)).encode())
            found = _kept(folder / name, able)  # that of another process, if it came first
    except (OSError, cache.UnsafeCache) as error:
        _log.info("how quick products are cannot be kept (%s): a table of what is usual is taken", error)
        return usual
    return Paces(found, "as measured on this machine") if found is not None else usual


def _usually(able: list[str]) -> str:
    return f"as is usual with {' and '.join(units.unit(name) for name in able)}"


def _key() -> str:
    """Of all that what is measured depends on: torch, and what is compiled, for which processor and by what."""
    return hashlib.sha256(f"{torch.__version__} {compiler.status().key}".encode()).hexdigest()[:16]


def _kept(path: Any, able: list[str]) -> dict[str, tuple[float, ...]] | None:
    """What was written; None: nothing, or nothing that can be read, which is removed."""
    try:
        content = cache.read(path)
    except FileNotFoundError:
        return None
    try:
        table = reading.parse_json(content, str(path))
        made = {name: tuple(map(float, table[name])) for name in able}
        if all(len(one) == len(WIDTHS) and all(1e-3 < x < 1e3 for x in one) for one in made.values()):
            return made
    except (reading.Unreadable, ValueError, TypeError, LookupError):
        pass
    _log.info("%s is damaged: it is measured anew how quick products are", path)
    cache.remove(path)
    return None


def measured(names: list[str]) -> dict[str, list[float]]:
    """How many times as fast products of each of `WIDTHS` are as in fp32, with one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            of_widths = [_of(width, ["fp32", *names]) for width in WIDTHS]
    finally:
        torch.set_num_threads(threads)
    return {name: [round(seconds["fp32"] / seconds[name], 3) for seconds in of_widths] for name in names}


def _of(width: int, names: list[str]) -> dict[str, float]:
    weight = nn.Parameter(_values(3 * width, width), requires_grad=False)
    x, out = _values(ROWS, width), torch.empty(ROWS, 3 * width)
    works = {name: _work(name, weight, x, out) for name in names}
    best = dict.fromkeys(names, math.inf)
    end = time.perf_counter() + SECONDS / len(WIDTHS)
    for times in range(TIMES):  # in turn, so that what else is at work disturbs all alike
        for name, work in works.items():
            start = time.perf_counter()
            work()
            now = time.perf_counter()
            best[name] = min(best[name], now - start) if times else best[name]
        if times >= 3 and now > end:
            break
    return best


def _work(name: str, weight: nn.Parameter, x: Tensor, out: Tensor) -> Callable[[], object]:
    with products.precision(name, {}):
        ready = products.operand(weight)
    return lambda: ready.times(x, None, out)


def _values(rows: int, columns: int) -> Tensor:
    """Numbers between -1 and 1, the same each time."""
    return torch.arange(rows * columns).mul(0.7).sin().view(rows, columns)
