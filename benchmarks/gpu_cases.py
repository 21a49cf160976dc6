"""The work of `gpu.py` that trains: cases, one after the other in this process; figures go into a file, a line each.

    python -m benchmarks.gpu_cases --work DIR --data DIR --results FILE --device D [--toy] CASE ...

A case is a Case as JSON. A line of the file is a JSON object: of the machine first, then of cases (`case`, a number),
the last one of a case with `done`. A case that fails ends the process, since a GPU may be of no use to it any more.
"""

import argparse
import contextlib
import gc
import json
import os
import statistics
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file

from benchmarks.gpu_views import Enough, Losses, Report, Watch
from benchmarks.train import BLOCKS, GRU, WORKLOADS
from benchmarks.translate import TEST
from mtkit.config import Loaded, load
from mtkit.errors import Stopped
from mtkit.jobs.info import cost
from mtkit.jobs.preprocess import preprocess
from mtkit.jobs.train import train
from mtkit.jobs.view import Silent
from mtkit.model.build import build
from mtkit.store import checkpoint

LARGE = ["name=transformer", "layers=6", "heads=8", "ffn_dim=2048"]


def _transformer(width: int, blocks: list[str]) -> list[str]:
    widths = [f"model.embed_dim={width}", f"model.hidden_dim={width}", "model.tie=all", "model.dropout=0.3"]
    return widths + [f"model.{side}.{key}" for side in ("encoder", "decoder") for key in blocks]


MODELS = {
    "A": WORKLOADS["A"],
    "conditional": [*GRU, "model.decoder.wiring=conditional"],
    "gnmt": WORKLOADS["gnmt"],
    "transformer-tiny": _transformer(128, BLOCKS),
    "transformer-base": _transformer(512, LARGE),
}
PIECES = 8000
TOY_PIECES = 380
TOY_SHRINKS = 16  # batches of the toy are so many times smaller
SIDE = 8192  # of the square matrices whose product is the peak
REPEATED, STOPPED, COMPARED = 60, 30, 100  # updates of `repeat` and `eager`
LAST = 20  # updates whose mean loss is told


class Case(NamedTuple):
    """What is trained, and what for.

    Attributes:
        updates: the first half warms up, the second half is timed.
        seconds: after which the second half is over, too.
        kind: speed; repeat, whether a second run and a resumed one are the same; eager, whether the losses are those of
            eager fp32.
    """

    workload: str
    batch_tokens: int
    updates: int = 0
    seconds: float = 0.0
    precision: str = "auto"
    kind: str = "speed"


def configured(case: Case, options: argparse.Namespace, name: str = "", more: Iterable[str] = ()) -> Loaded:
    """The config of a case: the recipe `demo` with what the case changes.

    Args:
        more: settings that come last.
    """
    toy = [f"model.{key}=16" for key in ("embed_dim", "hidden_dim")] if options.toy else []
    if options.toy and case.workload.startswith("transformer"):
        toy += [f"model.{side}.ffn_dim=32" for side in ("encoder", "decoder")]
    return load(
        "demo",
        [
            *MODELS[case.workload],
            *toy,
            f'data.train="{options.data}/train"',
            f'data.dev="{options.data}/val"',
            f'data.test="{options.data}/{TEST}"',
            f"tokenizer.vocab_size={TOY_PIECES if options.toy else PIECES}",
            f"name=gpu-{name or case.workload}",
            f"train.batch_tokens={case.batch_tokens // (TOY_SHRINKS if options.toy else 1)}",
            f"train.precision={case.precision}",
            "train.lr=1e-3",
            "train.max_minutes=0",
            "train.max_updates=1000000",
            "train.validate_every=1000000",
            *more,
        ],
    )


def machine(device: torch.device, side: int) -> dict[str, Any]:
    """What there is, and FLOP/s of one product of square matrices in bf16."""
    x = torch.randn(side, side, device=device).to(torch.bfloat16)
    seconds = []
    for _ in range(10):
        start = time.perf_counter()
        x @ x
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - start)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    return {"device": name, "torch": torch.__version__, "peak": 2 * side**3 / statistics.median(seconds[2:])}


def speed(case: Case, options: argparse.Namespace, report: Report) -> None:
    """See Watch."""
    device = torch.device(options.device)
    loaded = configured(case, options)
    preprocess(loaded, Silent())  # not part of the start-up
    report({"flop": flop(case.workload, options.toy, options.data)})
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with contextlib.suppress(Enough):
        train(loaded, Watch(case.updates, case.seconds, device, report), device=options.device, fresh=True)


