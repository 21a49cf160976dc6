"""Every form of the products in C against whole numbers: compiled by name, and run where this processor can."""

import ctypes
import functools
import resource
import shutil
import struct
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mtkit.ops import native, products
from mtkit.ops.native import call, compiler, programs, quantised, tiles, units
from mtkit.ops.native.call import ArgumentError
from mtkit.ops.quantise import quantise

FOLDER = Path(native.__file__).parent
GENERAL = [flag for flag in compiler.FLAGS if not flag.startswith("-march")]
AVX512 = "avx2 fma avx512f avx512bw avx512dq avx512vl"
# What gcc is told with -m, and what must be among the flags of /proc/cpuinfo.
FORMS = {
    ("int8", "AVX2"): "avx2 fma",
    ("int8", "AVX-512"): AVX512,
    ("int8", "AVX-VNNI"): "avx2 fma avxvnni",
    ("int8", "AVX-512 VNNI"): f"{AVX512} avx512vnni",
    ("int8", "AMX"): f"{AVX512} avx512vnni amx-tile amx-int8",
    ("int8", "AVX2 beside tiles"): "avx2 fma",
    ("int8", "AVX-512 VNNI beside tiles"): f"{AVX512} avx512vnni",
    ("bf16", "AVX2"): "avx2 fma",
    ("bf16", "AVX-512"): AVX512,
    ("bf16", "AVX-512 BF16"): f"{AVX512} avx512bf16",
    ("bf16", "AMX"): f"{AVX512} avx512bf16 amx-tile amx-bf16",
}
SOURCE = {"int8": "quantised.c", "bf16": "tiles.c"}
IN_CPUINFO = {"avx512vnni": "avx512_vnni", "avxvnni": "avx_vnni", "avx512bf16": "avx512_bf16"}


