"""Tries in processes that are forked for some of them: a crash ends these alone, and what hangs is killed."""

import json
import os
import selectors
import shutil
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.fuzz.attempt import Expected, Try, lay
from tests.fuzz.judge import Verdict, judge
from tests.fuzz.kinds import BATCH, drawn, kind_of
from tests.fuzz.perform import Performed, limit_memory, perform
from tests.fuzz.toy import Toy

HANGS = 12.0  # seconds, after which a try is killed
DRAWS = 120.0  # what may pass between tries, on a busy machine: they are drawn, and their folders made
TICK = 1.0  # seconds between looking for those


@dataclass
class Outcome:
    """What came of a numbered try."""

    number: int
    kind: str
    verdict: Verdict
    change: str
    seconds: float = 0.0


@dataclass
class Child:
    """A process that makes the tries of a batch, one after another."""

    pid: int
    pipe: int
    batch: int
    last: int
    """The number after the last of its tries."""
    number: int = -1
    """The try that it is at."""
    change: str = ""
    began: float = field(default_factory=time.monotonic)
    told: bytes = b""


class Pool:
    """Some processes that make tries side by side.

    Args:
        only: this try of each batch alone (for repeating one); None: all.
    """

    def __init__(self, toy: Toy, seed: int, processes: int) -> None:
        self.toy, self.seed, self.processes = toy, seed, processes
        self.children: dict[int, Child] = {}
        self.selector = selectors.DefaultSelector()

    def outcomes(self, ranges: Iterator[tuple[int, int]]) -> Iterator[Outcome]:
        """Make the tries of some ranges, each within a batch; as they come."""
        waiting = list[tuple[int, int]]()
        while True:
            while len(self.children) < self.processes and (one := waiting.pop() if waiting else next(ranges, None)):
                self._begin(*one)
            if not self.children:
                return
            for key, _ in self.selector.select(timeout=TICK):
                yield from self._hear(self.children[key.fd], waiting)
            for child in list(self.children.values()):
                if time.monotonic() - child.began > (HANGS if child.number >= 0 else DRAWS):
                    os.kill(child.pid, signal.SIGKILL)

    def _begin(self, first: int, last: int) -> None:
        reading, writing = os.pipe()
        if not (pid := os.fork()):
            os.close(reading)
            code = 1
            try:
                _make(self.toy, self.seed, first, last, writing)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        os.close(writing)
        self.children[reading] = Child(pid, reading, first // BATCH, last)
        self.selector.register(reading, selectors.EVENT_READ)

    def _hear(self, child: Child, waiting: list[tuple[int, int]]) -> Iterator[Outcome]:
        if block := os.read(child.pipe, 1 << 16):
            *lines, child.told = (child.told + block).split(b"\n")
            for line in lines:
                said = json.loads(line)
                child.began, child.number = time.monotonic(), said["number"]
                if "verdict" not in said:
                    child.change = said["change"]
                    continue
                verdict = Verdict(said["verdict"], said["why"])
                yield Outcome(child.number, kind_of(child.batch), verdict, child.change, said["seconds"])
                child.number = -child.number - 2
            return
        self.selector.unregister(child.pipe)
        os.close(child.pipe)
        del self.children[child.pipe]
        _, status = os.waitpid(child.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if code == 0:
            return
        if child.number < 0:
            raise RuntimeError(f"batch {child.batch} ended with {code} between its tries")
        why = "hangs" if code == -signal.SIGKILL else f"ended by {_named(code)}"
        yield Outcome(child.number, kind_of(child.batch), Verdict("else", why), child.change)
        if child.number + 1 < child.last:
            waiting.append((child.number + 1, child.last))


def _named(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _make(toy: Toy, seed: int, first: int, last: int, pipe: int) -> None:
    """Make tries, and say of each when it begins and what came of it."""
    batch = first // BATCH
    tries = drawn(seed, batch, toy)
    os.environ["HOME"] = "/nonexistent"  # what is written there is not the user's
    limit_memory()
    same: dict[tuple[tuple[str, ...], bytes], bytes] = {}
    with tempfile.TemporaryDirectory(prefix="f-", ignore_cleanup_errors=True) as root:
        for number in range(first, last):
            one = tries[number - batch * BATCH]
            _say(pipe, number=number, change=str(one))
            verdict, seconds = attempt(one, toy, Path(root), same)
            _say(pipe, number=number, verdict=verdict.kind, why=verdict.why, seconds=seconds)


def _say(pipe: int, **what: object) -> None:
    os.write(pipe, json.dumps(what).encode() + b"\n")


def attempt(one: Try, toy: Toy, root: Path, same: dict[tuple[tuple[str, ...], bytes], bytes]) -> tuple[Verdict, float]:
    """Make a try in this process; `same` keeps what commands say of an unchanged toy."""
    asked = (one.command, one.stdin)
    if one.expected is Expected.SAME and asked not in same:
        same[asked] = _performed(replace(one, member=""), toy, root)[0].out
    done, strange = _performed(one, toy, root)
    if strange:
        return Verdict("else", f"wrote outside of its folder: {strange}"), done.wall
    return judge(one, done, same.get(asked)), done.wall


def _performed(one: Try, toy: Toy, root: Path) -> tuple[Performed, list[str]]:
    """How the command of a try went, and what it wrote where nothing is to be written."""
    folder, outside = root / "w" / "toy", root / "w" / "outside"
    folder.mkdir(parents=True)
    outside.mkdir()
    lay(one, toy, folder)
    done = perform(list(one.command), folder, one.stdin)
    found = [path.name for path in [*outside.iterdir(), *(root / "w").iterdir()]]
    shutil.rmtree(root / "w")
    return done, sorted(set(found) - {"outside", "toy"})


def table(outcomes: Counter[tuple[str, str]]) -> str:
    """Kind x verdict, as a table."""
    verdicts = ("right", "refused", "else")
    kinds = sorted({kind for kind, _ in outcomes})
    rows = [(kind, [outcomes[kind, one] for one in verdicts]) for kind in kinds]
    rows.append(("all", [sum(outcomes[kind, one] for kind in kinds) for one in verdicts]))
    lines = [f"{'kind':<14}{'tries':>8}{'right':>8}{'refused':>9}{'else':>7}"]
    lines += [f"{kind:<14}{sum(counts):>8}{counts[0]:>8}{counts[1]:>9}{counts[2]:>7}" for kind, counts in rows]
    return "\n".join(lines)
