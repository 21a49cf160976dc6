"""The forms in C (*.c beside this file), compiled on first use where there is a compiler.

A second or two, once a machine: the result is kept in the user's cache folder, under a name made of source, compiler
and processor. The compiler is that of the environment variable CC, which may hold arguments, or gcc, or cc. Without one
work goes on in torch; `status` says why. MTKIT_NATIVE=0 asks for that, and MTKIT_NATIVE_FLAGS adds flags.
"""

import ctypes
import functools
import hashlib
import logging
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mtkit.ops.native import cache

SOURCES = sorted(Path(__file__).parent.glob("*.c"))
HEADERS = sorted(Path(__file__).parent.glob("*.h"))
FLAGS = ["-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fPIC"]
if platform.machine() == "x86_64":
    FLAGS.append("-mprefer-vector-width=512")
SECONDS = 30.0  # for all of a compiler's work
PROCESSOR = Path("/proc/cpuinfo")

_log = logging.getLogger("mtkit")
_log.addHandler(logging.NullHandler())  # a library says nothing unless asked
_lock = threading.Lock()


@dataclass(frozen=True)
class Status:
    """Whether there are forms in C, or why not."""

    state: Literal["ready", "off", "unsupported", "no compiler", "failed", "unsafe"]
    detail: str
    """The compiler, or the last line of what it said, or what stands in the way."""

    @property
    def ready(self) -> bool:
        return self.state == "ready"

    def __str__(self) -> str:
        return f"{self.state}: {self.detail}"


@functools.cache
def compiled() -> ctypes.CDLL | None:
    """The compiled functions; None where they cannot be had."""
    return _made_once()[0]


def status() -> Status:
    """Whether functions are compiled, or why not."""
    return _made_once()[1]


def _made_once() -> tuple[ctypes.CDLL | None, Status]:
    with _lock:  # threads that come at once wait for one compiler
        return _made()


@functools.cache
def _made() -> tuple[ctypes.CDLL | None, Status]:
    found = _make()
    _log.info("native code: %s", found[1])
    return found


def _make() -> tuple[ctypes.CDLL | None, Status]:
    if os.environ.get("MTKIT_NATIVE") == "0":
        return None, Status("off", "MTKIT_NATIVE=0")
    if not sys.platform.startswith("linux"):
        return None, Status("unsupported", f"on Linux only, not on {sys.platform}")
    # Threads are torch's own: a second pool beside it would fight for the processor.
    if not hasattr(ctypes.CDLL(None), "GOMP_parallel"):
        return None, Status("unsupported", "this build of torch has no OpenMP of GNU to share")
    failed = Status("no compiler", "neither CC nor gcc nor cc is a program here")
    # Whatever is missing here (a compiler that works, space, a home), translating and training go on without.
    try:
        folder = cache.folder()
        for compiler in _compilers():
            try:
                path = _library(compiler, folder)
                return ctypes.CDLL(str(path)), Status("ready", f"compiled with {shlex.join(compiler)}")
            except _Failed as error:
                failed = Status("failed", f"{shlex.join(compiler)}: {error}")
            except OSError as error:
                failed = Status("failed", f"{shlex.join(compiler)}: {_last(str(error))}")
    except cache.UnsafeCache as error:
        return None, Status("unsafe", str(error))
    except (OSError, RuntimeError) as error:  # no place for it, or no home
        return None, Status("failed", _last(str(error)))
    return None, failed


class _Failed(Exception):
    """A compiler failed; the last line of what it said."""


def _compilers() -> Iterator[list[str]]:
    """Those that there are, each once, with arguments."""
    seen = set()
    for command in (shlex.split(os.environ.get("CC", "")), ["gcc"], ["cc"]):
        path = shutil.which(command[0]) if command else None
        if path and (key := (os.path.realpath(path), *command[1:])) not in seen:
            seen.add(key)
            yield [path, *command[1:]]


def _library(compiler: list[str], folder: Path) -> Path:
    """The library that a compiler makes, or has made before."""
    flags = [*FLAGS, *shlex.split(os.environ.get("MTKIT_NATIVE_FLAGS", ""))]
    facts = os.stat(compiler[0])
    sources = [source.read_bytes() for source in SOURCES + HEADERS]
    # Known before the compiler is asked anything.
    key = _hash(*sources, shlex.join([*compiler, *flags]).encode(), f"{facts.st_mtime_ns} {facts.st_size}".encode())
    if cache.too_slow(folder, key):
        raise _Failed(f"took more than {SECONDS:.0f} seconds a while ago; remove {folder}/slow-{key} to try again")
    deadline = time.monotonic() + SECONDS
    try:
        version = _run([*compiler, "--version"], deadline)
        name = f"native-{_hash(*sources, version, shlex.join([*compiler[1:], *flags]).encode(), _processor())}"
        return cache.find(folder, name) or _compile(compiler, flags, folder, name, deadline)
    except subprocess.TimeoutExpired:
        cache.note_slow(folder, key)
        raise _Failed(f"took more than {SECONDS:.0f} seconds; it is tried again in an hour") from None


def _processor() -> bytes:
    """Code for one processor may not run on another."""
    text = PROCESSOR.read_text(encoding="utf-8")
    lines = {line for line in text.splitlines() if line.startswith(("model name", "flags", "Features"))}
    return " ".join(sorted(lines)).encode()


def _hash(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _compile(compiler: list[str], flags: list[str], folder: Path, name: str, deadline: float) -> Path:
    _log.info("compiling the native code with %s, once a machine", compiler[0])
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        linked = Path(scratch) / "native.so"
        objects = [str(Path(scratch) / f"{source.stem}.o") for source in SOURCES]
        for source, made in zip(SOURCES, objects, strict=True):
            _run([*compiler, *flags, "-fopenmp", "-c", str(source), "-o", made], deadline)
        # Linked without -fopenmp: its functions are those that torch has loaded.
        sanitizers = [flag for flag in flags if flag.startswith("-fsanitize")]
        _run([*compiler, *sanitizers, "-shared", *objects, "-o", str(linked), "-lm"], deadline)
        return cache.add(folder, name, linked)


def _run(command: list[str], deadline: float) -> bytes:
    """What a command prints.

    Raises:
        _Failed: it failed; with the last line of what it said.
        subprocess.TimeoutExpired: it takes too long; it has been ended, with all that it had started.
    """
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    try:
        told, complaint = process.communicate(timeout=max(0.1, deadline - time.monotonic()))
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    if process.returncode:
        said = _last(complaint.decode(errors="replace"))
        raise _Failed(said or f"{Path(command[0]).name} ended with {process.returncode}, and said nothing")
    return told


def _last(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
