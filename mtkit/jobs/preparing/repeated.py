"""Which keys of a file stood in it before, however many there are. Must not know what they are keys of."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MEMORY = 1 << 19  # keys in RAM at a time
Keys = NDArray[np.uint64]
Positions = NDArray[np.int64]


def repeated(path: Path, memory: int = MEMORY) -> NDArray[np.uint8]:
    """A flag a key, mapped from a file beside that of the keys: 1 where an equal one stands before.

    More keys than fit are shared out first, each to one of so many files that all equals are in the same one and what
    is in a file fits: every key is read and written once, and sorted among few.

    Args:
        path: keys of 64 bits that are spread evenly, as hashes are.
        memory: keys that are sorted at once, about.
    """
    count = path.stat().st_size // 8
    flags = np.memmap(path.with_name(f"repeated-{path.name}"), np.uint8, "w+", shape=(count,))
    for keys, positions in _parts(path, count, memory):
        order = np.argsort(keys, kind="stable")  # of equals the first one stays first
        again = np.flatnonzero(keys[order[1:]] == keys[order[:-1]]) + 1
        flags[positions[order[again]]] = 1
    return flags


def _parts(path: Path, count: int, memory: int) -> Iterator[tuple[Keys, Positions]]:
    """Keys with their positions, in turn all that may be equal."""
    number = -(-count // memory)
    if number == 1:
        yield np.fromfile(path, np.uint64), np.arange(count)
        return
    names = [path.with_name(f"{path.name}-{part}") for part in range(number)]
    for start in range(0, count, memory):
        keys = np.fromfile(path, np.uint64, memory, offset=8 * start)
        part = (keys % np.uint64(number)).astype(np.int64)
        order = np.argsort(part, kind="stable")
        rows = np.stack([keys[order], (order + start).astype(np.uint64)], 1)
        ends = np.cumsum(np.bincount(part, minlength=number))
        for name, some in zip(names, np.split(rows, ends[:-1]), strict=True):
            with name.open("ab") as file:
                file.write(some.tobytes())
    for name in names:
        rows = np.fromfile(name, np.uint64).reshape(-1, 2)
        name.unlink()
        yield rows[:, 0], rows[:, 1].astype(np.int64)
