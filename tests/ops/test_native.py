"""The C forms against the torch ones, in fp32, and what happens where they cannot be had."""

import os
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from mtkit.model.attention.additive import AdditiveSteps
from mtkit.model.cells.base import Gates
from mtkit.model.encoder import Memory
from mtkit.ops import native
from mtkit.ops.dropout import mask_like
from mtkit.ops.logits import best_pieces, log_sums
from mtkit.ops.native import attention as looking
from mtkit.ops.native import call, elementwise, takes
from mtkit.ops.packing import Packing
from mtkit.registry import resolve

NATIVE = native.status().ready
here = pytest.mark.skipif(not NATIVE, reason="no C compiler, or no OpenMP in torch, on this machine")
WITH_C = ["gru", "lstm", "gru_ln", "lstm_ln"]


def both(work: Callable[[], list[Tensor]], monkeypatch: pytest.MonkeyPatch) -> tuple[list[Tensor], list[Tensor]]:
    """What some work gives with the C forms, which must be taken, and without."""
    calls: list[str] = []
    original: Callable[..., Any] = call.call

    def counted(name: str, *rest: Any) -> Any:
        calls.append(name)
        return original(name, *rest)

    with monkeypatch.context() as patch, torch.no_grad():
        for module in (elementwise, looking):
            patch.setattr(module, "call", counted)
        ours = work()
    assert calls
    with native.off(), torch.no_grad():
        return ours, work()


