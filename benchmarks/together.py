"""How fast several processes train together: on one machine, and over a link that is slowed down.

   python -m benchmarks.together --work DIR [--config FILE|RECIPE] [--updates N] [--rates 10gbit,1gbit,100mbit]
       [--sync N] [--rounds N]

Each way trains so many updates of the same config in fp32, in turn with the others, so that a busy machine is busy for
all; a number is the median of the rounds. Target tokens a second are counted from the tenth update on, validations not.
Of the rates "" is an unshaped link; without root, ip and tc there is only one machine.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.network import Network, possible
from mtkit.store import log

WARM = 10  # updates
TORCHRUN = ["-m", "torch.distributed.run", "--nproc-per-node", "2"]


def settings(options: argparse.Namespace, *more: str) -> list[str]:
    """Arguments of `mtkit train`."""
    keys = ["name=timed", f"train.max_updates={options.updates}", "train.max_minutes=0", "train.precision=fp32"]
    keys += ["train.max_epochs=0", f"train.validate_every={10 * options.updates}", "train.validate_lines=1", *more]
    config = ["--config", options.config] if options.config else []
    return [*config, "--fresh", "--quiet", *(part for key in keys for part in ("--set", key))]


def pace(folder: Path) -> float:
    """Target tokens a second, of a run that is over."""
    made = [event for event in log.read(folder / "runs/timed/log.jsonl") if isinstance(event, log.Update)]
    first, *_, last = [event for event in made if event.update >= WARM]
    shutil.rmtree(folder / "runs")
    return (last.target_tokens - first.target_tokens) / (last.seconds - first.seconds)


def here(options: argparse.Namespace, processes: int, threads: int) -> float:
    """On this machine."""
    command = [sys.executable, *(TORCHRUN if processes > 1 else []), "-m", "mtkit", "train", "--threads", str(threads)]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    subprocess.run([*command, *settings(options)], cwd=options.work, env=environment, check=True, capture_output=True)
    return pace(options.work)


def apart(options: argparse.Namespace, rate: str, *more: str) -> tuple[float, float]:
    """On two machines; the second number: bytes an update that one sends to the other."""
    network = Network(rate)
    try:
        processes = network.train(options.work, *settings(options, *more))
        if any([process.wait() for process in processes]):
            raise RuntimeError((options.work / "told1").read_text() + (options.work / "told2").read_text())
        return pace(options.work), network.sent() / options.updates
    finally:
        network.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--config")
    parser.add_argument("--updates", type=int, default=60)
    parser.add_argument("--rates", default="10gbit,1gbit,100mbit")
    parser.add_argument("--sync", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    ways = {"1 process, 1 thread": (1, 1), "1 process, 2 threads": (1, 2), "2 processes, 1 thread": (2, 1)}
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, way in ways.items():
            found[name].append(here(options, *way))
    alone = statistics.median(found["1 process, 1 thread"])
    print("| on this machine | tokens/s | times one process of one thread |\n|---|---|---|")
    for name, speeds in found.items():
        print(f"| {name} | {statistics.median(speeds):,.0f} | {statistics.median(speeds) / alone:.2f} |", flush=True)
    if why := possible():
        print(f"no table of two machines: {why}", file=sys.stderr)
        return
    print("\n| two machines, 1 thread each | link | tokens/s | MB an update that each sends |\n|---|---|---|---|")
    sends = {
        "fp32": (),
        "bf16": ("train.reduce=bf16",),
        f"sync_every = {options.sync}": (f"train.sync_every={options.sync}",),
    }
    for rate in options.rates.split(","):
        for name, more in sends.items():
            speed, sent = apart(options, rate, *more)
            print(f"| {name} | {rate or 'unshaped'} | {speed:,.0f} | {sent / 1e6:.2f} |", flush=True)


if __name__ == "__main__":
    main()
