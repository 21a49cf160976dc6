"""The C forms of a training step's element-wise work (native.c), compiled on first use where there is a compiler.

Half a second, once a machine: the result is kept in the user's cache folder, under a name made of source, compiler and
processor. Without a compiler, on another device or in another precision than fp32, callers take their torch form, which
computes the same and is the reference; MTKIT_NATIVE=0 asks for that. Must not know models.

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

SOURCE = Path(__file__).with_name("native.c")
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
    if first.dtype != torch.float32 or first.device.type != "cpu" or compiled() is None:
        return False
    return all(tensor.stride(-1) == 1 for tensor in tensors)


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
    compiler = shutil.which("cc") or shutil.which("gcc")
    # Threads are torch's own: a second pool beside it would fight for the processor.
    if compiler is None or not hasattr(ctypes.CDLL(None), "GOMP_parallel"):
        return None
    # Whatever is missing here (a compiler that works, space, a home), translating and training go on without.
    with contextlib.suppress(OSError, RuntimeError, subprocess.SubprocessError):
        path = _cache() / f"native-{_name(compiler)}.so"
        if not path.exists():
            _compile(compiler, path)
        return ctypes.CDLL(str(path)) if _ours(path) else None
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
    parts = [SOURCE.read_bytes(), version, " ".join((*FLAGS, *sorted(processor))).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _compile(compiler: str, path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made, linked = Path(folder) / "native.o", Path(folder) / "native.so"
        # Linked without -fopenmp: its functions are those that torch has loaded.
        for command in (
            [compiler, *FLAGS, "-fopenmp", "-c", str(SOURCE), "-o", str(made)],
            [compiler, "-shared", str(made), "-o", str(linked), "-lm"],
        ):
            subprocess.run(command, capture_output=True, check=True, timeout=COMPILE_SECONDS)
        with linked.open("rb+") as file:  # on disk before it has its name: half of it would end every process
            os.fsync(file.fileno())
        linked.chmod(0o700)
        linked.rename(path)


Given = tuple[tuple[Tensor | None, bool], ...]
"""Tensors that a function takes, and whether it takes the stride of their rows, too."""


@functools.cache
def _function(name: str, sizes: int, strided: tuple[bool, ...]) -> Callable[..., None]:
    made = compiled()
    assert made is not None, "ask fits() first"
    function: Callable[..., None] = getattr(made, name)
    tensors = [
        kind for stride in strided for kind in ((ctypes.c_void_p, ctypes.c_int64) if stride else (ctypes.c_void_p,))
    ]
    function.argtypes = [*[ctypes.c_int64] * sizes, *tensors, ctypes.c_int]  # type: ignore[attr-defined]
    function.restype = None  # type: ignore[attr-defined]
    return function


def _call(name: str, sizes: tuple[int, ...], given: Given, threads: int = 0) -> None:
    """Call a function with sizes, and with tensors by pointer and row stride; a direction a call."""
    function = _function(name, len(sizes), tuple([strided for _, strided in given]))
    first, threads = given[0][0], threads or torch.get_num_threads()
    assert first is not None
    for d in range(first.shape[0] if first.dim() == 3 else 1):
        arguments: list[int | None] = [*sizes]
        for tensor, strided in given:
            if tensor is None:
                arguments.append(None)
                continue
            assert strided or tensor.is_contiguous()
            arguments.append(tensor.data_ptr() + d * tensor.stride(0) * 4 if d else tensor.data_ptr())
            if strided:
                arguments.append(tensor.stride(-2))
        function(*arguments, threads)


def gru_forward(from_input: Tensor, from_hidden: Tensor, last: Tensor, out: Tensor) -> tuple[Tensor, Tensor]:
    """Gates and last state -> the next state in `out`; returns r and z together, and n."""
    *lead, n, H = last.shape
    rz, candidate = last.new_empty(*lead, n, 2 * H), last.new_empty(*lead, n, H)
    strided = ((from_input, True), (from_hidden, True), (last, True), (out, True))
    _call("gru_forward", (n, H), (*strided, (rz, False), (candidate, False)))
    return rz, candidate


def gru_backward(
    grad: Tensor, last: Tensor, rz: Tensor, candidate: Tensor, hidden_n: Tensor, to_input: Tensor, to_hidden: Tensor
) -> Tensor:
    """Gradient of the next state -> of the gates, and, returned, of the last state past them."""
    to_last = torch.empty_like(candidate)
    _call(
        "gru_backward",
        candidate.shape[-2:],
        (
            (grad, True),
            (last, True),
            (rz, False),
            (candidate, False),
            (hidden_n, True),
            (to_input, True),
            (to_hidden, True),
            (to_last, False),
        ),
    )
    return to_last


def lstm_forward(from_input: Tensor, from_hidden: Tensor, last_c: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """See `mtkit.model.cells.lstm.remember`."""
    *lead, n, H = last_c.shape
    i_f = last_c.new_empty(*lead, n, 2 * H)
    g, o, c = (last_c.new_empty(*lead, n, H) for _ in range(3))
    made = ((i_f, False), (g, False), (o, False), (c, False))
    _call("lstm_forward", (n, H), ((from_input, True), (from_hidden, True), (last_c, True), *made))
    return i_f, g, o, c


def lstm_backward(
    grad_c: Tensor, grad_o: Tensor, i_f: Tensor, g: Tensor, o: Tensor, last_c: Tensor, gates: Tensor
) -> Tensor:
    """See `mtkit.model.cells.lstm.remember_backward`."""
    to_last = torch.empty_like(g)
    given = (
        (grad_c.contiguous(), False),
        (grad_o.contiguous(), False),
        (i_f, False),
        (g, False),
        (o, False),
        (last_c, True),
    )
    _call("lstm_backward", g.shape[-2:], (*given, (gates, True), (to_last, False)))
    return to_last


def norm_forward(x: Tensor, width: int, gain: Tensor, shift: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Each stretch of `width` at mean 0 and variance 1, the inverse deviations, and unit * gain + shift."""
    *lead, n, G = x.shape
    unit, y, rstd = x.new_empty(*lead, n, G), x.new_empty(*lead, n, G), x.new_empty(*lead, n, G // width)
    parameters = ((gain, False), (shift, False))
    _call("norm_forward", (n, G, width), ((x, True), *parameters, (unit, False), (rstd, False), (y, False)))
    return unit, rstd, y


def norm_backward(
    grad: Tensor, unit: Tensor, rstd: Tensor, gain: Tensor, grad_gain: Tensor, grad_shift: Tensor | None, to: Tensor
) -> None:
    """Gradient of unit * gain + shift -> of x in `to`; those of gain and shift are added to what is given."""
    n, G = unit.shape[-2:]
    given = ((grad.contiguous(), False), (unit, False), (rstd, False), (gain, False))
    _call("norm_backward", (n, G, G // rstd.shape[-1]), (*given, (grad_gain, False), (grad_shift, False), (to, True)))


def additive_forward(keys_nSA: Tensor, query_nA: Tensor, energy_A: Tensor, heads: int) -> Tensor:
    """scores (n * heads, S) of additive attention."""
    n, S, A = keys_nSA.shape
    scores_rS = keys_nSA.new_empty(n * heads, S)
    rows = (keys_nSA.view(-1, A), query_nA, energy_A, scores_rS)
    _call("additive_forward", (n, S, A, heads), tuple((x, False) for x in rows))
    return scores_rS


def additive_backward(
    keys_nSA: Tensor, query_nA: Tensor, energy_A: Tensor, grad_rS: Tensor, grad_keys_nSA: Tensor, grad_energy_PA: Tensor
) -> Tensor:
    """Gradient of the scores -> of the query; those of keys (but for v) and of v, a row a thread, are added."""
    n, S, A = keys_nSA.shape
    grad_query_nA = torch.empty_like(query_nA)
    rows = (keys_nSA.view(-1, A), query_nA, energy_A, grad_rS, grad_keys_nSA, grad_query_nA, grad_energy_PA)
    # As many threads as there are rows for what they add up.
    _call("additive_backward", (n, S, A, len(grad_rS) // n), tuple((x, False) for x in rows), len(grad_energy_PA))
    return grad_query_nA
