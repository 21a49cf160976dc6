"""What the command line makes of what the library tells it: levels, and errors of the system."""

import errno
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import mtkit
from mtkit.cli import main
from mtkit.cli.options import Messages
from mtkit.cli.training_view import LiveView, PlainView
from mtkit.config import load

SAID, WARNED = "going on", "WARNING: memory ran out"
PACKAGE = Path(mtkit.__file__).resolve().parent


@pytest.mark.parametrize(
    ("quiet", "printed"), [(False, [SAID, "no more (--fresh keeps the old run beside)"]), (True, [])]
)
@pytest.mark.parametrize("kind", [None, PlainView, LiveView])
def test_warnings_are_told_apart(
    quiet: bool, printed: list[str], kind: type[PlainView] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = Messages(quiet)
    shown = kind(messages, load("demo").config) if kind else messages
    shown.say(SAID)
    shown.say("no more", "fresh")
    shown.warn("memory ran out")
    assert capsys.readouterr().err.splitlines() == [*printed, WARNED]


def test_the_library_is_silent_unless_asked() -> None:
    handlers = logging.getLogger("mtkit").handlers
    assert any(isinstance(one, logging.NullHandler) for one in handlers)
    program = "import logging, mtkit; logging.getLogger('mtkit.store').warning('noise')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


MISSING = str(PACKAGE / "recipes/none.toml")
REFUSED = "then run it again"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", MISSING),
            f"error: mtkit is not installed whole: {MISSING} is missing; install it again",
        ),
        (OSError(errno.ENOSPC, "No space left on device"), f"error: No space left on device; check space, {REFUSED}"),
        (
            PermissionError(errno.EACCES, "Permission denied", "runs/demo"),
            f"error: runs/demo: Permission denied; check permissions, {REFUSED}",
        ),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "runs/demo"),
            f"error: runs/demo: No such file or directory; check the path, {REFUSED}",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", MISSING),
            f"error: {MISSING}: Permission denied; check permissions, {REFUSED}",
        ),
        (FileNotFoundError(errno.ENOENT, "None", "data.py"), f"error: data.py: None; check the path, {REFUSED}"),
        (OSError("odd"), f"error: odd; check space and permissions, {REFUSED}"),
        (FileNotFoundError(errno.ENOENT, "No such file", 7), f"error: 7: No such file; check the path, {REFUSED}"),
    ],
    ids=lambda some: "" if isinstance(some, str) else repr(some)[:40],
)
@pytest.mark.parametrize("verbose", [False, True])
def test_what_the_system_refused(
    error: OSError, told: str, verbose: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PACKAGE)  # what is named from here is the user's, wherever "here" is

    def command(**_: Any) -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        main._guarded(command)(verbose=verbose)
    assert ended.value.code == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == told
    assert lines[:1] == (["Traceback (most recent call last):"] if verbose else [told])
