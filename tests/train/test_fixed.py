"""Batches of fixed shape give what packed ones give, for the whole family; recorded updates give what others do.

In float64, so that a difference is an error and not rounding.
"""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mtkit.corpus.batch import Batch, FixedBatch, FixedBatcher
from mtkit.corpus.shapes import Shape, rounded, shape_of
from mtkit.model.seq2seq import Seq2Seq
from mtkit.ops.fixed import FixedPacking
from mtkit.ops.packing import Packing
from mtkit.ops.recording import Recorded
from mtkit.registry import CHOICES
from mtkit.train import graphs, loop
from mtkit.train.graphs import Graphs
from mtkit.train.group import ALONE, Group
from mtkit.train.loss import Objective, batch_loss
from mtkit.train.state import Training
from mtkit.train.updates import Updates
from tests.contract.family import BOS, EOS, SOURCES, TARGETS, assert_same, batch_of, cover, make, name_of
from tests.recording import Again
from tests.train.bench import Bench

LENGTHS = np.array([3, 1, 5, 4])


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def fixed_batch(copies: int = 1) -> FixedBatch:
    """All sentences in a shape that has more rows and longer sides than they need."""
    made = FixedBatcher(EOS, BOS, EOS, copies, batch_tokens=44)(SOURCES, TARGETS)
    assert made.shape == Shape(5 * copies, 8, 6, copies)
    return made


