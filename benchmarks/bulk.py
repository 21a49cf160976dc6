"""How many pieces a second a Ray cluster on this machine hands out and takes back, where there is nothing to do.

    python -m benchmarks.bulk [--pieces 100000] [--actors 2] [--bytes 1000]

The upper bound of what one driver can feed, and its memory after a tenth of the pieces and at the end.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mtkit.jobs.bulk.plan import Chunk
from mtkit.jobs.bulk.work import Done, Piece, given_up
from mtkit.jobs.cluster import Cluster


def nothing(shipped: bytes) -> Callable[[Piece], Done]:
    """What gives back the lines that it is given."""
    return lambda piece: Done(piece.data)


def pieces(count: int, data: bytes) -> Iterator[Piece]:
    """The same lines again and again."""
    for number in range(count):
        yield Piece("text", Chunk(0, number, number, 1, 0, len(data)), data)


def memory() -> float:
    """Megabytes that this process has in RAM."""
    return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]) / 1024


def main(arguments: list[str]) -> None:
    """Measure, and print a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pieces", type=int, default=100_000)
    parser.add_argument("--actors", type=int, default=2)
    parser.add_argument("--bytes", type=int, default=1000, help="of a piece")
    parser.add_argument("--ray", default="local", help="the address of a cluster")
    given = parser.parse_args(arguments)
    early = 0.0
    with Cluster(given.ray) as cluster, cluster.pool(nothing, b"", given_up, given.actors) as each:
        for _ in each(pieces(given.actors, b"")):
            pass  # until all are there
        began = time.monotonic()
        for count, (_, done) in enumerate(each(pieces(given.pieces, b"a" * given.bytes)), 1):
            assert not done.error, done.error
            if count == max(1, given.pieces // 10):
                early = memory()
        seconds = time.monotonic() - began
    speed = f"{given.pieces / seconds:,.0f} a second; memory {early:.0f} MB after a tenth, {memory():.0f} MB at the end"
    print(f"{given.pieces:,} pieces of {given.bytes:,} bytes, {given.actors} actors: {speed}")


if __name__ == "__main__":
    main(sys.argv[1:])
