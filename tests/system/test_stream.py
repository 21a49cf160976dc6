"""Whatever comes down a pipe: as many lines out as in, in bounded memory, and no process left behind."""

import contextlib
import os
import re
import resource
import select
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.system.server import Piped
from tests.system.toy import begin, mtkit, ran

WORKERS = pytest.mark.parametrize("workers", ["1", "2"])


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def all_gone(pids: list[int], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < end:
        time.sleep(0.05)
    return not any(map(alive, pids))


Start = Callable[..., Piped]


@pytest.fixture
def start(trained: Path) -> Iterator[Start]:
    """Starts the command; whatever becomes of the test, it ends and its pipes are closed."""
    started: list[Piped] = []

    def start(*arguments: str, before: str = "") -> Piped:
        started.append(begin(trained, "translate", "-q", *arguments, before=before))
        return started[-1]

    yield start
    for process in started:
        process.close()


def ready(process: Piped) -> list[int]:
    """Translate a line, so that all processes are there; returns the workers."""
    process.stdin.write(b"two cat\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"zwei Katze\n"
    return children(process.pid)


@WORKERS
def test_many_blank_lines(trained: Path, workers: str) -> None:
    count = 100_000
    assert ran(mtkit(trained, "translate", "--workers", workers, stdin=b"\n" * count, limit=120)) == "\n" * count


@WORKERS
def test_a_line_of_a_hundred_kilobytes(trained: Path, workers: str) -> None:
    text = "two cat\n" + "x" * 100_000 + "\nthe dog\n"
    done = mtkit(trained, "translate", "-q", "--workers", workers, "--beam-size", "1", stdin=text, limit=300)
    first, long, last, end = ran(done).split("\n")
    assert (first, last, end) == ("zwei Katze", "das Hund", "")
    assert "translated in" in done.stderr
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 3 << 20  # kB
    assert len(long) > 0


@WORKERS
def test_odd_characters(trained: Path, workers: str) -> None:
    odd = ["\0", "a\0b", "\u2028", "a\u2028b\u2029c", "مرحبا שלום", "😀" * 50, "\x01\x02\x7f", "\x85", "\x0b\x0c"]
    odd += ["\r\r"]
    odd += ["e\u0301" * 40, "\U000e0001", "\ufeff", "\u202e abc", "ﬁ", "𝔘𝔫𝔦"]
    out = ran(mtkit(trained, "translate", "-q", "--workers", workers, stdin="\n".join(odd) + "\n"))
    assert out.count("\n") == len(odd)


@WORKERS
def test_what_is_not_utf8_ends_it_after_all_before(trained: Path, workers: str) -> None:
    done = mtkit(trained, "translate", "-q", "--workers", workers, stdin=b"two cat\n" * 3000 + b"\xff\n" + b"two cat\n")
    assert done.returncode == 1
    assert done.stdout == "zwei Katze\n" * 3000
    assert done.stderr.startswith("error: stdin, line 3001, byte 1: 0xff is not UTF-8")


@WORKERS
def test_who_stops_reading_ends_it_quietly(start: Start, workers: str) -> None:
    process = start("--workers", workers)
    pids = ready(process)
    assert len(pids) == (2 if workers == "2" else 0)
    process.stdout.close()
    with contextlib.suppress(BrokenPipeError):
        for _ in range(3000):
            process.stdin.write(b"two cat\n" * 100)
        process.stdin.close()
    assert process.wait() == 0
    assert process.stderr.read() == b""
    assert all_gone(pids)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_no_worker_is_left_behind(start: Start, number: int, code: int) -> None:
    process = start("--workers", "2")
    pids = ready(process)
    assert len(pids) == 2
    os.kill(process.pid, number)
    assert process.wait() == code
    assert all_gone(pids)
    assert b"Traceback" not in process.stderr.read()


def test_a_worker_that_dies_ends_it_and_names_the_lines(start: Start) -> None:
    process = start("--workers", "2", "--beam-size", "50")
    pids = ready(process)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    for _ in pids:  # the second lot goes to the one that has nothing
        process.stdin.write(b"two cat\n" * 50)
        process.stdin.flush()
        time.sleep(0.5)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    assert process.wait() == 1
    message = process.stderr.read().decode()
    assert re.match(r"error: a worker died \(killed by signal 9\) at lines (2 to 51|52 to 101); ", message), message
    assert "Traceback" not in message
    assert all_gone(pids)


def test_what_is_not_done_is_named_when_an_idle_worker_dies(start: Start) -> None:
    # So long it waits for one that was told to end and, being stopped, does not.
    process = start("--workers", "2", before="from mtkit.translator import workers\nworkers.STOP_SECONDS = 0.5")
    pids = ready(process)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    process.stdin.write(b"two cat\n" * 50)
    process.stdin.flush()
    time.sleep(0.5)
    os.kill(pids[1], signal.SIGKILL)  # work goes to the first of those that have least
    assert process.wait() == 1
    message = process.stderr.read().decode()
    assert "while it had nothing to do; not done: lines 2 to 51; " in message
    assert all_gone(pids)


def test_a_worker_that_dies_with_nothing_to_do_ends_it(start: Start) -> None:
    process = start("--workers", "2")
    for pid in ready(process):
        os.kill(pid, signal.SIGKILL)
    assert process.wait() == 1
    assert "a worker died (killed by signal 9) while it had nothing to do" in process.stderr.read().decode()


def test_an_endless_stream_fits_into_memory(start: Start) -> None:
    process = start("--workers", "2", "--beam-size", "1")
    sizes: list[int] = []
    ready(process)
    os.set_blocking(process.stdin.fileno(), False)
    wanted, sent, got = 60_000, 0, 0
    line = b"two cat\n"
    pending = b""
    while got < wanted:
        unsent = [process.stdin] if pending or sent < wanted else []  # a pipe may have taken a part of the last lines
        readable, writable, _ = select.select([process.stdout], unsent, [], 60)
        assert readable or writable, "neither reads nor writes"
        if readable:
            got += os.read(process.stdout.fileno(), 1 << 16).count(b"\n")
            if not sizes or got // 10_000 > len(sizes):
                sizes.append(sum(pss(pid) for pid in (process.pid, *children(process.pid))))
        if writable:
            if not pending:
                pending, sent = line * 1000, sent + 1000
            pending = pending[os.write(process.stdin.fileno(), pending) :]
    process.stdin.close()
    assert process.wait() == 0
    assert len(sizes) >= 4
    assert sizes[-1] < 1.2 * sizes[1]


def pss(pid: int) -> int:
    """kB of a process; of what it shares, its part."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0
