"""C forms of a step's work (*.c beside this file), compiled on first use where there is a compiler.

A second or two, once a machine: the result is kept in the user's cache folder, under a name made of source, compiler
and processor. Without a compiler, on another device or for tensors that are not fp32, callers take their torch form,
which is the reference; MTKIT_NATIVE=0 asks for that. Must not know models.

Every function takes tensors (..., n, width) of one or several directions. Those that a pass cuts out of wider ones
may have any stride between rows.
"""

import contextlib
import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

SOURCES = sorted(Path(__file__).parent.glob("*.c"))
HEADERS = sorted(Path(__file__).parent.glob("*.h"))
FLAGS = ["-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fPIC"]
if platform.machine() == "x86_64":
    FLAGS.append("-mprefer-vector-width=512")
COMPILE_SECONDS = 60

_off = False


def fits(*tensors: Tensor) -> bool:
    """Whether the C form can be taken for these tensors."""
    first = tensors[0]
    if _off:
        return False
    if first.dtype != torch.float32 or not first.is_cpu or compiled() is None:
        return False
    return all([tensor.stride(-1) == 1 for tensor in tensors])


@contextlib.contextmanager
def off() -> Iterator[None]:
    """Take torch's forms while this is entered."""
    global _off
    before, _off = _off, True
    try:
        yield
    finally:
        _off = before


@functools.cache
def compiled() -> ctypes.CDLL | None:
    """The compiled functions; None where they cannot be had."""
    if os.environ.get("MTKIT_NATIVE") == "0" or not sys.platform.startswith("linux"):
        return None
    # Threads are torch's own: a second pool beside it would fight for the processor.
    if not hasattr(ctypes.CDLL(None), "GOMP_parallel"):
        return None
    for compiler in filter(None, map(shutil.which, ("gcc", "cc"))):
        # Whatever is missing here (a compiler that works, space, a home), translating and training go on without.
        with contextlib.suppress(OSError, RuntimeError, subprocess.SubprocessError):
            path = _cache() / f"native-{_name(compiler)}.so"
            if not path.exists():
                _compile(compiler, path)
            if _ours(path):
                return ctypes.CDLL(str(path))
    return None


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME", "")
    folder = (Path(home) if os.path.isabs(home) else Path.home() / ".cache") / "mtkit"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _ours(path: Path) -> bool:
    """Whether nobody else can have put code there."""
    facts = [path.stat(), path.parent.stat()]
    return all(fact.st_uid == os.geteuid() and not fact.st_mode & 0o022 for fact in facts)


def _name(compiler: str) -> str:
    """Of source, flags, compiler and processor: code for one processor may not run on another."""
    version = subprocess.run([compiler, "--version"], capture_output=True, check=True, timeout=COMPILE_SECONDS).stdout
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    processor = {line for line in text.splitlines() if line.startswith(("model name", "flags", "Features"))}
    parts = [
        *(source.read_bytes() for source in SOURCES + HEADERS),
        version,
        " ".join((*FLAGS, *sorted(processor))).encode(),
    ]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _compile(compiler: str, path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        linked = Path(folder) / "native.so"
        objects = [Path(folder) / f"{source.stem}.o" for source in SOURCES]
        # Linked without -fopenmp: its functions are those that torch has loaded.
        compiles = [
            [compiler, *FLAGS, "-fopenmp", "-c", str(source), "-o", str(made)]
            for source, made in zip(SOURCES, objects, strict=True)
        ]
        for command in (*compiles, [compiler, "-shared", *map(str, objects), "-o", str(linked), "-lm"]):
            subprocess.run(command, capture_output=True, check=True, timeout=COMPILE_SECONDS)
        with linked.open("rb+") as file:  # on disk before it has its name: half of it would end every process
            os.fsync(file.fileno())
        linked.chmod(0o700)
        linked.rename(path)


Given = tuple[tuple[Tensor | None, bool], ...]
"""Tensors that a function takes, and whether it takes the stride of their rows, too."""


@functools.cache
def function(name: str, *arguments: type) -> Callable[..., int]:
    """A compiled function that returns int or nothing."""
    made = compiled()
    assert made is not None, "ask fits() first"
    found: Callable[..., int] = getattr(made, name)
    found.argtypes = list(arguments)  # type: ignore[attr-defined]
    return found


@functools.cache
def _work(name: str, sizes: tuple[type, ...], strided: tuple[bool, ...]) -> Callable[..., int]:
    kinds: list[type] = [ctypes.c_float if kind is float else ctypes.c_int64 for kind in sizes]
    for stride in strided:
        kinds += (ctypes.c_void_p, ctypes.c_int64) if stride else (ctypes.c_void_p,)
    return function(name, *kinds, ctypes.c_int)


def call(name: str, sizes: tuple[int | float, ...], given: Given, threads: int = 0) -> None:
    """Call a function with sizes, and with tensors by pointer and row stride; a direction a call."""
    work = _work(name, tuple([type(size) for size in sizes]), tuple([strided for _, strided in given]))
    first, threads = given[0][0], threads or torch.get_num_threads()
    assert first is not None
    for d in range(first.shape[0] if first.dim() == 3 else 1):
        arguments: list[int | float | None] = [*sizes]
        for tensor, strided in given:
            if tensor is None:
                arguments.append(None)
                continue
            assert strided or tensor.is_contiguous()
            arguments.append(tensor.data_ptr() + d * tensor.stride(0) * 4 if d else tensor.data_ptr())
            if strided:
                arguments.append(tensor.stride(-2))
        work(*arguments, threads)
