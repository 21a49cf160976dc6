"""One trained toy model for all tests that only read it."""

import fcntl
import os
import shutil
from pathlib import Path

import pytest

from tests.system.faults import COUNTS
from tests.system.toy import make, mtkit, ran


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with config, text and a finished run. Not to be written to."""
    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root  # that of all processes that test
    folder, done = root / "trained" / "toy", root / "trained" / "done"
    folder.parent.mkdir(exist_ok=True)
    with (folder.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the first trains, the others wait
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            ran(mtkit(folder, "train", "-s", "train.max_updates=500", "-s", "train.validate_every=250"))
            done.touch()
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with config and text, nothing done yet."""
    return make(tmp_path / "toy")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Of `make faults`, what was survived how often."""
    for (command, fault), count in sorted(COUNTS.items()):
        terminalreporter.write_line(f"{command:<36}{fault:<22}{count:>5}")
