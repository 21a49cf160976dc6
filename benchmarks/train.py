"""Training speed: warm updates of the real job, each workload in fp32 and in bf16, each in a process of its own.

    python -m benchmarks.train --work DIR [--data DIR] [--peers DIR] [--updates 60] [WORKLOAD ...]

Workload A is a bidirectional GRU (256 a direction) and a GRU decoder (512) with input feeding and additive attention,
embeddings 256 shared by both inputs, 8,000 pieces, dropout 0.3, label smoothing 0.1, Adam, clipping by norm 1, batches
of 4,096 tokens. `gnmt` is the same with two decoder layers in that wiring, `transformer-tiny` four blocks a side, 128
wide, and `demo` the bundled recipe as it is. The text is train.{en,de}.gz and val.{en,de}.gz in the folder of --data
(made for Multi30k), or else the bundled one, of which 8,000 pieces cannot be made: then it is 2,000.

With --peers DIR (virtual environments `joeynmt` and `opennmt` in it) the peers train on the same text and pieces, each
with its own batching, in the same call, and the ratios are printed.
"""

import argparse
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers import PEERS, speed
from mtkit.jobs.view import Silent

WARM = 8  # updates that are not counted
SIDE = 4096  # of the square matrices whose product is the machine's peak
GRU = ["model.embed_dim=256", "model.hidden_dim=512", "model.tie=inputs", "model.dropout=0.3"]
BLOCKS = ["name=transformer", "layers=4", "heads=4", "ffn_dim=256"]
WORKLOADS = {
    "A": [*GRU, "model.decoder.wiring=input_feeding"],
    "gnmt": [*GRU, "model.decoder.layers=2", "model.decoder.wiring=gnmt"],
    "transformer-tiny": [
        "model.embed_dim=128",
        "model.hidden_dim=128",
        "model.tie=all",
        "model.dropout=0.3",
        *(f"model.{side}.{key}" for side in ("encoder", "decoder") for key in BLOCKS),
    ],
    "demo": [],
}


class _Enough(Exception):
    """As many updates as were asked for."""


class _Timer(Silent):
    """A view of a training that notes its updates."""

    def __init__(self, updates: int) -> None:
        self.wanted, self.first = updates, 0.0
        self.events: list[Any] = []

    def updated(self, event: Any, progress: Any) -> None:
        self.first = self.first or time.time()
        self.events.append(event)
        if len(self.events) == self.wanted:
            raise _Enough


def settings(workload: str, data: Path | None) -> list[str]:
    """What the workload changes in the recipe `demo`."""
    made = list(WORKLOADS[workload])
    if workload != "demo":
        made += ["train.batch_tokens=4096", "train.lr=1e-3"]
        if data:
            made += [
                f'data.train="{data}/train"',
                f'data.dev="{data}/val"',
                "data.test=[]",
                "tokenizer.vocab_size=8000",
            ]
    return made


def measured(events: Sequence[Any]) -> dict[str, float]:
    """Speed and waiting of updates (see mtkit.train.loop.Updated), but for the first ones where there are more.

    Returns:
        rate: median of target tokens a second; waited: share of the time, from 0 to 1.
    """
    warm = events[WARM:] or events
    return {
        "rate": statistics.median(event.target_tokens / event.seconds for event in warm),
        "waited": sum(event.waited for event in warm) / sum(event.seconds for event in warm),
    }


def one(options: argparse.Namespace) -> None:
    """The child's work: train, and print what was measured as JSON."""
    from mtkit.config import load
    from mtkit.jobs.info import cost
    from mtkit.jobs.preprocess import preprocess
    from mtkit.jobs.train import train
    from mtkit.model.build import build
    from mtkit.text.tokenizer import Tokenizer

    os.chdir(options.work)
    (workload,) = options.workload
    never = ["train.validate_every=1000000", "train.max_minutes=0", f"train.max_updates={options.updates + 1}"]
    this = [f"name=bench-{workload}-{options.precision}", f"train.precision={options.precision}"]
    loaded = load("demo", [*settings(workload, options.data), *never, *this])
    prepared, _ = preprocess(loaded, Silent())  # not part of the start-up
    began, timer = time.time(), _Timer(options.updates)
    with contextlib.suppress(_Enough):
        train(loaded, timer, fresh=True)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    (tokenizer,) = prepared.tokenizer_files
    pieces = Tokenizer.read(tokenizer).vocab_size
    flop = cost(build(loaded.config.model, pieces, pieces, shared=True))
    found = measured(timer.events) | {
        "flop": flop.forward + flop.backward,
        "memory": memory,
        "start": timer.first - began,
        "tokenizer": str(tokenizer),
    }
    print(json.dumps(found))


