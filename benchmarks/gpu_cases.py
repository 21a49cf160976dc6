"""The work of `gpu.py` that trains: cases, one after the other in this process; figures go into a file, a line each.

    python -m benchmarks.gpu_cases --work DIR --data DIR --results FILE --device D [--toy] CASE ...

A case is a Case as JSON. A line of the file is a JSON object: of the machine first, then of cases (`case`, a number),
the last one of a case with `done`. A case that fails ends the process, since a GPU may be of no use to it any more.

On a GPU the host runs ahead of the device, and the loop looks at results only every few updates: so the time of one
update says nothing. What is timed is a window of many, from one synchronisation to another.
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
from torch._C._autograd import DeviceType

from benchmarks.train import BLOCKS, GRU, WORKLOADS
from mtkit.config import Loaded, load
from mtkit.errors import Stopped
from mtkit.jobs.info import cost
from mtkit.jobs.train import train
from mtkit.jobs.view import Facts, Silent
from mtkit.model.build import build
from mtkit.schema import Train

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
PROFILED = 16  # updates
PROFILE_SECONDS = 2.0  # after which no further update is profiled
SIDE = 8192  # of the square matrices whose product is the peak
REPEATED, STOPPED, COMPARED = 60, 30, 100  # updates of `repeat` and `eager`
LAST = 20  # updates whose mean loss is told


class Case(NamedTuple):
    """What is trained, and what for.

    Attributes:
        updates: the first half warms up, the second half is timed.
        seconds: after which a half is over, too.
        kind: speed; repeat, whether a second run and a resumed one make the same losses; eager, whether the losses are
            those of eager fp32.
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
            "data.test=[]",
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
    """A view that passes on what a run says, for the log."""

    facts: Facts

    def say(self, message: str, remedy: str = "") -> None:
        print(message, flush=True)

    def warn(self, message: str) -> None:
        print(message, flush=True)

    def begin(self, facts: Facts) -> None:
        self.facts = facts


class Watch(_Told):
    """Goes through a training in three stages: warming up, timing, and on a GPU profiling; then it is enough.

    Args:
        report: called with the figures of a stage as soon as there are some.
    """

    def __init__(self, case: Case, device: torch.device, report: Callable[[dict[str, Any]], None]) -> None:
        self.case, self.device, self.report = case, device, report
        self.stage = "warm"
        self.began = self.mark = time.perf_counter()
        self.updates = self.tokens = 0  # of this stage
        self.profile: torch.profiler.profile | None = None

    def updated(self, event: Any, progress: Any) -> None:
        if not self.updates and self.stage == "warm":
            self.mark = time.perf_counter()
            self.report({"start": self.mark - self.began})
        self.updates += len(event.losses)
        self.tokens += event.target_tokens
        elapsed = time.perf_counter() - self.mark
        wanted, seconds = self.case.updates / 2, self.case.seconds
        if self.stage == "profiled":
            wanted, seconds = PROFILED, PROFILE_SECONDS
        if self.updates >= wanted or elapsed >= seconds:
            self.end_stage()

    def end_stage(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elapsed = time.perf_counter() - self.mark
        if self.stage == "warm":
            self.stage = "timed"
        elif self.stage == "timed":
            self.report(
                {
                    "rate": self.tokens / elapsed,
                    "updates": self.updates,
                    "ms": 1e3 * elapsed / self.updates,
                    "used": self.facts.precision,
                    **memory(self.device),
                }
            )
            if self.device.type != "cuda":
                raise _Enough
            self.stage = "profiled"
            self.profile = torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA])
            self.profile.__enter__()
        elif self.profile:
            self.profile.__exit__(None, None, None)
            self.report(self.profiled(self.profile))
            raise _Enough
        self.updates = self.tokens = 0
        self.mark = time.perf_counter()

    def profiled(self, profile: torch.profiler.profile) -> dict[str, float]:
        """Kernels an update, and the milliseconds of an update in which the device does anything."""
        on_device = [e for e in profile.events() or [] if e.device_type == DeviceType.CUDA]
        kernels = sum(not e.name.startswith(("Memcpy", "Memset")) for e in on_device)
        microseconds = covered((e.time_range.start, e.time_range.end) for e in on_device)
        return {"kernels": kernels / self.updates, "busy_ms": microseconds / 1e3 / self.updates}