@functools.cache
def made(precision: str, name: str, folder: Path) -> ctypes.CDLL | str:
    """A form's library, or why there is none; what this processor lacks, something else stands for."""
    source, wanted = FOLDER / SOURCE[precision], FORMS[precision, name].split()
    has = compiler.PROCESSOR.read_text(encoding="utf-8").split()

    def lacking() -> list[str]:
        return [one for one in wanted if IN_CPUINFO.get(one, one.replace("-", "_")) not in has]

    flags, tiles_in_c = [], ["-include", str(Path(__file__).with_name("amx.h"))]
    if lacking() and name == "AMX":
        wanted = [one for one in wanted if not one.startswith("amx")]
        flags = tiles_in_c
    elif name.endswith(" beside tiles"):  # which are for bf16 alone, where there is VNNI
        flags = [*tiles_in_c, *(["-DNO_AMX_INT8"] if "VNNI" in name else [])]
    elif lacking() == ["avxvnni"]:  # the same instruction has another code in AVX-512
        wanted = ["avx2", "fma", "avx512vnni", "avx512vl"]
        copies = folder / "AVX-VNNI"
        shutil.copytree(FOLDER, copies, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        source, header = copies / source.name, copies / "dots.h"
        header.write_text(header.read_text(encoding="utf-8").replace("%{vex%} ", ""), encoding="utf-8")
        flags = ["-D__AVXVNNI__"]
    if lacks := lacking():
        return f"this processor has no {lacks[0]}"
    library = folder / f"{precision}-{name.replace(' ', '-')}.so"
    flags += [*GENERAL, "-O1", "-march=x86-64", *(f"-m{one}" for one in wanted), "-fopenmp", "-shared"]
    flags += programs.words("MTKIT_NATIVE_FLAGS")  # of `make sanitize`
    subprocess.run(["gcc", *flags, str(source), "-o", str(library), "-lm"], check=True)
    return ctypes.CDLL(str(library))


@pytest.fixture(params=FORMS, ids=" ".join)
def form(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, str]:
    """A form, in the place of this processor's own."""
    if shutil.which("gcc") is None or not hasattr(ctypes.CDLL(None), "GOMP_parallel"):
        pytest.skip("no gcc, or no OpenMP in torch, on this machine")
    precision, name = request.param
    library = made(precision, name, tmp_path_factory.getbasetemp())
    if isinstance(library, str):
        pytest.skip(library)
    monkeypatch.setattr(compiler, "compiled", lambda: library)
    monkeypatch.setattr(call, "bound", call.bound.__wrapped__)  # the caches have the other library's
    monkeypatch.setattr(units, "_compiled", units._compiled.__wrapped__)
    assert units.unit(precision) == name.removesuffix(" beside tiles")
    return precision, name


def whole(m: int, k: int, most: bool = False) -> Tensor:
    """Whole numbers that rounding to 8 bits leaves as they are: each row has a 127."""
    made = torch.randint(-127, 128, (m, k)).float()
    if most:  # sums as large as can be, of one sign in a row: what would saturate, does
        made = torch.where(torch.rand(m, 1) < 0.5, -127.0, 127.0).expand(m, k).clone()
    made[:, -1] = 127
    return made


def formed(precision: str, a: Tensor, b: Tensor, start: Tensor | None = None) -> Tensor:
    """start + a bᵀ."""
    if precision == "bf16":
        return tiles.product(a, len(b), tiles.packed(b), start)
    return quantised.product(a, len(b), quantised.packed(b), start)


def shapes() -> Iterator[tuple[int, int, int]]:
    """Ends within a strip of rows, a panel of columns, a group and a tile of what is summed over, and beyond them."""
    for m in (*range(1, 10), 17, 35):
        for n in (1, 17, 64, 95):
            yield from ((m, n, k) for k in (1, 2, 3, 4, 7, 65, 130))


def exact(form: tuple[str, str], m: int, n: int, k: int) -> None:
    """Whole numbers come out whole: sums of them are below 2^24, so that float32 holds each."""
    a, b = whole(m, k, k == 1040), whole(n, k, k == 1040)
    wanted = a.numpy().astype(np.int64) @ b.numpy().astype(np.int64).T
    assert np.array_equal(formed(form[0], a, b).numpy(), wanted), (m, n, k)
    if (m + n + k) % 7 == 0:
        for start in (torch.arange(n).float(), torch.arange(n * m).float().view(m, n)):
            assert np.array_equal(formed(form[0], a, b, start).numpy(), wanted + start.numpy()), (m, n, k)


def test_products_are_exact(form: tuple[str, str]) -> None:
    torch.manual_seed(1)
    for m, n, k in shapes():
        exact(form, m, n, k)


def test_large_products_are_exact(form: tuple[str, str], threads: int) -> None:
    """Those that threads share by rows, and by columns."""
    torch.manual_seed(1)
    for m, n, k in ((400, 100, 64), (33, 300, 256), (17, 130, 1040)):
        exact(form, m, n, k)


def test_without_rows_or_sums(form: tuple[str, str]) -> None:
    """In a thread that has formed no product yet, and so has no room for one."""
    for m, n, k in ((0, 20, 70), (5, 20, 0), (0, 20, 0)):
        for start in (None, torch.arange(float(n))):
            with ThreadPoolExecutor(1) as pool:
                made = pool.submit(formed, form[0], torch.ones(m, k), torch.ones(n, k), start).result()
            assert torch.equal(made, torch.zeros(m, n) if start is None else start.expand(m, n))


def test_a_thread_that_ends_leaves_nothing(form: tuple[str, str]) -> None:
    if any("sanitize=address" in word for word in programs.words("MTKIT_NATIVE_FLAGS")):
        pytest.skip("the sanitizer keeps what is freed")
    a, b = torch.ones(1000, 512), torch.ones(16, 512)

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()

    for count in (5, 50):  # the first ones leave what is made once
        before = resident()
        for _ in range(count):
            thread = threading.Thread(target=formed, args=(form[0], a, b))
            thread.start()
            thread.join()
    assert resident() - before < 8 << 20


def test_weights_are_rounded_as_torch_rounds_them(form: tuple[str, str]) -> None:
    """Numbers and scales, read back through products with the rows of a unit matrix."""
    if form[0] == "bf16":
        pytest.skip("of int8 only")
    torch.manual_seed(1)
    for n, k in ((1, 3), (40, 70), (17, 64), (33, 257)):
        weight = torch.randn(n, k + 2)[:, 1:-1] * torch.rand(n, 1)
        weight[n // 2] = 0
        weight[0] = (torch.arange(k) % 255 - 127) / 127 * 0.3  # halves and neighbours
        numbers, scales = quantise(weight)
        made = quantised.product(127 * torch.eye(k), n, quantised.packed(weight)).T
        assert torch.equal(made, 127 * numbers.float() * scales.unsqueeze(1))
    with pytest.raises(ArgumentError, match="49 rows of 257 numbers are "):
        quantised.product(torch.randn(1, 257), 49, quantised.packed(weight))


def test_rows_that_are_no_numbers_are_noticed(form: tuple[str, str]) -> None:
    a, b = whole(9, 70), whole(20, 70)
    a[2, 3], a[4, 69], a[5] = torch.nan, -torch.inf, 0
    made = formed(form[0], a, b)
    assert made.isfinite().all(1).tolist() == [i not in (2, 4) for i in range(9)]
    assert not made[5].any()


def test_what_is_slow_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for a precision hears of it where products in it are torch's."""
    assert products.slow("fp32") == products.slow("bf16", "cuda") == ""
    assert products.slow("int8", "cuda") == "products in 8 bits are for CPUs"
    monkeypatch.setattr(units, "_compiled", lambda precision: "")
    if native.status().ready:
        told = "this processor has none of AVX2, AVX-512, AVX-VNNI, AVX-512 VNNI, AMX, NEON dot product"
        assert products.slow("int8") == told
        with native.off():
            assert products.slow("bf16") == "compiled code is switched off here"
    assert products.formed() == "bf16 by torch, int8 by torch, fp32 by torch"
    monkeypatch.setattr(units, "_compiled", lambda precision: "AVX2")
    assert (products.slow("int8") == "") is native.status().ready
    monkeypatch.setattr(compiler, "status", lambda: compiler.Status("off", "MTKIT_NATIVE=0"))
    monkeypatch.setattr(compiler, "compiled", lambda: None)
    assert products.slow("int8") == "there is no compiled code here (off: MTKIT_NATIVE=0)"


@pytest.mark.system
@pytest.mark.parametrize("precision", ["int8", "bf16"])
def test_products_are_exact_on_arm(precision: str, tmp_path: Path) -> None:
    """By NEON, in emulation (apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)."""
    gcc, emulator = shutil.which("aarch64-linux-gnu-gcc"), shutil.which("qemu-aarch64")
    if gcc is None or emulator is None:
        pytest.skip("no aarch64-linux-gnu-gcc or no qemu-aarch64 on this machine")
    flags = [flag for flag in GENERAL if not flag.startswith("-mprefer")] + [f"-DIN_{precision.upper()}"]
    flags += ["-march=armv8.2-a+dotprod+bf16", "-static", "-fopenmp", "-Wall", "-Wextra", "-Werror"]
    source, program = Path(__file__).with_name("product.c"), tmp_path / "product"
    subprocess.run([gcc, *flags, f"-I{FOLDER}", str(source), "-o", str(program), "-lm"], check=True)
    torch.manual_seed(1)
    given, wanted = b"", []
    for m, n, k in [*shapes(), (3, 40, 1040)]:
        a, b = whole(m, k, k == 1040), whole(n, k, k == 1040)
        given += struct.pack("3q", m, n, k) + a.numpy().tobytes() + b.numpy().tobytes()
        wanted.append((a.numpy().astype(np.int64) @ b.numpy().astype(np.int64).T).ravel())
    done = subprocess.run([emulator, "-cpu", "max", str(program)], input=given, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert np.array_equal(np.frombuffer(done.stdout, np.float32), np.concatenate(wanted))
