"""Kernels in Triton against the references in float64: on CUDA if it is here, else by Triton's interpreter on a CPU."""

import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks import kernels
from mtkit.ops.dropout import dropout
from mtkit.ops.packing import Packing
from mtkit.ops.reference import attention as plain_attention
from mtkit.ops.reference import logits as plain_logits
from mtkit.ops.reference import recurrence as plain_recurrence
from mtkit.ops.triton import attention, launch, logits, recurrence, search, takes
from mtkit.ops.triton import norm as norms

ROOT = Path(__file__).parents[2]
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
if DEVICE == "cpu":
    os.environ["TRITON_INTERPRET"] = "1"  # read when Triton is imported, and when a kernel is
pytest.importorskip("triton", minversion="3.6")

# numpy, with which the interpreter computes, warns of what is no number even where it is not taken.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

SHAPES = [(1, 1), (3, 37), (2, 300)]  # rows, width of a state


@pytest.fixture(autouse=True)
def no_grad() -> Any:
    torch.manual_seed(1)
    with torch.no_grad():
        yield


def sliced(*shape: int) -> Tensor:
    """Rows cut from the middle of wider ones."""
    *lead, n, width = shape
    return torch.randn(*lead, n + 3, width + 5, device=DEVICE)[..., 2 : n + 2, 4 : width + 4]


def doubled(given: Any) -> Any:
    """A copy, in float64."""
    if isinstance(given, (tuple, list)):
        return type(given)(map(doubled, given))
    return given.double() if isinstance(given, Tensor) and given.is_floating_point() else given


def near(ours: Any, wanted: Any, tolerance: float = 2e-6) -> None:
    torch.testing.assert_close(doubled(ours), wanted, atol=tolerance, rtol=tolerance, equal_nan=True)


@pytest.mark.parametrize("lead", [(), (2,)])
@pytest.mark.parametrize(("n", "width"), SHAPES)
def test_gru(n: int, width: int, lead: tuple[int, ...]) -> None:
    given = sliced(*lead, n, 3 * width) * 3, sliced(*lead, n, 3 * width) * 3, sliced(*lead, n, width)
    wanted = plain_recurrence.gru(*doubled(given))
    near(recurrence.gru(*given), wanted)
    out = sliced(*lead, n, width)
    made, *_ = recurrence.gru(*given, out)
    assert made is out
    near(out, wanted[0])


@pytest.mark.parametrize("lead", [(), (2,)])
@pytest.mark.parametrize(("n", "width"), SHAPES)
def test_gru_backward(n: int, width: int, lead: tuple[int, ...]) -> None:
    grad, last, new, hidden = (sliced(*lead, n, width) for _ in range(4))
    given = grad, last, sliced(*lead, n, 2 * width).sigmoid(), new.tanh(), hidden
    places = sliced(*lead, n, 3 * width), sliced(*lead, n, 3 * width)
    wanted_places = doubled(places)
    wanted = plain_recurrence.gru_backward(*[*doubled(given), *wanted_places])
    near(recurrence.gru_backward(*given, *places), wanted)
    near(places, wanted_places)


@pytest.mark.parametrize("lead", [(), (2,)])
@pytest.mark.parametrize(("n", "width"), SHAPES)
def test_lstm(n: int, width: int, lead: tuple[int, ...]) -> None:
    given = sliced(*lead, n, 4 * width) * 3, sliced(*lead, n, 4 * width) * 3, sliced(*lead, n, width)
    near(recurrence.lstm(*given), plain_recurrence.lstm(*doubled(given)))


