"""Kernels in Triton beside torch's own, on CUDA: how far apart, and how long each takes inside a captured graph.

    python -m benchmarks.kernels [--sentences 240] [--tune]

Of each operation at the sizes of workload A: the largest error of both against torch in float64, relative to the
largest number; whether two runs agree bit for bit; microseconds a call, of 100 in one graph. With --tune: microseconds
with other sizes of blocks and numbers of warps, too.
"""

import argparse
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from mtkit.ops.reference import attention as torch_attention
from mtkit.ops.reference import logits as torch_logits
from mtkit.ops.reference import recurrence as torch_recurrence
from mtkit.ops.reference import sentences as torch_sentences
from mtkit.ops.triton import attention, logits, recurrence, search, sentences, takes
from mtkit.ops.triton import norm as norms

CALLS = 100  # in a graph
Work = Callable[[], list[Tensor]]
"""Does an operation; what it gave and what it wrote."""


@dataclass(frozen=True)
class Sizes:
    """Of workload A; a test has smaller ones."""

    sentences: int = 240
    positions: int = 17
    width: int = 512
    vocabulary: int = 8000
    rows: int = 524
    """Of logits: a chunk."""


class Maker:
    """Makes the same tensors again and again."""

    def __init__(self, sizes: Sizes, device: str, dtype: torch.dtype) -> None:
        self.sizes, self.device, self.dtype = sizes, device, dtype
        self.generator = torch.Generator().manual_seed(1)

    def __call__(self, *shape: int) -> Tensor:
        made = torch.randn(*shape, generator=self.generator)
        return made.to(self.device, self.dtype)

    def pieces(self) -> Tensor:
        """Pairs of the same."""
        one = torch.randint(0, self.sizes.vocabulary, (self.sizes.rows // 2,), generator=self.generator)
        return one.repeat_interleave(2).to(self.device)


Case = Callable[[Any, Maker], Work]


def gru(ops: Any, make: Maker, lead: tuple[int, ...] = ()) -> Work:
    n, H = make.sizes.sentences, make.sizes.width // max(1, 2 * len(lead))
    x, u, last, out = make(*lead, n, 3 * H), make(*lead, n, 3 * H), make(*lead, n, H), make(*lead, n, H)
    return lambda: [*ops.gru(x, u, last, out)]


def gru_both_directions(ops: Any, make: Maker) -> Work:
    return gru(ops, make, (2,))


def gru_backward(ops: Any, make: Maker) -> Work:
    n, H = make.sizes.sentences, make.sizes.width
    grad, last, rz, new, hidden = make(n, H), make(n, H), make(n, 2 * H).sigmoid(), make(n, H).tanh(), make(n, H)
    to_x, to_u = make(n, 3 * H), make(n, 3 * H)
    return lambda: [ops.gru_backward(grad, last, rz, new, hidden, to_x, to_u), to_x, to_u]


def lstm(ops: Any, make: Maker) -> Work:
    n, H = make.sizes.sentences, make.sizes.width
    x, u, last = make(n, 4 * H), make(n, 4 * H), make(n, H)
    return lambda: [*ops.lstm(x, u, last)]


def lstm_backward(ops: Any, make: Maker) -> Work:
    n, H = make.sizes.sentences, make.sizes.width
    grad_c, grad_o, i_f, g = make(n, H), make(n, H), make(n, 2 * H).sigmoid(), make(n, H).tanh()
    o, last, to = make(n, H).sigmoid(), make(n, H), make(n, 4 * H)
    return lambda: [ops.lstm_backward(grad_c, grad_o, i_f, g, o, last, to), to]


def norm(ops: Any, make: Maker) -> Work:
    n, H = make.sizes.sentences, make.sizes.width
    x, gain, shift = make(n, 3 * H), make(3 * H), make(3 * H)

    def work() -> list[Tensor]:
        y, saved = ops.norm(x, H, gain, shift)
        return [y, *saved]

    return work


def norm_backward(ops: Any, make: Maker) -> Work:
    n, H = make.sizes.sentences, make.sizes.width
    grad, x, gain = make(n, 3 * H), make(n, 3 * H), make(3 * H)
    _, saved = ops.norm(x, H, gain)
    to_gain, to_shift, out = torch.zeros_like(gain), torch.zeros_like(gain), torch.empty_like(x)

    def work() -> list[Tensor]:
        ops.norm_backward(grad, saved, gain, to_gain, to_shift, out)
        return [out, to_gain, to_shift]

    return work


def _additive(ops: Any, make: Maker) -> tuple[Any, Tensor, Tensor]:
    n, S, A = make.sizes.sentences, make.sizes.positions, make.sizes.width
    keys, energy = make(n, S, A), make(A)
    return ops.AdditiveScores(keys, torch.zeros_like(keys[:, :, 0]), energy, 1), make(n, A), make(n, S)


def additive_forward(ops: Any, make: Maker) -> Work:
    scores, query, out = _additive(ops, make)

    def work() -> list[Tensor]:
        scores.forward(query, out)
        return [out]

    return work


def additive_backward(ops: Any, make: Maker) -> Work:
    scores, query, grad = _additive(ops, make)
    grad_keys = torch.zeros_like(scores.keys_BSA)
    return lambda: [scores.backward(query, grad, grad_keys), grad_keys]


def additive_scores(ops: Any, make: Maker) -> Work:
    n, S, A = make.sizes.sentences, make.sizes.positions, make.sizes.width
    query, keys, bias, energy = make(n, 5, A), make(n, S, A), make(n, S), make(A)
    return lambda: [ops.additive_scores(query, keys, bias, energy, 1)]


def attend(ops: Any, make: Maker) -> Work:
    n, S, A = make.sizes.sentences, make.sizes.positions, make.sizes.width
    scores, bias, values = make(n, 1, 5, S), make(n, S), make(n, 1, S, A)
    return lambda: [*ops.attend(scores, bias, values)]


def attend_step(ops: Any, make: Maker) -> Work:
    n, S, A = make.sizes.sentences, make.sizes.positions, make.sizes.width
    scores, bias, values, out = make(n, S), make(n, S), make(n, S, A), make(n, 2 * A)[:, A:]
    return lambda: [ops.attend_step(scores, bias, values, out), scores]


def attend_step_backward(ops: Any, make: Maker) -> Work:
    n, S, A = make.sizes.sentences, make.sizes.positions, make.sizes.width
    grad, values, weights = make(n, A), make(n, S, A), make(n, S).softmax(-1)
    return lambda: [ops.attend_step_backward(grad, values, weights)]


def _sentences(make: Maker) -> tuple[list[Tensor], Tensor]:
    """Queries, keys, values and a gradient of heads, and a mask."""
    n, S, heads = make.sizes.sentences, min(make.sizes.positions, 64), max(1, make.sizes.width // 64)
    tables = [make(S, n, heads, 48)[..., 16:32].permute(1, 2, 0, 3) for _ in range(4)]
    return tables, make(n, S).masked_fill(torch.arange(S, device=make.device) > S // 2, float("-inf"))


def sentences_forward(ops: Any, make: Maker) -> Work:
    (queries, keys, values, _), mask = _sentences(make)
    return lambda: [ops.attend(queries, keys, values, mask, False)]


def sentences_backward(ops: Any, make: Maker) -> Work:
    (queries, keys, values, grad), mask = _sentences(make)
    return lambda: [*ops.attend_backward(grad, queries, keys, values, mask, False)]


def softmax_loss(ops: Any, make: Maker, dtype: torch.dtype | None = None) -> Work:
    N, V = make.sizes.rows, make.sizes.vocabulary
    rows, bias, pieces, to_bias = make(N, V), make(V), make.pieces(), make(V)
    weights = torch.ones_like(rows[:, 0])
    if dtype is not None:
        rows = rows.to(dtype).to(rows.dtype if rows.dtype is torch.float64 else dtype)
    return lambda: [ops.softmax_loss(rows, bias, pieces, 0.1, to_bias, weights), rows, to_bias]


def softmax_loss_bf16(ops: Any, make: Maker) -> Work:
    return softmax_loss(ops, make, torch.bfloat16)


def twice_loss(ops: Any, make: Maker) -> Work:
    N, V = make.sizes.rows, make.sizes.vocabulary
    rows, bias, pieces, to_bias = make(N, V), make(V), make.pieces(), make(V)
    return lambda: [ops.twice_loss(rows, bias, pieces, 0.1, (0.5, 0.5, 1.0, 1.0), to_bias), rows, to_bias]


def log_sums(ops: Any, make: Maker) -> Work:
    rows = make(make.sizes.sentences, 5, make.sizes.vocabulary)
    return lambda: [ops.log_sums(rows)]


def best_pieces(ops: Any, make: Maker) -> Work:
    rows, added = make(make.sizes.sentences, 5, make.sizes.vocabulary), make(make.sizes.sentences, 5)
    return lambda: [*ops.best_pieces(rows, added, 5)]


def rule_out(ops: Any, make: Maker) -> Work:
    """One row of fifty is within a character; marks are those of special pieces and bytes, which come first."""
    rows, vocabulary = make(make.sizes.sentences, 5, make.sizes.vocabulary), make.sizes.vocabulary
    states = (torch.arange(rows.shape[0] * 5, device=make.device) % 50 == 49).long().view(-1, 5)
    out = torch.arange(vocabulary, device=make.device) < torch.tensor([[300], [vocabulary]], device=make.device)

    def work() -> list[Tensor]:
        ops.rule_out(rows, states, out, 300)
        return [rows.isinf().to(make.dtype)]

    return work


CASES: dict[Case, tuple[ModuleType, ModuleType]] = {
    **dict.fromkeys((gru, gru_both_directions, gru_backward, lstm, lstm_backward), (recurrence, torch_recurrence)),
    **dict.fromkeys((norm, norm_backward), (norms, torch_recurrence)),
    **dict.fromkeys((additive_forward, additive_backward, additive_scores), (attention, torch_attention)),
    **dict.fromkeys((attend, attend_step, attend_step_backward), (attention, torch_attention)),
    **dict.fromkeys((softmax_loss, softmax_loss_bf16, twice_loss), (logits, torch_logits)),
    **dict.fromkeys((sentences_forward, sentences_backward), (sentences, torch_sentences)),
    **dict.fromkeys((log_sums, rule_out, best_pieces), (search, torch_logits)),
}


# Sizes of blocks and warps that --tune tries: what a module has under a name.
TUNED: list[tuple[Case, str, list[tuple[int, int]]]] = [
    (gru, "SHAPE", [(128, 1), (256, 1), (256, 2), (512, 2), (512, 4), (1024, 8)]),
    (gru_backward, "SHAPE", [(128, 1), (256, 1), (256, 2), (512, 2), (512, 4), (1024, 8)]),
    (additive_forward, "SCORES", [(1024, 2), (1024, 4), (2048, 4), (4096, 4), (4096, 8), (8192, 8)]),
    (additive_backward, "SLOPES", [(512, 2), (1024, 2), (1024, 4), (2048, 4), (2048, 8)]),
    (attend_step, "WIDE", [(2048, 4), (4096, 4), (4096, 8), (8192, 8), (16384, 16)]),
    (attend_step_backward, "WIDE", [(2048, 4), (4096, 4), (4096, 8), (8192, 8), (16384, 16)]),
    (best_pieces, "SHAPE", [(1024, 4), (2048, 4), (2048, 8), (4096, 4), (4096, 8), (8192, 8)]),
    (softmax_loss, "SHAPE", [(1024, 4), (2048, 4), (2048, 8), (4096, 8), (8192, 8), (8192, 16)]),
]


@torch.no_grad()
def once(case: Case, ops: ModuleType, sizes: Sizes, device: str, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """What the first call gives."""
    return [made.clone() for made in case(ops, Maker(sizes, device, dtype))()]


def error(ours: list[Tensor], exact: list[Tensor]) -> float:
    """The largest of each result relative to its largest number."""
    return max(
        float((one.double() - wanted).abs().max() / wanted.abs().max()) for one, wanted in zip(ours, exact, strict=True)
    )


@torch.no_grad()
def microseconds(work: Work) -> float:
    """A call's, in a graph of many; the least of several replays."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(CALLS):
            work()
    times: list[float] = []
    for _ in range(5):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        graph.replay()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) / CALLS * 1000)
    return min(times)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sentences", type=int, default=240)
    parser.add_argument("--tune", action="store_true")
    given = parser.parse_args()
    sizes = Sizes(given.sentences)
    if not torch.cuda.is_available():
        sys.exit("benchmarks.kernels compares kernels on CUDA, and there is none here; nothing was measured")
    logging.basicConfig(format="%(message)s")  # why Triton cannot
    if not takes.ready():
        sys.exit("Triton cannot compile here; see the line above, or install triton and a C compiler")
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {sizes}")
    print(f"{'operation':22}{'error':>10}{'of torch':>10}{'same again':>12}{'us':>8}{'torch us':>10}{'times':>7}")
    for case, (ours, theirs) in CASES.items():
        exact = once(case, theirs, sizes, "cuda", torch.float64)
        made, again = (once(case, ours, sizes, "cuda") for _ in range(2))
        same = all(map(torch.equal, made, again))
        errors = [error(one, exact) for one in (made, once(case, theirs, sizes, "cuda"))]
        times = [microseconds(case(ops, Maker(sizes, "cuda", torch.float32))) for ops in (ours, theirs)]
        print(
            f"{case.__name__:22}{errors[0]:10.1e}{errors[1]:10.1e}{'yes' if same else 'NO':>12}"
            f"{times[0]:8.2f}{times[1]:10.2f}{times[1] / times[0]:7.1f}",
            flush=True,
        )
    if given.tune:
        for case, name, shapes in TUNED:
            print(f"{case.__name__}.{name}: {', '.join(tuned(case, name, shapes, sizes))}", flush=True)


def tuned(case: Case, name: str, shapes: list[tuple[int, int]], sizes: Sizes) -> list[str]:
    """Microseconds with each, and what is the default."""
    ours, _ = CASES[case]
    before, times = getattr(ours, name), []
    for shape in shapes:
        setattr(ours, name, shape)
        taken = microseconds(case(ours, Maker(sizes, "cuda", torch.float32)))
        times.append(f"{shape} {taken:.2f}{' (default)' if shape == before else ''}")
    setattr(ours, name, before)
    return times


if __name__ == "__main__":
    main()
