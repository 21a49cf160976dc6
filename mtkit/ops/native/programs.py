"""C compilers: found without looking into the current folder, and run for so long, with what they say kept short."""

import contextlib
import os
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from mtkit.ops.native.cache import one_line

KEPT_BYTES = 1 << 16  # of what a compiler says


class Failed(Exception):
    """A compiler failed; the last line of what it said."""


def compilers() -> Iterator[list[str]]:
    """Those that there are, each once, with arguments: that of the environment variable CC, gcc, cc.

    Raises:
        Failed: CC cannot be read.
    """
    seen = set()
    for command in (words("CC"), ["gcc"], ["cc"]):
        path = _found(command[0]) if command else None
        if path and (key := (os.path.realpath(path), *command[1:])) not in seen:
            seen.add(key)
            yield [path, *command[1:]]


def words(variable: str) -> list[str]:
    """What an environment variable holds, cut as a shell does.

    Raises:
        Failed: it has a quotation mark too few.
    """
    try:
        return shlex.split(os.environ.get(variable, ""))
    except ValueError as error:
        raise Failed(f"{variable} cannot be read: {error}") from None


def _found(name: str) -> str | None:
    """The absolute path of a program: what lies in the current folder, somebody else may have put there."""
    if os.sep in name:
        places = [name] if os.path.isabs(name) else []
    else:
        places = [os.path.join(folder, name) for folder in _path().split(os.pathsep)]
    return next((place for place in places if os.path.isfile(place) and os.access(place, os.X_OK)), None)


def _path() -> str:
    """The folders of PATH, but for empty parts and relative ones, which mean the current folder."""
    return os.pathsep.join(part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if os.path.isabs(part))


def run(command: list[str], scratch: Path, deadline: float) -> None:
    """Run a compiler, its temporary files in `scratch`, which is the current folder for it, too.

    Raises:
        Failed: it failed; with the last line of what it said.
        TimeoutError: it takes too long; it has been ended, with all that it had started.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=scratch,
        env={**os.environ, "PATH": _path(), "TMPDIR": str(scratch)},
        start_new_session=True,
    )
    assert process.stdout is not None, "it was asked for"
    with process.stdout as output:
        try:
            said = _said(output.fileno(), deadline)
            process.wait(max(0.1, deadline - time.monotonic()))
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise TimeoutError from None
            raise
    if process.returncode:
        name = Path(command[0]).name
        raise Failed(
            one_line(said.decode(errors="replace")) or f"{name} ended with {process.returncode}, and said nothing"
        )


def _said(handle: int, deadline: float) -> bytes:
    """The end of what comes, until nothing more can come."""
    said = b""
    with selectors.DefaultSelector() as ready:
        ready.register(handle, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if ready.select(left):
                block = os.read(handle, KEPT_BYTES)
                if not block:
                    return said
                said = (said + block)[-KEPT_BYTES:]
