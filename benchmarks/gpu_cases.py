"""The work of `gpu.py` that trains: cases, one after the other in this process; figures go into a file, a line each.

    python -m benchmarks.gpu_cases --work DIR --data DIR --results FILE --device D [--toy] CASE ...

A case is a Case as JSON. A line of the file is a JSON object: of the machine first, then of cases (`case`, a number),
the last one of a case with `done`. A case that fails ends the process, since a GPU may be of no use to it any more.

On a GPU the host runs ahead of the device, and the loop looks at results only every few updates: so the time of a
single event says nothing. What is timed is a window of many, from one synchronisation to another.
"""

import argparse
import contextlib
import gc
import json
import os
import resource
import signal
import statistics
import time
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file
from torch._C._autograd import DeviceType

from benchmarks.train import BLOCKS, GRU, WORKLOADS
from benchmarks.translate import TEST
from mtkit.config import Loaded, load
from mtkit.errors import Stopped
from mtkit.jobs.info import cost
from mtkit.jobs.preprocess import preprocess
from mtkit.jobs.train import train
from mtkit.jobs.view import Facts, Silent
from mtkit.model.build import build
from mtkit.store import checkpoint
from mtkit.train.loop import Updated

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
WARM_SECONDS = 15.0  # after which warming up is over, too
PROFILED, PROFILE_SECONDS = 16, 2.0  # updates that are profiled, and seconds after which no further one is
SIDE = 8192  # of the square matrices whose product is the peak
REPEATED, STOPPED, COMPARED = 60, 30, 100  # updates of `repeat` and `eager`
LAST = 20  # updates whose mean loss is told
Report = Callable[[dict[str, Any]], None]


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


class _Enough(Exception):
    """As many updates as were asked for."""


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


class _Told(Silent):
    """A view that notes what a run says."""

    facts: Facts

    def __init__(self) -> None:
        self.said: list[str] = []
        self.warned: list[str] = []

    def say(self, message: str, remedy: str = "") -> None:
        self.said.append(message)

    def warn(self, message: str) -> None:
        self.warned.append(message)

    def begin(self, facts: Facts) -> None:
        self.facts = facts


class Watch(_Told):
    """Goes through a training in three stages: warming up, timing, and on a GPU profiling; then it is enough.

    Args:
        report: called with the figures of a stage as soon as there are some.
    """

    def __init__(self, case: Case, device: torch.device, report: Report) -> None:
        super().__init__()
        self.device, self.report = device, report
        # Of a stage: its name, its updates, and the seconds after which it is over, too.
        self.stages = iter(
            [
                ("warm", case.updates / 2, WARM_SECONDS),
                ("timed", case.updates / 2, case.seconds),
                ("profiled", PROFILED, PROFILE_SECONDS),
            ]
        )
        self.stage, self.wanted, self.seconds = next(self.stages)
        self.began = self.mark = time.perf_counter()
        self.updates = self.tokens = 0  # of this stage
        self.profile: torch.profiler.profile

    def updated(self, event: Updated, progress: Any) -> None:
        if not self.updates and self.stage == "warm":
            self.mark = time.perf_counter()
            self.report({"start": self.mark - self.began, "used": self.facts.precision, "said": self.said})
        # Events come when a few updates more have been begun, always as many: those count at the other end of a stage.
        self.updates += len(event.losses)
        self.tokens += event.target_tokens
        if self.updates >= self.wanted or time.perf_counter() - self.mark >= self.seconds:
            self.end_stage()

    def end_stage(self) -> None:
        on_gpu = self.device.type == "cuda"
        if on_gpu:
            torch.cuda.synchronize(self.device)
        elapsed = time.perf_counter() - self.mark
        if self.stage == "timed":
            figures = {"rate": self.tokens / elapsed, "timed": self.updates, "ms": 1e3 * elapsed / self.updates}
            self.report(figures | memory(self.device) | {"warned": self.warned})
            if not on_gpu:
                raise _Enough
            self.profile = torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA])
            self.profile.__enter__()
        elif self.stage == "profiled":
            self.profile.__exit__(None, None, None)
            self.report(profiled(self.profile, self.updates))
            raise _Enough
        self.stage, self.wanted, self.seconds = next(self.stages)
        self.updates = self.tokens = 0
        self.mark = time.perf_counter()


class Losses(_Told):
    """Notes the loss of each update, up to one of them.

    Args:
        stop: the update from which on a signal ends the run, as a user's Ctrl-C would; 0: none.
    """

    def __init__(self, last: int, stop: int = 0) -> None:
        super().__init__()
        self.last, self.stop = last, stop
        self.losses: dict[int, float] = {}

    def begin(self, facts: Facts) -> None:
        super().begin(facts)
        self.at = facts.resumed_at

    def updated(self, event: Updated, progress: Any) -> None:
        for loss in event.losses:
            self.at += 1
            if self.at <= self.last:
                self.losses[self.at] = loss
        if 0 < self.stop <= self.at:
            os.kill(os.getpid(), signal.SIGTERM)
            self.stop = 0
        if self.at >= self.last:
            raise _Enough


def profiled(profile: torch.profiler.profile, updates: int) -> dict[str, float]:
    """Kernels an update, and the milliseconds of an update in which the device does anything."""
    on_device = [event for event in profile.events() or [] if event.device_type == DeviceType.CUDA]
    kernels = sum(not event.name.startswith(("Memcpy", "Memset")) for event in on_device)
    microseconds = covered((event.time_range.start, event.time_range.end) for event in on_device)
    return {"kernels": kernels / updates, "busy_ms": microseconds / 1e3 / updates}


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """The length of what at least one of some spans (start, end) covers."""
    total, until = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


def memory(device: torch.device) -> dict[str, float]:
    """The peak of memory in GiB: what tensors took and what was reserved for them; on a CPU, of the process."""
    if device.type == "cuda":
        allocated, reserved = torch.cuda.max_memory_allocated(device), torch.cuda.max_memory_reserved(device)
    else:
        allocated = reserved = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"allocated": allocated / 2**30, "reserved": reserved / 2**30}


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
    with contextlib.suppress(_Enough):
        train(loaded, Watch(case, device, report), device=options.device, fresh=True)


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
    with contextlib.suppress(_Enough, Stopped):
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