def peaks(side: int) -> dict[str, float]:
    """FLOP/s of one product of square matrices in each precision."""
    import torch

    found = {}
    for name in ("float32", "bfloat16"):
        x = torch.randn(side, side).to(getattr(torch, name))
        seconds = []
        for _ in range(6):
            start = time.perf_counter()
            x @ x
            seconds.append(time.perf_counter() - start)
        found[{"float32": "fp32", "bfloat16": "bf16"}[name]] = 2 * side**3 / statistics.median(seconds[1:])
    return found


def child(options: argparse.Namespace, *more: str) -> dict[str, Any]:
    command = [
        sys.executable,
        "-m",
        __spec__.name,
        "--one",
        "--work",
        str(options.work),
        "--updates",
        str(options.updates),
        "--side",
        str(options.side),
        *more,
    ]
    if options.data:
        command += ["--data", str(options.data)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(more)} failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workload", nargs="*", metavar="WORKLOAD", default=list(WORKLOADS))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--updates", type=int, default=60)
    parser.add_argument("--side", type=int, default=SIDE, help=f"of the product that is the peak; default {SIDE}")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--peak", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--precision", default="fp32", help=argparse.SUPPRESS)
    options = parser.parse_args()
    for key in ("work", "data", "peers"):
        if path := getattr(options, key):
            setattr(options, key, path.resolve())
    if unknown := set(options.workload) - set(WORKLOADS):
        parser.error(f"unknown workload {min(unknown)}; expected one of {', '.join(WORKLOADS)}")
    options.work.mkdir(parents=True, exist_ok=True)
    if options.one:
        print(json.dumps(peaks(options.side))) if options.peak else one(options)
        return
    if options.peers and not options.data:
        parser.error("--peers needs --data: the peers are given the same text")
    for part in (f"{name}.{lang}.gz" for name in ("train", "val") for lang in ("en", "de")):
        if options.data and not (options.data / part).exists():
            parser.error(f"{options.data / part} does not exist")
    top = child(options, "--peak")
    print(
        f"peak of one product of {options.side} x {options.side}: "
        + ", ".join(f"{p} {v / 1e9:,.0f} GFLOP/s" for p, v in top.items())
    )
    print("workload          precision  target tokens/s  share of peak  peak RAM  waiting for data")
    rates, tokenizers = {}, {}
    for workload in options.workload:
        for precision in top:
            got = child(options, "--precision", precision, workload)
            rates[workload, precision], tokenizers[workload] = got["rate"], Path(got["tokenizer"])
            share = got["rate"] * got["flop"] / top[precision]
            print(
                f"{workload:17} {precision:9} {got['rate']:16,.0f} {share:14.1%} {got['memory']:6,.0f} MB "
                f"{got['waited']:17.2%}",
                flush=True,
            )
        start = child(options, "--precision", "auto", "--updates", "1", workload)["start"]
        print(f"{workload:17} first update after {start:.1f} s, with the choice of a precision", flush=True)
    for workload in options.workload if options.peers else []:
        for peer in PEERS.get(workload, []):
            rate, memory = speed(
                peer, workload, options.peers, options.data, tokenizers[workload], options.work, options.updates
            )
            ratios = ", ".join(f"{rates[workload, precision] / rate:.2f} times in {precision}" for precision in top)
            print(f"{peer}, {workload}: {rate:,.0f} target tokens/s, {memory:,.0f} MB; mtkit: {ratios}", flush=True)


if __name__ == "__main__":
    main()
