"""Signals: which are heard, that a Ctrl-C twice ends at once and nothing else does, and what a fork does."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mtkit.errors import Interrupted
from mtkit.jobs import signals

HEARD = [*signals.ENDING, *signals.WARNING]


@pytest.fixture(autouse=True)
def as_at_a_terminal() -> Iterator[None]:
    """Whoever runs the tests may have switched some off."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in HEARD}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", HEARD)
def test_each_is_noted_and_named(number: signal.Signals) -> None:
    noted = signals.Signals()
    with noted.caught():
        signal.raise_signal(number)
        signal.raise_signal(signal.SIGTERM)  # a launcher sends what it likes after it: the first counts
        signal.raise_signal(number)
    assert (noted.received, noted.name) == (number, number.name)
    assert signal.getsignal(number) is signal.SIG_DFL


def test_what_is_ignored_or_somebody_elses_stays_so() -> None:
    others = []
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, lambda number, frame: others.append(number))
    noted = signals.Signals()
    with noted.caught():
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGALRM)
    assert (noted.received, others) == (0, [signal.SIGALRM])


def test_who_will_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    noted = signals.Signals()
    with noted.caught():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)  # from terminal and launcher at once
        monkeypatch.setattr(signals, "TWICE", 0.0)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert noted.received == signal.SIGINT


@pytest.mark.parametrize("number", HEARD)
def test_raised_where_nothing_is_to_be_saved(number: signal.Signals) -> None:
    signals.raised()
    with pytest.raises(Interrupted) as caught:
        signal.raise_signal(number)
    assert caught.value.exit_code == 128 + number
    noted = signals.Signals()
    with noted.caught():  # what saves comes before it
        signal.raise_signal(number)
    assert noted.received == number


def test_a_fork_ends_as_if_nobody_listened() -> None:
    signals.raised()
    if not (child := os.fork()):
        signal.raise_signal(signal.SIGUSR1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGUSR1


START = """
import os, runpy, signal, sys
where, number = sys.argv[1], int(sys.argv[2])
signal.signal(signal.SIGINT, signal.default_int_handler)

class Finder:
    def find_spec(self, name, *_):
        if name == where:
            os.kill(os.getpid(), number)

seen = 0

def profile(frame, event, _):  # a callback of import, in which Python swallows what is raised
    global seen
    if event == "call" and frame.f_code.co_name == "cb" and "importlib" in frame.f_code.co_filename:
        seen += 1
        if seen == 100 and "torch" in sys.modules:
            os.kill(os.getpid(), number)
        seen %= 100

if where == "callback":
    sys.setprofile(profile)
else:
    sys.meta_path.insert(0, Finder())
sys.argv = ["mtkit", "translate", "-m", "none"]
runpy.run_module("mtkit", run_name="__main__", alter_sys=True)
"""
MOMENTS = [
    ("mtkit.cli.main", signal.SIGINT),
    ("mtkit.cli.translate", signal.SIGTERM),
    ("torch._C", signal.SIGINT),
    ("callback", signal.SIGINT),
]


@pytest.mark.parametrize(("moment", "number"), MOMENTS)
def test_a_command_that_begins_ends_in_silence(moment: str, number: signal.Signals, tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", START, moment, str(int(number))]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", "")