def outcome(model: Seq2Seq, batch: Batch, objective: Objective) -> tuple[float, dict[str, Tensor]]:
    model.zero_grad()
    loss, count = batch_loss(model, batch, objective)
    torch.autograd.backward(loss)
    assert count == sum(len(target) + 1 for target in TARGETS)
    return float(loss.detach()), {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("choice", cover(), ids=name_of)
def test_fixed_shapes_give_what_packed_ones_give(choice: dict[str, Any]) -> None:
    objective = Objective(0.1)
    results = []
    for batch in (batch_of([1, 3, 0, 2]), fixed_batch()):
        model = make(choice).train()
        results.append((outcome(model, batch, objective), {n: b.clone() for n, b in model.named_buffers()}))
    (ours, our_buffers), (theirs, their_buffers) = results
    assert_same(ours, theirs)
    for name, buffer in our_buffers.items():  # running statistics
        torch.testing.assert_close(buffer, their_buffers[name], atol=1e-12, rtol=0)


@pytest.mark.parametrize("consistency", ["rdrop", "simcut"])
def test_two_passes(consistency: str, tmp_path: Path) -> None:
    bench = Bench(tmp_path, consistency=consistency, cut=0.0, label_smoothing=0.1, max_updates=1)
    objective, model = Objective.of(bench.settings), make()
    packed = bench.batch(SOURCES, TARGETS)
    with torch.no_grad():
        loss = float(batch_loss(model, packed, objective)[0])
    assert loss == pytest.approx(float(batch_loss(model, fixed_batch(2), objective)[0].detach()), abs=1e-9)


def test_a_mask_a_sentence_reaches_its_rows(tmp_path: Path) -> None:
    model = make(dropout=0.3, variational=True).train()
    torch.manual_seed(1)
    x_NX = torch.ones(30, 4)
    packing = FixedPacking(torch.tensor([6, 0, 2, 4, 1]), 6)
    dropped = packing.unpack_masked(model._dropped(x_NX, packing))
    assert (dropped == dropped[:, :1]).all()
    assert 0 < (dropped == 0).sum() < dropped.numel()


@pytest.mark.parametrize("name", ["cells_N", "sentence_N", "time_N", "mask_BL", "first_B", "last_B", "lengths_B"])
def test_places_are_those_of_a_packing_with_all_rows(name: str) -> None:
    """Of sentences of full length both are the same."""
    lengths = np.full(4, 5)
    torch.testing.assert_close(
        getattr(FixedPacking(torch.from_numpy(lengths), 5), name), getattr(Packing(lengths), name)
    )


def test_packing() -> None:
    fixed, packed = FixedPacking(torch.from_numpy(LENGTHS), 6), Packing(LENGTHS, 6)
    table = torch.randn(4, 6, 2)
    both = fixed.pack(table), packed.pack(table)
    for one, other in itertools.pairwise([fixed.unpack(both[0]), packed.unpack(both[1])]):
        torch.testing.assert_close(one, other)
    torch.testing.assert_close(fixed.first(both[0]), packed.first(both[1]))
    torch.testing.assert_close(fixed.last(both[0]), packed.last(both[1]))
    turned = fixed.unpack(fixed.turn(both[0]))
    torch.testing.assert_close(turned, packed.unpack(packed.turn(both[1])))
    torch.testing.assert_close(fixed.turn(fixed.turn(both[0])), both[0])
    shorter, wanted = fixed.shortened(2), packed.shortened(2)
    torch.testing.assert_close(shorter.lengths_B, wanted.lengths_B)
    assert shorter.columns == wanted.columns
    assert fixed.real_N1.sum() == LENGTHS.sum()
    assert FixedPacking(torch.tensor([0, 3]), 4).real_N1.sum() == 3  # what only fills up does not count


def test_shapes() -> None:
    assert [rounded(length) for length in (1, 2, 3, 17, 32, 33, 61, 65, 100)] == [2, 2, 4, 18, 32, 36, 64, 72, 104]
    assert all(length <= rounded(length) <= max(length + 1, 1.125 * length) for length in range(1, 1000))
    assert all(rounded(rounded(length)) == rounded(length) for length in range(1, 1000))
    assert shape_of(100, 17, 15, 2000) == Shape(111, 18, 16)
    assert shape_of(50, 17, 15, 2000) == Shape(56, 18, 16)  # few are left of a length: not all rows are run for them
    assert shape_of(3, 17, 15, 2000, copies=2) == Shape(8, 18, 16, 2)
    assert shape_of(1, 300, 10, 100) == Shape(1, 320, 10)  # longer than the budget
    assert shape_of(200, 17, 15, 2000) == Shape(200, 18, 16)


def test_a_shaped_sampler_has_every_pair_once_in_full_batches(tmp_path: Path) -> None:
    bench = Bench(tmp_path, max_updates=1)
    shaped = type(bench.sampler)(bench.sampler.split, 60, seed=1, shaped=True)
    some = [sorted(tuple(ids) for sources, _ in one.epoch(0) for ids in sources) for one in (bench.sampler, shaped)]
    assert some[0] == some[1]
    for sources, targets in shaped.epoch(0):
        assert len(sources) * rounded(max(len(ids) + 1 for ids in [*sources, *targets])) <= 60


class FixedBench(Bench):
    """A bench whose updates are recorded."""

    recorder: Again
    group: Group = ALONE

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__(folder, **settings)
        self.sampler = type(self.sampler)(self.sampler.split, 60, seed=1, shaped=True)

    def batch(self, sources: object, targets: object, copies: int = 0) -> Batch:
        copies = copies or Objective.of(self.settings).copies
        return FixedBatcher(2, 1, 2, copies, batch_tokens=60)(sources, targets)  # type: ignore[arg-type]

    def updates(self, training: Training) -> Updates:
        self.recorder = Again()
        return Graphs(training, self.settings, 1, self.recorder, self.group)


class PackedBench(FixedBench):
    """The same batches, packed, and updates one operation after the other."""

    def batch(self, sources: object, targets: object, copies: int = 0) -> Batch:
        return Bench.batch(self, sources, targets, copies)

    def updates(self, training: Training) -> Updates:
        return Updates(training, self.settings, 1)


SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "accumulated": {"accumulate": 3},
    "ema": {"ema": 0.9},
    "clipped": {"clip_value": 0.01},
    **{name: {"optimizer": name} for name in CHOICES["optimizer"]},
    "validated": {"validate_every": 5},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_recorded_updates_are_those_of_the_plain_form(name: str, tmp_path: Path) -> None:
    settings = {"max_updates": 20, "label_smoothing": 0.1, **SETTINGS[name]}
    ours, theirs = (one(tmp_path, dropout=0.0, **settings) for one in (FixedBench, PackedBench))
    told, wanted = ([event for event in bench.events() if isinstance(event, loop.Updated)] for bench in (ours, theirs))
    assert sum(len(event.losses) for event in told) == len(wanted) == 20
    at = 0
    for event in told:  # several are told of at once, none twice and in order
        some, at = wanted[at : at + len(event.losses)], at + len(event.losses)
        assert event.losses == pytest.approx([one.loss for one in some], abs=1e-9)
        tokens = sum(one.target_tokens for one in some)
        assert event.target_tokens == tokens
        assert event.loss == pytest.approx(sum(one.loss * one.target_tokens for one in some) / tokens, abs=1e-9)
        assert (event.lr, event.grad_norm) == pytest.approx((some[-1].lr, some[-1].grad_norm), abs=1e-8)
    assert told[-1].settled
    for one, other in zip(ours.training.measured.parameters(), theirs.training.measured.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-8, rtol=0)
    recorder = ours.recorder
    assert recorder.recorded
    assert recorder.replayed > recorder.recorded  # each shape once by itself, then recorded


def test_at_most_so_many_shapes_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "MOST", 1)
    bench = FixedBench(tmp_path, dropout=0.0, max_updates=30)
    losses = bench.losses()
    assert bench.recorder.recorded > 2
    assert losses == FixedBench(tmp_path, dropout=0.0, max_updates=30).losses()