class Losses(_Told):
    """Notes the loss of each update, up to one of them.

    Args:
        stop: the update at which a signal ends the run, as a user's Ctrl-C would; 0: none.
    """

    def __init__(self, last: int, stop: int = 0) -> None:
        self.last, self.stop = last, stop
        self.losses: dict[int, float] = {}

    def begin(self, facts: Facts) -> None:
        super().begin(facts)
        self.at = facts.resumed_at

    def updated(self, event: Any, progress: Any) -> None:
        self.losses |= dict(enumerate(event.losses, self.at + 1))
        before, self.at = self.at, self.at + len(event.losses)
        if before < self.stop <= self.at:
            os.kill(os.getpid(), signal.SIGTERM)
        if self.at >= self.last:
            raise _Enough


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


def speed(case: Case, options: argparse.Namespace, report: Callable[[dict[str, Any]], None]) -> None:
    device = torch.device(options.device)
    loaded = configured(case, options)
    report({"flop": flop(case.workload, options)})
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    watch = Watch(case, device, report)
    with contextlib.suppress(_Enough):
        train(loaded, watch, device=options.device, fresh=True)


@cache
def _flop(workload: str, toy: bool, data: Path) -> float:
    model = configured(Case(workload, 4096), argparse.Namespace(toy=toy, data=data)).config.model
    pieces = TOY_PIECES if toy else PIECES
    found = cost(build(model, pieces, pieces, shared=True))
    return found.forward + found.backward


def flop(workload: str, options: argparse.Namespace) -> float:
    """FLOP a target token of an update, by the count of `mtkit info`."""
    return _flop(workload, options.toy, options.data)


def losses(loaded: Loaded, device: str, last: int, *, stop: int = 0, fresh: bool = True) -> Losses:
    """The losses of a run, up to an update or up to where it is stopped."""
    seen = Losses(last, stop)
    with contextlib.suppress(_Enough, Stopped):
        train(loaded, seen, device=device, fresh=fresh)
    return seen


def repeat(case: Case, options: argparse.Namespace, report: Callable[[dict[str, Any]], None]) -> None:
    """Two runs, and one that is stopped and goes on."""
    first = losses(configured(case, options, "first"), options.device, REPEATED)
    case = case._replace(precision=first.facts.precision)  # auto may decide otherwise the next time
    again = losses(configured(case, options, "again"), options.device, REPEATED)
    twice = _upto(again.losses, REPEATED) == _upto(first.losses, REPEATED)
    report({"used": case.precision, "twice": twice, "losses": list(first.losses.values())})
    loaded = configured(case, options, "resumed")
    before = losses(loaded, options.device, REPEATED, stop=STOPPED)
    after = losses(loaded, options.device, REPEATED, fresh=False)
    joined, wanted = _upto(before.losses | after.losses, REPEATED), _upto(first.losses, REPEATED)
    apart = max(abs(joined[at] - loss) for at, loss in wanted.items())
    report({"resumed_at": after.facts.resumed_at, "resumed": joined == wanted, "apart": apart})


def _upto(losses: dict[int, float], last: int) -> dict[int, float]:
    """Losses of the first updates: several are told of at a time."""
    return {at: loss for at, loss in losses.items() if at <= last}


def eager(case: Case, options: argparse.Namespace, report: Callable[[dict[str, Any]], None]) -> None:
    """The default beside fp32 without capture, and beside that with another seed, which shows what is noise."""
    off = ["train.graphs=false"] if "graphs" in Train.model_fields else []
    plain = case._replace(precision="fp32")
    runs = {
        "default": configured(case, options, "default"),
        "eager": configured(plain, options, "eager", off),
        "seed": configured(plain, options, "seed", [*off, "seed=2"]),
    }
    found: dict[str, list[float]] = {}
    for name, loaded in runs.items():
        seen = losses(loaded, options.device, COMPARED)
        found[name] = list(_upto(seen.losses, COMPARED).values())
        last = statistics.fmean(found[name][-LAST:])
        report({f"{name}_losses": found[name], f"{name}_last": last, f"{name}_used": seen.facts.precision})
        if name == "eager":
            apart = [abs(x - y) for x, y in zip(found["default"], found["eager"], strict=True)]
            report({"largest": max(apart), "mean": statistics.fmean(apart)})


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