@pytest.mark.parametrize("lead", [(), (2,)])
@pytest.mark.parametrize(("n", "width"), SHAPES)
def test_lstm_backward(n: int, width: int, lead: tuple[int, ...]) -> None:
    grad_c, grad_o, g, o, last = (sliced(*lead, n, width) for _ in range(5))
    given = grad_c, grad_o, sliced(*lead, n, 2 * width).sigmoid(), g.tanh(), o.sigmoid(), last
    place = sliced(*lead, n, 4 * width)
    wanted_place = doubled(place)
    wanted = plain_recurrence.lstm_backward(*[*doubled(given), wanted_place])
    near(recurrence.lstm_backward(*given, place), wanted)
    near(place, wanted_place)


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("lead", [(), (2,)])
@pytest.mark.parametrize(("n", "width"), [*SHAPES, (70, 9)])
def test_norm(n: int, width: int, lead: tuple[int, ...], shifted: bool) -> None:
    """Of three stretches; both directions have gains of their own."""
    G = 3 * width
    parameters = [torch.randn((*lead, 1, G) if lead else (G,), device=DEVICE) for _ in range(1 + shifted)]
    given: list[Any] = [sliced(*lead, n, G) * 3 + 1, width, *parameters]
    y, saved = norms.norm(*given)
    wanted, wanted_saved = plain_recurrence.norm(*doubled(given))
    near([y, *saved], [wanted, *wanted_saved], 1e-5)
    totals = [torch.randn_like(one) for one in parameters]
    wanted_totals = doubled(totals)
    grad, out, none = sliced(*lead, n, G), sliced(*lead, n, G), [] if shifted else [None]
    wanted_out = doubled(out)
    norms.norm_backward(*[grad, saved, given[2], *totals, *none, out])
    plain_recurrence.norm_backward(*doubled([grad, wanted_saved, given[2]]), *[*wanted_totals, *none, wanted_out])
    near([out, *totals], [wanted_out, *wanted_totals], 3e-5)


def test_a_norm_of_many_hypotheses_has_one_gain() -> None:
    given = torch.randn(3, 4, 20, device=DEVICE), 10, torch.randn(20, device=DEVICE), torch.randn(20, device=DEVICE)
    near(norms.norm(*given)[0], plain_recurrence.norm(*doubled(given))[0], 1e-5)


def test_gates_that_have_run_away_stay_within_bounds() -> None:
    """And what is no number is seen to be none."""
    gates = torch.tensor([[1e4, -1e4, math.inf, -math.inf, 0.0, math.nan]], device=DEVICE)
    zeros = torch.zeros(1, 6, device=DEVICE)
    given = torch.cat([zeros - math.inf, zeros - math.inf, gates], 1), torch.zeros(1, 18, device=DEVICE), zeros
    near(recurrence.gru(*given)[0], torch.tensor([[1.0, -1, 1, -1, 0, math.nan]], device=DEVICE).double(), 0)


LOSSES: dict[str, tuple[Any, ...]] = {"softmax_loss": (0.1,), "twice_loss": (0.1, (0.5, 0.7, 0.3, 0.2))}


def lost(module: Any, name: str, rows: Tensor, bias: Tensor, pieces: Tensor, grad: bool, weights: Any) -> list[Any]:
    to_bias = torch.ones_like(bias) if grad else None
    loss = getattr(module, name)(rows, bias, pieces, *LOSSES[name], to_bias, weights)
    return [loss, rows, to_bias] if grad else [loss]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("vocabulary", [5, 301, 9000])
@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str, vocabulary: int, dtype: torch.dtype) -> None:
    """With weights, of rows that are no numbers, too, and without; with a gradient and without."""
    pairs = 3
    rows = (torch.randn(2 * pairs, vocabulary, device=DEVICE) * 4).to(dtype)
    bias = torch.randn(vocabulary, device=DEVICE)
    pieces = torch.randint(0, vocabulary, (pairs,), device=DEVICE).repeat_interleave(2)
    weights = torch.tensor([1.0, 0, 1], device=DEVICE).repeat_interleave(2)
    strange = rows.clone()
    strange[2], strange[3] = math.nan, math.inf
    for grad in (True, False):
        for given, counts in ((rows, None), (rows, weights), (strange, weights)):
            wanted = lost(plain_logits, name, given.double(), bias.double(), pieces, grad, doubled(counts))
            loss, *grads = lost(logits, name, given.clone(), bias, pieces, grad, counts)
            near(loss, wanted[0], 2e-6)
            near(grads, wanted[1:], 2e-6 if dtype is torch.float32 else 2e-2)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_without_smoothing_and_a_piece_that_does_not_exist(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LOSSES, name, (0.0, *LOSSES[name][1:]))
    rows, bias = torch.randn(4, 7, device=DEVICE), torch.randn(7, device=DEVICE)
    pieces = torch.tensor([1, 1, 6, 6], device=DEVICE)
    wanted = lost(plain_logits, name, rows.double(), bias.double(), pieces, True, None)
    near(lost(logits, name, rows.clone(), bias, pieces, True, None), wanted)
    assert lost(logits, name, rows.clone(), bias, pieces + 1, True, None)[0].isnan()


ATTENTIONS = [(1, 1, 1, 1), (3, 5, 8, 2), (2, 17, 66, 1), (2, 40, 600, 4)]  # sentences, positions, width, heads