def test_what_cannot_be_recorded_runs_by_itself_and_that_is_said_once(tmp_path: Path) -> None:
    class Refusing(Again):
        def record(self, work: Callable[[], None]) -> Recorded:
            raise RuntimeError("operation not permitted when stream is capturing\nmore")

    class RefusingBench(FixedBench):
        def updates(self, training: Training) -> Updates:
            return Graphs(training, self.settings, 1, Refusing())

    events = list(RefusingBench(tmp_path, dropout=0.0, max_updates=20).events())
    assert [event.reason for event in events if isinstance(event, loop.Refused)] == [
        "operation not permitted when stream is capturing"
    ]
    got, wanted = (
        [event.loss for event in some if isinstance(event, loop.Updated)]
        for some in (events, FixedBench(tmp_path, dropout=0.0, max_updates=20).events())
    )
    assert got == wanted


def test_activations_in_bf16(tmp_path: Path) -> None:
    """The loss is near, the gradients show the same way, and parameters stay as exact as they were."""
    torch.set_default_dtype(torch.float32)
    model = make({"encoder.name": "transformer", "decoder.name": "transformer", "encoder.layers": 2})
    assert model.rounds
    assert not make().rounds  # a recurrence adds up what is lost
    for parameter in model.parameters():
        parameter.data.mul_(0.25)
    got, wanted = (
        graphs.Pass(model, Objective(0.1), activations).gradients(fixed_batch(), torch.tensor(10.0))
        for activations in (True, False)
    )
    assert float(got[0]) == pytest.approx(float(wanted[0]), rel=0.02)
    one, other = (torch.cat([g.float().flatten() for g in some[1] if g is not None]) for some in (got, wanted))
    assert nn.functional.cosine_similarity(one, other, 0) > 0.99
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_memory_that_runs_out_halves_the_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def batch_loss_of_few(model: Any, batch: Any, objective: Any) -> Any:
        if batch.shape.sentences > 8:
            raise RuntimeError("CUDA out of memory")
        return batch_loss(model, batch, objective)

    wanted = FixedBench(tmp_path, dropout=0.0, max_updates=6).losses()
    monkeypatch.setattr(graphs, "batch_loss", batch_loss_of_few)
    bench = FixedBench(tmp_path, dropout=0.0, max_updates=6)
    assert bench.losses() == pytest.approx(wanted, abs=1e-8)
    assert bench.training.progress.parts > 1
