"""A command in this process: its exit code, what it wrote, the time and the memory it took."""

import contextlib
import io
import os
import resource
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ADDRESSES = 2 << 30  # bytes that may be asked for above those at the start


@dataclass(frozen=True)
class Performed:
    """How a command went."""

    code: int
    out: bytes
    err: bytes
    wall: float
    """Seconds that passed."""
    busy: float
    """Seconds of processor."""
    grown: int
    """Bytes of memory that it held at most, above what was held before."""


def perform(arguments: list[str], folder: Path, stdin: bytes = b"") -> Performed:
    """Run `mtkit ARGUMENTS` in a folder. For a process whose stdin, stdout and stderr nobody else uses."""
    import torch

    from mtkit.cli.main import main

    before = os.getcwd()
    with _streams(stdin) as (out, err):
        os.chdir(folder)
        sys.argv = ["mtkit", *arguments]
        _forget_the_peak()
        held, began, busy, code = _kilobytes("VmRSS"), time.monotonic(), time.process_time(), 0
        try:
            main()
        except SystemExit as leave:
            code = leave.code if isinstance(leave.code, int) else int(leave.code is not None)
        except BaseException:
            traceback.print_exc()
            code = 1
        wall, busy = time.monotonic() - began, time.process_time() - busy
        grown = (_kilobytes("VmHWM") - held) * 1024
        os.chdir(before)
        torch.set_num_threads(1)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(ValueError):
                stream.flush()
        return Performed(code, _content(out), _content(err), wall, busy, grown)


def limit_memory() -> None:
    """From now on this process is refused memory that no small model needs."""
    most = _kilobytes("VmSize") * 1024 + ADDRESSES
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))


@contextlib.contextmanager
def _streams(stdin: bytes) -> Iterator[tuple[int, int]]:
    """Files in the place of the three streams."""
    kept = [os.dup(number) for number in range(3)]
    made = [os.memfd_create(name) for name in ("stdin", "stdout", "stderr")]
    os.write(made[0], stdin)
    os.lseek(made[0], 0, os.SEEK_SET)
    whole = sys.stdin, sys.stdout, sys.stderr
    for number, file in enumerate(made):
        os.dup2(file, number)
    sys.stdin = io.open(0, encoding="utf-8", closefd=False)  # noqa: SIM115, UP020
    sys.stdout = io.open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115, UP020
    sys.stderr = io.open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115, UP020
    try:
        yield made[1], made[2]
    finally:
        sys.stdin, sys.stdout, sys.stderr = whole
        for number, file in enumerate(kept):
            os.dup2(file, number)
        for file in (*kept, *made):
            os.close(file)


def _content(file: int) -> bytes:
    return os.pread(file, os.fstat(file).st_size, 0)


def _kilobytes(key: str) -> int:
    """A line of what Linux says of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))


def _forget_the_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