@cache
def flop(workload: str, toy: bool, data: Path) -> float:
    """FLOP a target token of an update, by the count of `mtkit info`."""
    model = configured(Case(workload, 4096), argparse.Namespace(toy=toy, data=data)).config.model
    pieces = TOY_PIECES if toy else PIECES
    found = cost(build(model, pieces, pieces, shared=True))
    return found.forward + found.backward


def losses(loaded: Loaded, device: str, last: int, *, stop: int = 0, fresh: bool = True) -> Losses:
    """The losses of a run, up to an update or up to where it is stopped."""
    seen = Losses(last, stop)
    with contextlib.suppress(Enough, Stopped):
        train(loaded, seen, device=device, fresh=fresh)
    return seen


def weights(loaded: Loaded) -> dict[str, torch.Tensor]:
    """The parameters in the last checkpoint of a run."""
    folder = loaded.run_folder / "checkpoints"
    return load_file(folder / checkpoint.names(folder)[-1] / "model.safetensors")


def apart(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    """How far parameters of two models are apart, at most."""
    return max(float((one[name] - other[name]).abs().max()) for name in one)


def repeat(case: Case, options: argparse.Namespace, report: Report) -> None:
    """Two runs, and one that is stopped and goes on: their parameters at the end, and their losses."""
    updates, stop = (12, 6) if options.toy else (REPEATED, STOPPED)
    whole = [f"train.max_updates={updates}", "train.validate_lines=10"]
    first = configured(case, options, "first", whole)
    seen = losses(first, options.device, updates + 1)
    case = case._replace(precision=seen.facts.precision)  # auto may decide otherwise the next time
    again = configured(case, options, "again", whole)
    twin = losses(again, options.device, updates + 1)
    report(
        {
            "used": case.precision,
            "same_losses": seen.losses == twin.losses,
            "apart_twice": apart(weights(first), weights(again)),
            "losses": list(seen.losses.values()),
            "warned": seen.warned,
        }
    )
    resumed = configured(case, options, "resumed", whole)
    before = losses(resumed, options.device, updates + 1, stop=stop)
    after = losses(resumed, options.device, updates + 1, fresh=False)
    report(
        {
            "resumed_at": after.facts.resumed_at,
            "same_losses_resumed": before.losses | after.losses == seen.losses,
            "apart_resumed": apart(weights(first), weights(resumed)),
        }
    )


def eager(case: Case, options: argparse.Namespace, report: Report) -> None:
    """The default beside fp32 without capture, and beside that with another seed, which shows what is noise."""
    updates = 12 if options.toy else COMPARED
    off, plain = ["train.graphs=false"], case._replace(precision="fp32")
    runs = {
        "default": configured(case, options, "default"),
        "eager": configured(plain, options, "eager", off),
        "seed": configured(plain, options, "seed", [*off, "seed=2"]),
    }
    found: dict[str, Losses] = {}
    for name, loaded in runs.items():
        found[name] = losses(loaded, options.device, updates)
        seen = found[name].losses
        last = statistics.fmean(list(seen.values())[-LAST:])
        report(
            {f"{name}_losses": list(seen.values()), f"{name}_last": last, f"{name}_used": found[name].facts.precision}
        )
        if name == "eager":
            both = [abs(loss - seen[at]) for at, loss in found["default"].losses.items()]
            report({"largest": max(both), "mean": statistics.fmean(both)})


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("work", "data", "results"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--toy", action="store_true")
    parser.add_argument("cases", nargs="+")
    options = parser.parse_args()
    os.chdir(options.work)
    with options.results.open("a") as file:

        def write(line: dict[str, Any]) -> None:
            print(json.dumps(line), file=file, flush=True)

        device = torch.device(options.device)
        write({"machine": machine(device, 256 if options.toy else SIDE)})
        for number, text in enumerate(options.cases):
            case = Case(**json.loads(text))
            print(f"\n{case}", flush=True)
            work = {"speed": speed, "repeat": repeat, "eager": eager}[case.kind]
            work(case, options, lambda figures, number=number: write({"case": number} | figures))  # type: ignore[misc]
            write({"case": number, "done": True})
            gc.collect()  # of the run that was broken off
            if device.type == "cuda":
                torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