@pytest.mark.parametrize(("n", "positions", "width", "heads"), ATTENTIONS)
def test_steps_of_additive_attention(n: int, positions: int, width: int, heads: int) -> None:
    """Two steps, the second of fewer sentences than there are keys of."""
    keys, energy = torch.randn(n, positions, width, device=DEVICE), torch.randn(width, device=DEVICE)
    bias = torch.zeros(n, positions, device=DEVICE)
    ours = attention.AdditiveScores(keys, bias, energy, heads)
    wanted = plain_attention.AdditiveScores(*doubled((keys, bias, energy, heads)))
    grad_keys = torch.randn_like(keys)
    wanted_keys = grad_keys.double()
    for rows in (n, max(1, n - 1)):
        query, grad = sliced(rows, width), torch.randn(rows * heads, positions, device=DEVICE)
        scores, wanted_scores = torch.empty_like(grad), torch.empty_like(grad).double()
        ours.forward(query, scores)
        wanted.forward(query.double(), wanted_scores)
        near(scores, wanted_scores, 1e-5)
        near(ours.backward(query, grad, grad_keys), wanted.backward(query.double(), grad.double(), wanted_keys), 1e-5)
    near([grad_keys, ours.grad_energy_A()], [wanted_keys, wanted.grad_energy_A()], 1e-5)


@pytest.mark.parametrize("hypotheses", [1, 3])
@pytest.mark.parametrize(("n", "positions", "width", "heads"), ATTENTIONS)
def test_additive_scores_of_many_queries(n: int, positions: int, width: int, heads: int, hypotheses: int) -> None:
    shapes = (n, hypotheses, width), (n, positions, width), (n, positions), (width,)
    given: list[Any] = [*(torch.randn(*shape, device=DEVICE) for shape in shapes), heads]
    near(attention.additive_scores(*given), plain_attention.additive_scores(*doubled(given)), 1e-5)


def padded(n: int, positions: int) -> Tensor:
    """The bias of sentences of lengths that differ."""
    lengths = torch.randint(1, positions + 1, (n, 1), device=DEVICE)
    return torch.zeros(n, positions, device=DEVICE).masked_fill_(
        torch.arange(positions, device=DEVICE) >= lengths, -math.inf
    )


@pytest.mark.parametrize(("n", "positions", "width", "heads"), [*ATTENTIONS, (1, 700, 20, 1)])
def test_a_step_of_attention(n: int, positions: int, width: int, heads: int) -> None:
    r, d = n * heads, width // heads
    scores, values = torch.randn(r, positions, device=DEVICE) * 3, torch.randn(r, positions, d, device=DEVICE)
    bias, out = padded(n, positions), sliced(n, width)
    weights, wanted_weights, wanted_out = scores.clone(), scores.double(), out.double()
    plain_attention.attend_step(wanted_weights, bias.double(), values.double(), wanted_out)
    assert attention.attend_step(weights, bias, values, out) is out
    near([weights, out], [wanted_weights, wanted_out])
    grad = torch.randn(r, d, device=DEVICE)
    wanted = plain_attention.attend_step_backward(grad.double(), values.double(), wanted_weights)
    near(attention.attend_step_backward(grad, values, weights), wanted, 1e-5)


@pytest.mark.parametrize("hypotheses", [1, 3])
@pytest.mark.parametrize(("n", "positions", "width", "heads"), ATTENTIONS)
def test_attention_of_many_queries(n: int, positions: int, width: int, heads: int, hypotheses: int) -> None:
    """Values are laid as a memory is, the heads side by side."""
    scores, bias = torch.randn(n, heads, hypotheses, positions, device=DEVICE), padded(n, positions)
    values = torch.randn(n, positions, width, device=DEVICE).view(n, positions, heads, -1).transpose(1, 2)
    wanted = plain_attention.attend(*doubled((scores, bias, values)))
    near(attention.attend(scores, bias, values), wanted)


@pytest.mark.parametrize("vocabulary", [1, 7, 5000])
@pytest.mark.parametrize(("n", "hypotheses"), [(1, 1), (3, 1), (2, 5)])
def test_search(n: int, hypotheses: int, vocabulary: int) -> None:
    rows, added = torch.randn(n, hypotheses, vocabulary, device=DEVICE), torch.randn(n, hypotheses, device=DEVICE)
    rows[:, :, ::3] = -math.inf  # ruled out: fewer may be left than are asked for
    added[:, 1:2] = -math.inf  # finished
    near(search.log_sums(rows), plain_logits.log_sums(rows.double()))
    for count in {1, min(6, hypotheses * vocabulary)}:
        best, places = search.best_pieces(rows, added, count)
        wanted, wanted_places = plain_logits.best_pieces(rows.double(), added.double(), count)
        near(best, wanted)
        real = wanted > -math.inf
        assert torch.equal(places[real], wanted_places[real])
        assert all(len(set(row)) == count and max(row) < hypotheses * vocabulary for row in places.tolist())


