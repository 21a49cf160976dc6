"""The forms in C (*.c beside this file), compiled on first use where there is a compiler.

A second or two, once a machine: the result is kept in the user's cache folder, under a name made of source, compiler
and processor. The compiler is that of the environment variable CC, which may hold arguments, or gcc, or cc. Without one
work goes on in torch; `status` says why. MTKIT_NATIVE=0 asks for that, and MTKIT_NATIVE_FLAGS adds flags.
"""

import contextlib
import ctypes
import functools
import hashlib
import logging
import os
import platform
import shlex
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mtkit.ops.native import cache, programs
from mtkit.ops.native.programs import Failed
from mtkit.ops.native.prototypes import PROTOTYPES

# The smallest first: a compiler that hangs is noticed there.
SOURCES = sorted(Path(__file__).parent.glob("*.c"), key=lambda path: path.stat().st_size)
HEADERS = sorted(Path(__file__).parent.glob("*.h"))
FLAGS = ["-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fPIC"]
if platform.machine() == "x86_64":
    FLAGS.append("-mprefer-vector-width=512")
FIRST_SECONDS, SECONDS = 5.0, 30.0  # for the first source, which takes a fifth of a second, and for all
PROCESSOR = Path("/proc/cpuinfo")
# Those that every processor has: not the products, but what says whether there are any.
FUNCTIONS = [name for name in PROTOTYPES if not name.startswith(("tiles_", "quantised_")) or name.endswith("_form")]
ON = {"", "1", "on", "yes", "true"}

_log = logging.getLogger("mtkit")
_log.addHandler(logging.NullHandler())  # a library says nothing unless asked
_lock = threading.Lock()


@dataclass(frozen=True)
class Status:
    """Whether there are forms in C, or why not."""

    state: Literal["ready", "off", "unsupported", "no compiler", "failed", "unsafe"]
    detail: str
    """The compiler, or the last line of what it said, or what stands in the way."""
    key: str = ""
    """Of what is compiled: a hash of all that it depends on."""

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


def allowed() -> bool:
    """Whether compiled forms may be taken at all: MTKIT_NATIVE is not there, or says 1, on, yes or true."""
    return os.environ.get("MTKIT_NATIVE", "").strip().lower() in ON


def _make() -> tuple[ctypes.CDLL | None, Status]:
    if not allowed():
        return None, Status("off", f"MTKIT_NATIVE={cache.one_line(os.environ['MTKIT_NATIVE'])}")
    if not sys.platform.startswith("linux"):
        return None, Status("unsupported", f"on Linux only, not on {sys.platform}")
    # Threads are torch's own: a second pool beside it would fight for the processor.
    if not hasattr(ctypes.CDLL(None), "GOMP_parallel"):
        return None, Status("unsupported", "this build of torch has no OpenMP of GNU to share")
    failed = Status("no compiler", "neither CC nor gcc nor cc is a program here")
    # Whatever is missing here (a compiler that works, space, a home), translating and training go on without.
    try:
        folder = cache.folder()
        for compiler in programs.compilers():
            try:
                library, key = _library(compiler, folder)
                return library, Status("ready", f"compiled with {shlex.join(compiler)}", key)
            except (Failed, OSError) as error:
                failed = Status("failed", f"{shlex.join(compiler)}: {_told(error)}")
                _log.info("native code: %s", failed)
    except cache.UnsafeCache as error:
        return None, Status("unsafe", str(error))
    except (Failed, OSError, RuntimeError) as error:  # no place for it, or no home
        return None, Status("failed", _told(error))
    return None, failed


def _told(error: Exception) -> str:
    return cache.one_line(str(error)) or type(error).__name__


def _library(compiler: list[str], folder: Path) -> tuple[ctypes.CDLL, str]:
    """The library that a compiler makes, or has made before, and its key."""
    flags = [*FLAGS, *programs.words("MTKIT_NATIVE_FLAGS")]
    facts = os.stat(compiler[0])
    made_from = [source.read_bytes() for source in SOURCES + HEADERS]
    made_by = f"{shlex.join([*compiler, *flags])} {facts.st_mtime_ns} {facts.st_size}"
    key = _hash(*made_from, made_by.encode(), processor())
    for path, content in cache.find(folder, f"native-{key}"):
        try:
            return _loaded(content, folder), key
        except (Failed, OSError) as error:  # as one made for another system is
            _log.info("native code: %s is made anew: %s", path, _told(error))
            cache.remove(path)
    if noted := cache.failure(folder, key):
        raise Failed(noted)
    try:
        content = _compile(compiler, flags, folder)
        library = _loaded(content, folder)
    except Failed as error:
        if error.passing:
            raise
        raise Failed(cache.note_failure(folder, key, str(error))) from None
    with contextlib.suppress(OSError):  # on a full disk it is made anew the next time
        cache.add(folder, f"native-{key}", content)
    return library, key


def _loaded(content: bytes, folder: Path) -> ctypes.CDLL:
    """A library that has what is asked of it.

    Raises:
        Failed: it cannot be loaded, or a function is missing.
    """
    try:
        library = cache.load(content, folder)
    except OSError as error:
        raise Failed(f"what it made cannot be loaded: {_told(error)}") from None
    missing = [name for name in FUNCTIONS if not hasattr(library, name)]
    if missing:
        raise Failed(f"what it made has no function {missing[0]}")
    return library


def processor() -> bytes:
    """Which one this is: code for one may not run on another."""
    text = PROCESSOR.read_text(encoding="utf-8", errors="replace")
    lines = {line for line in text.splitlines() if line.startswith(("model name", "flags", "Features"))}
    return " ".join(sorted(lines)).encode()


def _hash(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _compile(compiler: list[str], flags: list[str], folder: Path) -> bytes:
    """What a compiler makes of the sources.

    Raises:
        Failed: it fails, or takes too long.
    """
    _log.info("compiling the native code with %s, once a machine", compiler[0])
    cache.sweep(folder)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=folder, prefix=cache.SCRATCH, ignore_cleanup_errors=True) as made:
        scratch = Path(made)
        linked, seconds = scratch / "native.so", FIRST_SECONDS
        objects = [str(scratch / f"{source.stem}.o") for source in SOURCES]
        # Linked without -fopenmp: its functions are those that torch has loaded.
        sanitizers = [flag for flag in flags if flag.startswith("-fsanitize")]
        commands = [[*flags, "-fopenmp", "-c", str(c), "-o", o] for c, o in zip(SOURCES, objects, strict=True)]
        commands.append([*sanitizers, "-shared", *objects, "-o", str(linked), "-lm"])
        for command in commands:
            try:
                programs.run([*compiler, *command], scratch, began + seconds)
            except TimeoutError:
                raise Failed(f"took more than {seconds:.0f} seconds") from None
            seconds = SECONDS
        try:
            return cache.read(linked)
        except OSError:
            raise Failed("ended well, and made no library") from None
