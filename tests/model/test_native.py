"""The C forms against the torch ones, in fp32, and what happens where they cannot be had."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mtkit.model import native
from mtkit.model.attention.additive import AdditiveSteps
from mtkit.registry import resolve

NATIVE = native.compiled() is not None
here = pytest.mark.skipif(not NATIVE, reason="no C compiler, or no OpenMP in torch, on this machine")
WITH_C = ["gru", "lstm", "gru_ln", "lstm_ln"]


def both(work: Callable[[], list[Tensor]], monkeypatch: pytest.MonkeyPatch) -> tuple[list[Tensor], list[Tensor]]:
    """What some work gives with the C forms, which must be taken, and without."""
    calls: list[str] = []
    original = native._call
    with monkeypatch.context() as patch:
        patch.setattr(native, "_call", lambda name, *rest: (calls.append(name), original(name, *rest))[1])
        ours = work()
    assert calls
    with monkeypatch.context() as patch:
        patch.setattr(native, "fits", lambda *tensors: False)
        return ours, work()


@here
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("name", WITH_C)
def test_cells(name: str, directions: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step forward and back; inputs are slices of wider tensors, as they are in a pass."""
    cell, H, n = resolve("cell", name), 37, 50
    torch.manual_seed(1)
    G = cell.gates * H
    lead = (2,) if directions == 2 else ()
    wide = [torch.randn(*lead, n + 9, width + 5) * 2 for width in (G, G, H, H, H, H)]
    from_input, from_hidden, *states, grad_h, grad_c = (x[..., 3 : n + 3, : x.shape[-1] - 5] for x in wide)
    state, grad = tuple(states[: cell.states]), (grad_h, grad_c.contiguous())[: cell.states]
    extras = tuple(torch.randn(*lead, *((1,) if lead else ()), len(extra)) for extra in cell(4, H).extras())

    def work() -> list[Tensor]:
        out = torch.empty(*lead, n, 2 * H)[..., :H]
        next_state, saved = cell.combine(from_input, from_hidden, state, extras, out)
        to_input = torch.zeros(*lead, n, G)
        to_hidden = to_input if cell.adds_gates else torch.zeros(*lead, n, G)
        grad_extras = [torch.zeros_like(extra) for extra in extras]
        past = cell.combine_backward(grad, saved, to_input, to_hidden, extras, grad_extras)
        return [*next_state, to_input, to_hidden, *(part for part in past if part is not None), *grad_extras]

    for ours, theirs in zip(*both(work, monkeypatch), strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=2e-5)


@here
@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize("threads", [1, 2])
def test_additive_attention(heads: int, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three steps, each of fewer sentences, and all gradients; large enough for a second thread."""
    torch.manual_seed(1)
    before = torch.get_num_threads()
    keys, energy = torch.randn(40, 11, 96) * 3, torch.randn(96)
    queries = [torch.randn(n, 96) for n in (40, 33, 1)]
    grads = [torch.randn(n * heads, 11) for n in (40, 33, 1)]

    def work() -> list[Tensor]:
        steps = AdditiveSteps(keys, energy, heads)
        scores = [steps.forward(t, query) for t, query in enumerate(queries)]
        to_queries = [steps.backward(t, grads[t]) for t in (2, 1, 0)]
        grad_keys, (grad_energy,) = steps.finish()
        return [*scores, *to_queries, grad_keys, grad_energy]

    torch.set_num_threads(threads)
    try:
        for ours, theirs in zip(*both(work, monkeypatch), strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-5)
    finally:
        torch.set_num_threads(before)


@here
def test_tanh_over_its_whole_range() -> None:
    """One key of width one and v = 1: a score is a tanh."""
    x = torch.cat([torch.linspace(-100, 100, 40_001), torch.linspace(-1, 1, 40_001), torch.logspace(-30, 38, 500)])
    got = native.additive_forward(x.view(1, -1, 1), torch.zeros(1, 1), torch.ones(1), 1).flatten()
    torch.testing.assert_close(got.double(), x.double().tanh(), atol=0, rtol=4e-7)
    strange = torch.tensor([float("nan"), float("inf"), float("-inf"), 0.0, -0.0])
    got = native.additive_forward(strange.view(1, -1, 1), torch.zeros(1, 1), torch.ones(1), 1).flatten()
    assert got[0].isnan()  # what has diverged must be seen to have
    assert got[1:].tolist() == [1.0, -1.0, 0.0, 0.0]


@here
def test_sigmoid_over_its_whole_range() -> None:
    """An LSTM's output gate; candidate and long-term state play no part in it."""
    x = torch.cat([torch.linspace(-100, 100, 4001), torch.tensor([float("nan")])])
    gates = x.view(-1, 1).repeat(1, 4)
    _, _, o, _ = native.lstm_forward(gates, torch.zeros_like(gates), torch.zeros(len(x), 1))
    torch.testing.assert_close(o[:-1, 0].double(), x[:-1].double().sigmoid(), atol=1e-37, rtol=1e-6)
    assert o[-1, 0].isnan()


@here
def test_float64_and_columns_with_gaps_are_left_to_torch() -> None:
    assert native.fits(torch.zeros(3, 4))
    assert not native.fits(torch.zeros(3, 4, dtype=torch.float64))
    assert not native.fits(torch.zeros(3, 4), torch.zeros(4, 3).T)


@pytest.mark.parametrize("why", ["asked for", "no compiler", "no place", "a compiler that fails"])
def test_without_it_torch_does_the_work(why: str, tmp_path: Path) -> None:
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    if why == "asked for":
        environment["MTKIT_NATIVE"] = "0"
    elif why == "no compiler":
        environment["PATH"] = str(tmp_path)
    elif why == "no place":
        (tmp_path / "cache").write_text("a file where a folder should be")
    else:
        (tmp_path / "cc").write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / "cc").chmod(0o755)
        environment["PATH"] = f"{tmp_path}:{environment['PATH']}"
    code = "from mtkit.model import native; import torch; print(native.compiled(), native.fits(torch.zeros(2, 2)))"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "None False", "")


@here
def test_it_is_compiled_once(tmp_path: Path) -> None:
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    code = "from mtkit.model import native; print(native.compiled() is not None)"
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
        assert (done.stdout.strip(), done.stderr) == ("True", "")
        (made,) = (tmp_path / "mtkit").iterdir()
        first = made.stat().st_mtime_ns
    assert made.stat().st_mtime_ns == first
