"""Products in C, in bf16 and in 8 bits, against torch's."""

import contextlib
import ctypes
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mtkit.ops import native, products
from mtkit.ops.native import call, compiler, takes, tiles, units
from mtkit.ops.reference.operands import Rounded

SHAPES = [(1, 5, 3), (17, 16, 64), (33, 100, 70), (70, 31, 200), (300, 500, 256)]


def rounded(x: Tensor) -> Tensor:
    """A row at a time to whole numbers of a 127th of the largest, halves away from zero; in float64."""
    scales = x.double().abs().amax(1, keepdim=True) / 127
    whole = x.double() / scales.clamp(min=1e-300)
    return (whole + whole.sign() * 0.5).trunc() * scales


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("native_form", [True, False])
def test_products_in_8_bits(shape: tuple[int, int, int], native_form: bool, threads: int) -> None:
    """Sums of whole numbers are exact, so that only the scales round."""
    if native_form and not units.unit("int8"):
        pytest.skip(f"not on this machine: {units.lacking('int8')}")
    torch.manual_seed(1)
    m, n, k = shape
    # Some columns of a wider matrix, as a pass cuts them out.
    x, weight, start = torch.randn(m, k + 3)[:, 2 : k + 2], torch.randn(n, k), torch.randn(n)
    x[0] = 0
    with contextlib.nullcontext() if native_form else native.off(), products.precision("int8", {}):
        made = products.operand(weight)
        assert type(made).__module__ == f"mtkit.ops.{'native' if native_form else 'reference'}.operands"
        for base in (None, start, torch.randn(m, n)):
            got = made.times(x, base)
            wanted = rounded(x) @ rounded(weight).T + (0 if base is None else base.double())
            torch.testing.assert_close(got.double(), wanted, atol=2e-5, rtol=1e-5)
        bad = x.clone()
        bad[m // 2, 0] = torch.nan
        broken = made.times(bad).isnan().any(1)
        assert broken.tolist() == [i == m // 2 for i in range(m)]


TILES = pytest.mark.skipif(not takes.bf16_units((torch.zeros(1),)), reason="this processor has no units for bf16")


@pytest.fixture(scope="module")
def without_tiles(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """tiles.c as for a processor that has vectors of bf16 only."""
    if shutil.which("gcc") is None:
        pytest.skip("no gcc on this machine")
    made = tmp_path_factory.mktemp("vectors") / "vectors.so"
    flags = [*compiler.FLAGS, "-mno-amx-tile", "-mno-amx-bf16", "-fopenmp", "-shared"]
    subprocess.run(["gcc", *flags, str(Path(native.__file__).with_name("tiles.c")), "-o", str(made)], check=True)
    return ctypes.CDLL(str(made))


@pytest.fixture(params=["its own", "vectors"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The processor's own form of tiles.c, and that for one without tiles, which it may never take by itself."""
    if request.param == "vectors":
        library = request.getfixturevalue("without_tiles")
        monkeypatch.setattr(compiler, "compiled", lambda: library)
        monkeypatch.setattr(call, "bound", call.bound.__wrapped__)  # the cache has the other library's


@TILES
@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (16, 16, 32), (5, 37, 70), (100, 300, 2100), (257, 100, 1000), (40, 1, 33)]
)
def test_products_on_tiles(shape: tuple[int, int, int], threads: int, form: None) -> None:
    """Against torch in float64 on rounded operands: any stride, any start, in place; sizes that end within a tile."""
    torch.manual_seed(1)
    m, n, k = shape
    a, b, bias, base = torch.randn(m, k), torch.randn(n, k), torch.randn(n), torch.randn(m, n)
    product = a.bfloat16().double() @ b.bfloat16().double().T

    def laid(x: Tensor) -> list[Tensor]:
        wide = torch.full((x.shape[0], x.shape[1] + 5), torch.nan)
        wide[:, 2:-3] = x
        return [x, x.T.contiguous().T, wide[:, 2:-3], x.repeat_interleave(2, 1)[:, ::2]]

    def near(got: Tensor, start: Tensor | float) -> None:
        torch.testing.assert_close(got.double(), product + start, atol=1e-5 * k**0.5, rtol=1e-5)

    for left in laid(a):
        for right in laid(b):
            ready = tiles.packed(right)
            near(tiles.product(left, n, ready), 0.0)
            near(tiles.product(left, n, ready, bias), bias)
            near(tiles.product(left, n, ready, bias.unsqueeze(0)), bias)
            wide = torch.full((m + 2, n + 3), torch.nan)
            near(tiles.product(left, n, ready, base, wide[1:-1, 1:-2]), base)
            assert wide.isnan().sum() == wide.numel() - m * n  # nothing is written beside it
            near(tiles.outer(left.T, right.T), 0.0)
    works: list[Callable[[Tensor], Tensor]] = [
        lambda onto: tiles.product(a, n, ready, onto, onto),
        lambda onto: tiles.outer(a.T, b.T, onto),
    ]
    for work in works:
        near(work(base.clone()), base)


@TILES
@pytest.mark.parametrize("directions", [1, 2])
def test_operands_in_bf16(directions: int) -> None:
    """The form in C and torch's own bf16, which rounds its results, too."""
    torch.manual_seed(1)
    lead = (2,) if directions == 2 else ()
    weight, x, grad = torch.randn(*lead, 48, 40), torch.randn(*lead, 33, 40), torch.randn(*lead, 33, 48)
    start = torch.randn(*lead, 33, 48)
    with products.precision("bf16"):
        ours, theirs = products.operand(weight), Rounded(weight)
        assert type(ours) is not type(theirs)
        close = partial(torch.testing.assert_close, atol=0.2, rtol=0.02)
        close(ours.times(x, start), theirs.times(x, start))
        close(ours.times(x, start[..., :1, :]), theirs.times(x, start[..., :1, :]))
        close(ours.back(grad), theirs.back(grad))
        close(products.outer(grad, x), grad.mT @ x)
        if not lead:
            onto = torch.ones(48, 40)
            close(products.outer(grad, x, onto), grad.mT @ x + 1)
