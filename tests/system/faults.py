"""Commands that are ended, or find the disk full, at their Nth dealing with files; and what must hold afterwards."""

import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mtkit import files
from mtkit.jobs.bulk.results import CHUNKS
from tests.system.toy import mtkit, ran

COUNTS: Counter[tuple[str, str]] = Counter()
"""Command and fault -> how often it was survived; shown at the end by `tests/system/conftest.py`."""

# Python tells of whatever is opened, renamed and removed before it is done.
WATCH = """
import errno, os, pathlib, signal, sys
root, ours = os.getcwd(), ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink")
def within(path):
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    return isinstance(path, str | os.PathLike) and os.path.abspath(path).startswith(root + os.sep)
def watch(event, arguments):
    global left
    writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if (writes or event in ours) and within(arguments[0]):
        left -= 1
        fault(event, arguments[0])
"""
# What stands under no name of its own yet may have been written by half.
KILL = """
def tear():
    torn = [path for path in pathlib.Path(root).rglob(".tmp-*/*") if path.is_file()]
    if torn:
        newest = max(torn, key=lambda path: path.stat().st_mtime_ns)
        os.truncate(newest, newest.stat().st_size // 2)
def fault(event, path):
    if left == 0:
        tear()
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
"""
FULL = """
def fault(event, path):
    if left <= 0 and event in ("open", "os.mkdir"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
sys.addaudithook(watch)
"""
SMALL = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (left, left))
"""
FAULTS = {"killed": WATCH + KILL, "disk full": WATCH + FULL, "files bounded": SMALL}
BYTES = (500, 1_000, 5_000, 12_000, 40_000, 100_000)  # that a file may have where they are bounded
AGAIN = ("no space", "too large", "space")  # one of it is in what is said

# Where files are bounded the compiled library cannot be had, and torch's sums differ in the last digit.
PLAIN = "import os; os.environ['MTKIT_NATIVE'] = '0'"
Tree = dict[str, bytes]


def tree(path: Path) -> Tree:
    """What a file or a folder holds under names that count: not locks, not what begins with a dot."""
    if path.is_file():
        return {"": path.read_bytes()}
    return {
        one.relative_to(path).as_posix(): one.read_bytes()
        for one in sorted(path.rglob("*"))
        if one.is_file() and one.name != "lock" and not any(part[0] == "." for part in one.relative_to(path).parts)
    }


@dataclass(frozen=True)
class Case:
    """A command that writes."""

    arguments: tuple[str, ...]
    results: tuple[str, ...]
    """Files and folders that it writes, each of which is at any time what it was or what it becomes."""
    prepare: Callable[[Path], None] = field(default=lambda folder: None)
    """What comes before it."""
    stands: Callable[[Path, Path], bool] | None = None
    """Whether nothing of what stood before is lost: folder before, folder after a fault. None: `results` say it."""
    every: int = 1
    """Of a command that takes long, each so many dealings with files meet a fault."""

    @property
    def name(self) -> str:
        return " ".join(word for word in self.arguments if word[0] not in "-/" and "=" not in word and "." not in word)


def left_over(folder: Path) -> list[str]:
    """What an interrupted write has left; a run that was set aside is as it was, and chunks of bulk work are notes."""
    marks = (path for path in folder.rglob("*") if path.name.startswith(".") or path.name.endswith(".old"))
    found = [path for path in marks if path.name != CHUNKS]
    return [path.name for path in found if not re.search(r"/runs/toy\.\d", str(path))]


def suffer(case: Case, base: Path, scratch: Path, fault: str, most: int = 1000) -> int:
    """Let a command meet a fault at each of its dealings with files in turn, and run it again; returns how many."""
    # The names of folders are noted here and there, so all have the same.
    before, after, folder = (scratch / name / "toy" for name in ("before", "after", "hit"))
    shutil.copytree(base, before)
    case.prepare(before)
    shutil.copytree(before, after)
    ran(mtkit(after, *case.arguments, before=PLAIN))
    steps = BYTES if fault == "files bounded" else range(1, most, case.every)
    for step in steps:
        shutil.copytree(before, folder)
        done = mtkit(folder, *case.arguments, before=f"{PLAIN}\nleft = {step}\n{FAULTS[fault]}")
        _survived(case, done, folder, before, after, fault, step)
        again = mtkit(folder, *case.arguments, before=PLAIN)
        assert again.returncode == 0, (fault, step, again.stderr)
        for result in case.results:
            assert tree(folder / result) == tree(after / result), (fault, step, result)
        assert left_over(folder) == [], (fault, step)
        shutil.rmtree(folder)
        if done.returncode == 0 and fault != "files bounded":
            return step - 1
        COUNTS[case.name, fault] += 1
    return len(steps)


def _survived(
    case: Case,
    done: subprocess.CompletedProcess[str],
    folder: Path,
    before: Path,
    after: Path,
    fault: str,
    step: int,
) -> None:
    """What must hold right after a fault."""
    assert "Traceback" not in done.stderr, (step, done.stderr)
    if fault == "killed":
        assert done.returncode in (0, -signal.SIGKILL)
    elif done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert done.returncode == 1, (step, done.returncode, done.stderr)
        assert len(said) == 1, (step, done.stderr)
        assert any(part in said[0].lower() for part in AGAIN), (step, done.stderr)
    if case.stands is not None:
        assert case.stands(before, folder), (fault, step, "something is lost")
        return
    for result in case.results:
        path = files.standing(folder / result)
        found = tree(path)
        wholes = [tree(before / result), tree(after / result)]
        # Of a folder into which several files are written each one is whole.
        if path.is_dir() and not (path / "checksums.json").exists() and not (path / "manifest.json").exists():
            assert all(any(content == one.get(name) for one in wholes) for name, content in found.items())
        else:
            assert found in wholes, (fault, step, result, sorted(found))