@here
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("name", WITH_C)
def test_cells(name: str, directions: int, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step forward and back; inputs are slices of wider tensors, as they are in a pass."""
    cell, H, n = resolve("cell", name), 37, 180  # enough work for several threads
    torch.manual_seed(1)
    G = cell.gates * H
    lead = (2,) if directions == 2 else ()
    wide = [torch.randn(*lead, n + 9, width + 5) * 2 for width in (G, G, H, H, H, H)]
    from_input, from_hidden, *states, grad_h, grad_c = (x[..., 3 : n + 3, : x.shape[-1] - 5] for x in wide)
    state, grad = tuple(states[: cell.states]), (grad_h, grad_c.contiguous())[: cell.states]
    extras = tuple(torch.randn(*lead, *((1,) if lead else ()), len(extra)) for extra in cell(4, H).extras())

    def work() -> list[Tensor]:
        out = torch.empty(*lead, n, 2 * H)[..., :H]
        next_state, saved = cell.combine(Gates(from_input, from_hidden, extras), state, out)
        to_input = torch.zeros(*lead, n, G)
        to_hidden = to_input if cell.adds_gates else torch.zeros(*lead, n, G)
        grad_extras = [torch.zeros_like(extra) for extra in extras]
        past = cell.combine_backward(grad, saved, extras, Gates(to_input, to_hidden, grad_extras))
        return [*next_state, to_input, to_hidden, *(part for part in past if part is not None), *grad_extras]

    for ours, theirs in zip(*both(work, monkeypatch), strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=2e-5)


@here
@pytest.mark.parametrize("heads", [1, 3])
def test_additive_attention(heads: int, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three steps, each of fewer sentences, and all gradients; large enough for a second thread."""
    torch.manual_seed(1)
    keys, energy = torch.randn(40, 11, 96) * 3, torch.randn(96)
    bias = torch.zeros(40, 11).masked_fill(torch.arange(11) > torch.arange(40).unsqueeze(1) % 12, -torch.inf)
    queries = [torch.randn(n, 96) for n in (40, 33, 1)]
    # What softmax sends back to padding is zero.
    grads = [torch.randn(n * heads, 11) * (bias[:n] == 0).repeat_interleave(heads, 0) for n in (40, 33, 1)]

    def work() -> list[Tensor]:
        steps = AdditiveSteps(keys, bias, energy, heads)
        scores = [torch.zeros(len(query) * heads, 11) for query in queries]
        for t, query in enumerate(queries):
            steps.forward(t, query, scores[t])
            scores[t].masked_fill_(bias[: len(query)].repeat_interleave(heads, 0) < 0, 0.0)  # padding has any score
        to_queries = [steps.backward(t, grads[t]) for t in (2, 1, 0)]
        grad_keys, (grad_energy,) = steps.finish()
        return [*scores, *to_queries, grad_keys, grad_energy]

    for ours, theirs in zip(*both(work, monkeypatch), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-5)


@here
@pytest.mark.parametrize("heads", [1, 2])
def test_looking(heads: int, threads: int) -> None:
    """Softmax over real positions and the weighted mean of values, forward and back, against autograd in float64."""
    torch.manual_seed(1)
    n, S, d = 33, 20, 40
    bias = torch.zeros(n, S).masked_fill(torch.arange(S) > torch.arange(n).unsqueeze(1) % 21, -torch.inf)
    bias_RS = bias.repeat_interleave(heads, 0)
    scores = (torch.randn(n * heads, S) * 5).double().requires_grad_()
    values, grad = torch.randn(n * heads, S, d), torch.randn(n, heads * d)
    weights = (scores + bias_RS).softmax(-1)
    context = torch.einsum("rs,rsd->rd", weights, values.double()).view(n, -1)
    (grad_scores,) = torch.autograd.grad(context, scores, grad.double())

    ours, out = scores.detach().float(), torch.zeros(n, 90)[:, 3 : 3 + heads * d]
    looking.attend_step(ours, bias, values, out)
    back = looking.attend_step_backward(grad.view(-1, d), values, ours)
    for got, wanted in ((ours, weights), (out, context), (back, grad_scores)):
        torch.testing.assert_close(got.double(), wanted.detach(), atol=1e-5, rtol=1e-5)


@here
@pytest.mark.parametrize("name", ["additive", "dot", "multihead"])
@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("queries", [1, 5])
def test_an_attention_of_search(name: str, heads: int, queries: int, threads: int) -> None:
    """Several queries a sentence, as hypotheses ask: the C form against torch's under autograd, in float64."""
    torch.manual_seed(1)
    B, S, H = 9, 17, 40
    attention = resolve("attention", name)(H, 1 if name == "dot" else heads)
    lengths = torch.randint(1, S + 1, (B,))
    lengths[0] = S
    packing = Packing(lengths.numpy())
    memory = Memory(packing.unpack(torch.randn(packing.positions, H)), torch.randn(B, H), packing)
    states = torch.randn(B, queries, H)
    with torch.no_grad():
        ours = attention(states, attention.source(memory))[:2]
    double = attention.double()
    exact = Memory(memory.states_BSH.double(), memory.last_BH.double(), packing)
    theirs = double(states.double(), double.source(exact))[:2]
    for got, wanted in zip(ours, theirs, strict=True):
        torch.testing.assert_close(got.double(), wanted.detach(), atol=1e-5, rtol=1e-5)


@here
@pytest.mark.parametrize("shape", [(3, 1, 50), (4, 5, 301), (2, 3, 4)])
@torch.no_grad()
def test_choosing(shape: tuple[int, int, int], threads: int) -> None:
    """The best of all hypotheses, of pieces ruled out and hypotheses that have ended, against torch."""
    torch.manual_seed(1)
    B, K, V = shape
    logits, totals = torch.randn(shape) * 4, torch.randn(B, K)
    sums = log_sums(logits)
    torch.testing.assert_close(sums, logits.logsumexp(-1), atol=1e-5, rtol=1e-5)
    totals[:, 1:2] = -torch.inf
    logits[:, :, [0, 2]] = -torch.inf
    logits[0, :, 1:] = -torch.inf  # fewer than are asked for
    for count in (1, 3, min(7, K * V)):
        best, places = best_pieces(logits, totals - sums, count)
        with native.off():
            wanted, wanted_places = best_pieces(logits, totals - sums, count)
        torch.testing.assert_close(best, wanted)
        real = best > -torch.inf
        assert torch.equal(places[real], wanted_places[real])


@here
@torch.no_grad()
def test_choosing_takes_the_first_of_equals_and_no_nan(threads: int) -> None:
    logits = torch.zeros(2, 2, 70)
    logits[1, 0, 3] = torch.nan
    best, places = best_pieces(logits, torch.zeros(2, 2) - log_sums(logits), 3)
    assert places.tolist() == [[0, 1, 2], [70, 71, 72]]
    assert bool(best.isfinite().all())


@here
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss(smoothing: float, threads: int) -> None:
    """Against torch.nn in float64; and without a gradient."""
    torch.manual_seed(1)
    logits, bias, pieces = torch.randn(70, 301) * 4, torch.randn(301), torch.randint(0, 301, (70,))
    wanted = (logits + bias).double().requires_grad_()
    loss = torch.nn.functional.cross_entropy(wanted, pieces, reduction="sum", label_smoothing=smoothing)
    (grad,) = torch.autograd.grad(loss, wanted)
    for to_bias in (torch.ones(301), None):
        ours = logits.clone()
        got = elementwise.softmax_loss(ours, bias, pieces, smoothing, to_bias)
        assert float(got) == pytest.approx(loss.item(), rel=1e-6)
        if to_bias is not None:
            torch.testing.assert_close(ours.double(), grad, atol=1e-6, rtol=1e-5)
            torch.testing.assert_close(to_bias.double(), 1 + grad.sum(0), atol=1e-5, rtol=1e-5)


@here
@pytest.mark.parametrize("weights", [(0.5, 0.5, 1.0, 1.0), (1.0, 0.0, 3.0, 0.0), (0.2, 0.7, 0.3, 2.0)])
def test_loss_of_two_passes(weights: tuple[float, float, float, float], threads: int) -> None:
    """Against torch.nn in float64; and without a gradient."""
    rtol = 2e-5 if os.environ.get("MTKIT_NATIVE_FLAGS") else 1e-5  # the sanitizers' build adds up in another order
    torch.manual_seed(1)
    logits, bias, pieces = torch.randn(70, 301) * 4, torch.randn(301), torch.randint(0, 301, (35,))
    pieces = pieces.repeat_interleave(2)
    wanted = (logits + bias).double().requires_grad_()
    p, q = (torch.log_softmax(wanted[place::2], -1) for place in (0, 1))
    nn = torch.nn.functional
    terms = [nn.nll_loss(p, pieces[::2], reduction="sum"), nn.nll_loss(q, pieces[::2], reduction="sum")]
    terms = [0.9 * term - 0.1 / 301 * log.sum() for term, log in zip(terms, (p, q), strict=True)]
    terms += [nn.kl_div(q, p, reduction="sum", log_target=True), nn.kl_div(p, q, reduction="sum", log_target=True)]
    loss = torch.stack([weight * term for weight, term in zip(weights, terms, strict=True)]).sum()
    (grad,) = torch.autograd.grad(loss, wanted)
    for to_bias in (torch.ones(301), None):
        ours = logits.clone()
        got = elementwise.twice_loss(ours, bias, pieces, 0.1, weights, to_bias)
        assert float(got) == pytest.approx(loss.item(), rel=1e-6)
        if to_bias is not None:
            torch.testing.assert_close(ours.double(), grad, atol=3e-6, rtol=rtol)
            torch.testing.assert_close(to_bias.double(), 1 + grad.sum(0), atol=5e-5, rtol=1e-5)


@here
def test_masks_of_dropout() -> None:
    """The C form of the hash and numpy's, number by number; large enough for a second thread."""
    torch.manual_seed(1)
    ours = mask_like(torch.zeros(300, 77), 0.3)
    with native.off():
        torch.manual_seed(1)
        assert torch.equal(mask_like(torch.zeros(300, 77), 0.3), ours)


def test_a_piece_that_does_not_exist_is_noticed() -> None:
    if not NATIVE:
        pytest.skip("torch raises an error itself")
    logits = torch.zeros(2, 5)
    loss = elementwise.softmax_loss(logits, torch.zeros(5), torch.tensor([1, 5]), 0.0, torch.zeros(5))
    assert loss.isnan()
    weights = (1.0, 0.0, 1.0, 0.0)
    assert elementwise.twice_loss(logits, torch.zeros(5), torch.tensor([5, 5]), 0.0, weights, torch.zeros(5)).isnan()


def polynomials(x: Tensor) -> Tensor:
    """tanh of the C forms: the score of one key of width one with v = 1."""
    scores = torch.empty(1, len(x))
    looking.AdditiveScores(x.view(1, -1, 1), torch.zeros(1, len(x)), torch.ones(1), 1).forward(
        torch.zeros(1, 1), scores
    )
    return scores.flatten()


@here
def test_tanh_over_its_whole_range() -> None:
    x = torch.cat([torch.linspace(-100, 100, 40_001), torch.linspace(-1, 1, 40_001), torch.logspace(-30, 38, 500)])
    torch.testing.assert_close(polynomials(x).double(), x.double().tanh(), atol=0, rtol=4e-7)
    strange = polynomials(torch.tensor([float("nan"), float("inf"), float("-inf"), 0.0, -0.0]))
    assert strange[0].isnan()  # what has diverged must be seen to have
    assert strange[1:].tolist() == pytest.approx([1.0, -1.0, 0.0, 0.0], abs=3e-7)


@here
def test_sigmoid_over_its_whole_range() -> None:
    """An LSTM's output gate and its input gate, which share divisions with others."""
    x = torch.cat([torch.linspace(-100, 100, 4001), torch.tensor([float("nan")])])
    gates = x.view(-1, 1).repeat(1, 4)
    i_f, _, o, _ = elementwise.lstm(gates, torch.zeros_like(gates), torch.zeros(len(x), 1))
    for got in (i_f[:, 0], i_f[:, 1], o[:, 0]):
        torch.testing.assert_close(got[:-1].double(), x[:-1].double().sigmoid(), atol=2e-7, rtol=4e-7)
        assert got[-1].isnan()


@here
def test_float64_and_columns_with_gaps_are_left_to_torch() -> None:
    good = torch.zeros(3, 4)
    with torch.no_grad():
        assert takes.rows((good, good, None, 3))
        for bad in (good.double(), good.T, good.to("meta")):
            assert not takes.rows((bad, good))
            assert not takes.rows((good, bad))  # whichever it is
        with native.off():
            assert not takes.rows((good, good))
    assert not takes.rows((good, good))  # autograd would not see it
