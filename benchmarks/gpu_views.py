"""What `gpu_cases.py` sees of a training: views that time it, profile it, and note its losses.

On a GPU the host runs ahead of the device, and the loop looks at results only every few updates: so the time of a
single event says nothing. What is timed is a window of many, from one synchronisation to another.
"""

import os
import resource
import signal
import time
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch._C._autograd import DeviceType

from mtkit.jobs.view import Facts, Silent
from mtkit.train.loop import Updated

WARM_SECONDS = 15.0  # after which warming up is over, too
PROFILED, PROFILE_SECONDS = 16, 2.0  # updates that are profiled, and seconds after which no further one is
Report = Callable[[dict[str, Any]], None]


class Enough(Exception):
    """As many updates as were asked for."""


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
        updates: the first half warms up, the second half is timed.
        seconds: after which the second half is over, too.
        report: called with the figures of a stage as soon as there are some.
    """

    def __init__(self, updates: int, seconds: float, device: torch.device, report: Report) -> None:
        super().__init__()
        self.device, self.report = device, report
        # Of a stage: its name, its updates, and the seconds after which it is over, too.
        self.stages = iter(
            [
                ("warm", updates / 2, WARM_SECONDS),
                ("timed", updates / 2, seconds),
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
                raise Enough
            self.profile = torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA])
            self.profile.__enter__()
        elif self.stage == "profiled":
            self.profile.__exit__(None, None, None)
            self.report(profiled(self.profile, self.updates))
            raise Enough
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
            raise Enough


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
