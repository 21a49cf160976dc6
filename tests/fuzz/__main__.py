"""`python -m tests.fuzz`: make tries, print what fails and how to repeat it, and a table of counts at the end."""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from tests.fuzz import toy
from tests.fuzz.kinds import BATCH, KINDS, drawn, kind_of
from tests.fuzz.pool import Pool, table


def main() -> int:
    """0: nothing failed."""
    asked = _asked()
    os.environ["OMP_NUM_THREADS"] = "1"  # it forks, and its children are many
    with tempfile.TemporaryDirectory(prefix="f-") as folder:
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = f"{folder}/hypothesis"
        _quicken()
        made = toy.make(_new(Path(folder) / "toy"))
        for batch in range(len(KINDS)):  # what hypothesis works out once, it works out here
            drawn(0, batch, made)
        return _run(asked, made)


def _run(asked: argparse.Namespace, made: toy.Toy) -> int:
    ranges = _ranges(asked) if asked.number is None else iter([(asked.number, asked.number + 1)])
    counts, began, slowest = Counter[tuple[str, str]](), time.monotonic(), 0.0
    for one in Pool(made, asked.seed, asked.processes).outcomes(ranges):
        counts[one.kind, one.verdict.kind] += 1
        slowest = max(slowest, one.seconds)
        if one.verdict.kind == "else" or asked.number is not None:
            print(f"{one.kind}: {one.verdict.kind} {one.verdict.why}\n  {one.change}")
            print(f"  python -m tests.fuzz --seed {asked.seed} --try {one.number}", flush=True)
    print(table(counts))
    failed = sum(number for (_, verdict), number in counts.items() if verdict == "else")
    print(f"seed {asked.seed}, {time.monotonic() - began:.0f} s, the slowest {slowest:.1f} s")
    return int(failed > 0)


def _ranges(asked: argparse.Namespace) -> Iterator[tuple[int, int]]:
    """Batch by batch, until there are so many tries, or so much time has passed."""
    end, done = time.monotonic() + 60 * asked.minutes, 0
    for batch in count():
        if done >= asked.tries if asked.tries else time.monotonic() >= end:
            return
        if asked.kind in ("", kind_of(batch)):
            last = batch * BATCH + (min(BATCH, asked.tries - done) if asked.tries else BATCH)
            done += last - batch * BATCH
            yield batch * BATCH, last


def _quicken() -> None:
    """What only costs time here: bringing files to disk, and looking a second time for a bundle."""
    from mtkit import files
    from mtkit.store import bundle

    files.sync = lambda path: None
    bundle.RETRY_SECONDS = 0.0


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("MTKIT_FUZZ_SEED", "1")))
    parser.add_argument("--try", type=int, dest="number", help="repeat this one alone")
    parser.add_argument("--tries", type=int, default=int(os.environ.get("MTKIT_FUZZ_TRIES", "0")))
    parser.add_argument("--minutes", type=float, default=float(os.environ.get("MTKIT_FUZZ_MINUTES", "10")))
    parser.add_argument("--kind", choices=["", *KINDS], default="", help="this kind alone")
    parser.add_argument("--processes", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
