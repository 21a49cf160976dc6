"""Some hundred tries of each kind, always the same; and that what is wrong is seen."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz import pool
from tests.fuzz.attempt import Expected, Place, Try
from tests.fuzz.judge import MEMORY, Verdict, judge
from tests.fuzz.kinds import ORDER, drawn
from tests.fuzz.perform import Performed
from tests.fuzz.toy import Toy

ROOT = Path(__file__).parents[2]
TRANSLATED = Try("model/config.json", b"", "", ("translate", "-q"), (), stdin=b"a\nb\n")


@pytest.mark.system
def test_a_hundred_tries() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--seed", "28", "--tries", "100"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all                100" in done.stdout


def performed(
    code: int = 0, out: bytes = b"x\ny\n", err: bytes = b"", wall: float = 0.1, busy: float = 0.1, grown: int = 0
) -> Performed:
    return Performed(code, out, err, wall, busy, grown)


@pytest.mark.parametrize(
    ("done", "kind", "why"),
    [
        (performed(), "right", ""),
        (performed(1, b"", b"error: a is b; copy it again\n"), "refused", ""),
        (performed(1, b"", b"Traceback (most recent call last):\nKeyError: 1\n"), "else", "traceback: KeyError"),
        (performed(1, b"", b"error: a\nb\nc\n"), "else", "a message of 3 lines"),
        (performed(1, b"", b"error: " + b"long " * 200 + b"\n"), "else", "a line of 1007 characters"),
        (performed(1, b"", b"error: out of memory\n"), "else", "asked for gigabytes"),
        (performed(1, b"", b"error: a \x1b[31m\n"), "else", "control characters in a message"),
        (performed(1, b"", b"nothing\n"), "else", "no line that begins with error"),
        (performed(1, b"", b"error: a\n", busy=3.0), "else", "took 3.0 s of processor"),
        (performed(3, b"", b""), "else", "exit code 3"),
        (performed(grown=2 * MEMORY), "else", "took 1000 MB"),
        (performed(wall=11.0), "else", "11.0 s in all"),
        (performed(out=b"x\n"), "else", "2 lines in, 1 out"),
        (performed(out=b"x\n\x07\n"), "else", "a control character in the answer"),
        (performed(out=b"x\n\xff\n"), "else", "the answer is not UTF-8"),
    ],
)
def test_verdicts(done: Performed, kind: str, why: str) -> None:
    verdict = judge(TRANSLATED, done, None)
    assert verdict.kind == kind
    assert why in verdict.why


def test_what_is_taken_in_silence_or_changes_the_answer_is_seen() -> None:
    refusal, same = (Try("a", b"", "", ("info",), (), expected) for expected in (Expected.REFUSAL, Expected.SAME))
    assert judge(refusal, performed(), None).why == "accepted in silence"
    assert judge(same, performed(), b"z\n").why.startswith("another answer")
    assert judge(same, performed(), b"x\ny\n").kind == "right"
    assert judge(same, performed(1, b"", b"error: no\n"), b"x\ny\n").why.startswith("refused, though nothing is wrong")


TRIES = [Try("a", Place.NULL, name, ("info",), ()) for name in ("right", "hangs", "crashes", "right")]


def attempted(one: Try, *rest: object) -> tuple[Verdict, float]:
    if one.change == "hangs":
        time.sleep(60)
    if one.change == "crashes":
        os.kill(os.getpid(), signal.SIGSYS)
    return Verdict("right"), 0.0


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of forks beside threads; here are none of use
def test_what_hangs_and_what_crashes_ends_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pool, "HANGS", 0.3)
    monkeypatch.setattr(pool, "drawn", lambda *rest: TRIES)
    monkeypatch.setattr(pool, "attempt", attempted)
    monkeypatch.setattr(pool, "limit_memory", lambda: None)
    monkeypatch.setattr(pool, "TICK", 0.1)
    ranges: Iterator[tuple[int, int]] = iter([(0, 4)])
    found = {one.number: one.verdict for one in pool.Pool(Toy(tmp_path), 1, 1).outcomes(ranges)}
    assert [found[number].kind for number in range(4)] == ["right", "else", "else", "right"]
    assert (found[1].why, found[2].why) == ("hangs", "ended by SIGSYS")


def test_a_table_of_counts() -> None:
    counts = Counter({("run", "right"): 2, ("run", "else"): 1, ("text", "refused"): 3})
    rows = [line.split() for line in pool.table(counts).splitlines()]
    assert rows[1:] == [["run", "3", "2", "0", "1"], ["text", "3", "0", "3", "0"], ["all", "6", "2", "3", "1"]]


def test_a_seed_draws_the_same_tries_again() -> None:
    toy = Toy(Path())
    toy.__dict__["files"] = {"mtkit.toml": b'name = "toy"\n[data]\n'}
    batch = ORDER.index("config")
    first = drawn(3, batch, toy)
    assert drawn(3, batch, toy) == first
    assert drawn(4, batch, toy) != first
    assert len(set(map(str, first))) > 20