def test_what_is_ruled_out_in_a_state() -> None:
    """Rows in state 0 have marks at the beginning only, as `end` says."""
    rows, states = torch.randn(3, 5, 5000, device=DEVICE), torch.randint(0, 4, (3, 5), device=DEVICE)
    out = torch.rand(4, 5000, device=DEVICE) < 0.5
    out[0, 4200:] = False
    wanted = rows.clone()
    plain_logits.rule_out(wanted, states, out, 4200)
    assert (wanted == -math.inf).any(2).all()
    search.rule_out(rows, states, out, 4200)
    assert torch.equal(rows, wanted)


def test_choosing_takes_the_first_of_equals_and_no_nan() -> None:
    rows = torch.zeros(2, 2, 70, device=DEVICE)
    rows[1, 0, 3], rows[0, 1, 69] = math.nan, math.inf
    best, places = search.best_pieces(rows, torch.zeros(2, 2, device=DEVICE), 4)
    assert places.tolist() == [[139, 0, 1, 2], [0, 1, 2, 4]]
    assert best.tolist() == [[math.inf, 0, 0, 0], [0, 0, 0, 0]]


def test_which_arguments_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a CPU were CUDA, and Triton ready."""
    monkeypatch.setattr(Tensor, "is_cuda", True)
    monkeypatch.setattr(takes, "ready", lambda: True)
    x, wide, state = torch.zeros(4, 24), torch.zeros(4, 30)[:, :24], torch.zeros(4, 8)
    assert takes.steps((x, wide, state, None))
    assert not takes.steps((x, wide.double(), state))
    assert not takes.steps((x, wide, state[:1]))
    assert not takes.steps((x, torch.zeros(24, 4).T, state))
    assert not takes.steps((x.view(2, 1, 2, 24), x.view(2, 1, 2, 24), state.view(2, 1, 2, 8)))
    rows, bias, pieces = torch.zeros(4, 24), torch.zeros(24), torch.zeros(4, dtype=torch.int64)
    assert takes.loss((rows, bias, pieces, 0.1, bias))
    assert takes.loss((rows.bfloat16(), bias, pieces, 0.1, bias, torch.ones(4)))
    assert not takes.loss((wide, bias, pieces, 0.1, bias))
    assert not takes.loss((rows.double(), bias, pieces, 0.1, bias))
    assert not takes.loss((rows.bfloat16(), bias.bfloat16(), pieces, 0.1, bias))
    assert takes.weighed_step((rows, torch.zeros(4, 24), torch.zeros(4, 24, 5), torch.zeros(4, 5)))
    assert not takes.weighed_step((rows[:, :2], torch.zeros(4, 2), torch.zeros(4, 2, 5), torch.zeros(4, 5)))
    endless = takes.MAX_POSITIONS + 1
    assert not takes.weighed((torch.zeros(1, endless), torch.zeros(1, endless), torch.zeros(1, endless, 1)))
    with torch.enable_grad():
        assert not takes.steps((x, wide, state))
    assert takes.norm((x, 8, x[0], x[0]))
    assert not takes.norm((x, takes.MAX_WIDTH + 1, x[0]))
    assert takes.norm_backward((x, (x, x[:, :3].contiguous()), x[0], x[0], None, wide))
    assert not takes.norm_backward((x, (wide, x[:, :3].contiguous()), x[0], x[0], None, wide))
    beam = torch.zeros(2, 5, 300)
    assert takes.search((beam,))
    assert takes.search((beam, torch.zeros(2, 5), 5))
    assert not takes.search((beam, torch.zeros(2, 5), 300))
    assert not takes.search((beam[:, :4],))
    states, out = torch.zeros(2, 5, dtype=torch.long), torch.zeros(3, 300, dtype=torch.bool)
    assert takes.search_states((beam, states, out, 7))
    assert not takes.search_states((beam[:, :4], states, out, 7))
    assert not takes.search_states((beam, states.T, out, 7))


@pytest.mark.parametrize("case", kernels.CASES, ids=lambda case: case.__name__)
def test_what_the_benchmark_compares_is_the_same(case: kernels.Case) -> None:
    sizes = kernels.Sizes(sentences=3, positions=5, width=32, vocabulary=70, rows=8)
    ours, theirs = kernels.CASES[case]
    exact = kernels.once(case, theirs, sizes, DEVICE, torch.float64)
    made = kernels.once(case, ours, sizes, DEVICE)
    assert kernels.error(made, exact) < (1e-2 if any(one.dtype is torch.bfloat16 for one in made) else 1e-6)
    assert all(map(torch.equal, made, kernels.once(case, ours, sizes, DEVICE)))


@pytest.mark.skipif(DEVICE == "cpu", reason="on a CPU a hash makes masks (test_native.py)")
@pytest.mark.parametrize("variational", [False, True])
def test_dropout_keeps_its_share_and_the_mean(variational: bool) -> None:
    packing = Packing(np.full(20, 300), device=torch.device(DEVICE))
    x = torch.ones(6000, 64, device=DEVICE)
    kept = dropout(x, 0.3, packing, variational)
    assert {round(value, 4) for value in kept.unique().tolist()} == {0.0, 1.4286}
    assert kept.mean().item() == pytest.approx(1, abs=0.01 if not variational else 0.1)


NARROW = [case for case, (ours, _) in kernels.CASES.items() if ours in (recurrence, attention, norms)]


@pytest.mark.parametrize("case", [*NARROW, kernels.log_sums], ids=lambda case: case.__name__)
def test_narrow_numbers_are_computed_with_in_fp32(case: kernels.Case) -> None:
    """What is given and what comes back is rounded, and nothing between."""
    sizes = kernels.Sizes(sentences=3, positions=17, width=64, vocabulary=300, rows=8)
    ours, theirs = kernels.CASES[case]
    exact = kernels.once(case, theirs, sizes, DEVICE, torch.float64)
    made = kernels.once(case, ours, sizes, DEVICE, torch.bfloat16)
    assert all(one.dtype is torch.bfloat16 for one in made)
    assert kernels.error(made, exact) < 2e-2


@pytest.mark.parametrize(("case", "name", "shapes"), kernels.TUNED, ids=lambda one: getattr(one, "__name__", None))
def test_blocks_of_any_size_give_the_same(
    case: kernels.Case, name: str, shapes: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = kernels.Sizes(sentences=2, positions=17, width=130, vocabulary=1500, rows=2)
    ours, theirs = kernels.CASES[case]
    exact = kernels.once(case, theirs, sizes, DEVICE, torch.float64)
    assert getattr(ours, name) in shapes
    for shape in shapes:
        monkeypatch.setattr(ours, name, shape)
        assert kernels.error(kernels.once(case, ours, sizes, DEVICE), exact) < 1e-6


def test_where_triton_cannot_compile_that_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*arguments: Any) -> None:
        raise RuntimeError("Failed to find C compiler.\nPlease specify one")

    monkeypatch.setattr(launch, "launch", fails)
    monkeypatch.setattr(takes, "DEVICE", DEVICE)
    takes.ready.cache_clear()
    assert not takes.ready()
    assert not takes.ready()
    takes.ready.cache_clear()
    (record,) = caplog.records
    assert "cannot be used here (Failed to find C compiler.); torch's own" in record.getMessage()
    monkeypatch.undo()
    monkeypatch.setattr(takes, "DEVICE", DEVICE)
    assert takes.ready()
    takes.ready.cache_clear()


@pytest.mark.slow
@pytest.mark.skipif(DEVICE == "cuda", reason="here they are compiled and run")
def test_kernels_compile_for_a_gpu_that_is_not_here(tmp_path: Path) -> None:
    """In a process of its own: in this one the interpreter takes the place of the compiler."""
    environment = {**os.environ, "TRITON_CACHE_DIR": str(tmp_path), "TRITON_INTERPRET": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.ops.compiled"], env=environment, cwd=ROOT, capture_output=True, text=True
    )
    assert not done.returncode, done.stderr
    folder = ROOT / "mtkit/ops/triton"
    text = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    launched = set(re.findall(r'"(\w+:\w+)"', text)) - {"module:function"}
    assert set(done.stdout.split()) == launched - {"functions:zero"}


def test_a_process_that_meets_no_gpu_imports_no_triton() -> None:
    code = "import sys, torch, mtkit.ops.triton.takes; from mtkit.ops.recurrence import gru\n"
    code += "with torch.no_grad(): gru(torch.ones(2, 6), torch.ones(2, 6), torch.ones(2, 2))\n"
    code += "assert 'mtkit.ops.triton.recurrence' in sys.modules and 'triton' not in sys.modules"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, cwd=ROOT)
