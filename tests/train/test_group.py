"""Several processes that train as one: W with one batch each make the updates of one with W batches."""

import math
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from mtkit.corpus.batch import Batch
from mtkit.errors import RunError, WorkerError
from mtkit.model.build import build
from mtkit.model.norm import BatchNorm
from mtkit.schema import Model, Train
from mtkit.store import checkpoint
from mtkit.train import loop, plan
from mtkit.train import together as module
from mtkit.train import updates as updating
from mtkit.train.group import ALONE, Group, Processes, by_first
from mtkit.train.loss import batch_loss
from mtkit.train.state import Progress, Training
from mtkit.train.updates import Updates
from tests.train.bench import Bench
from tests.train.processes import together
from tests.train.test_fixed import FixedBench

RECURRENT: dict[str, Any] = {"embed_dim": 8, "hidden_dim": 16, "dropout": 0.1}
GNMT = RECURRENT | {"encoder": {"layers": 2}, "decoder": {"layers": 2, "wiring": "gnmt"}}
TRANSFORMER = RECURRENT | {
    "encoder": {"name": "transformer", "layers": 1, "heads": 2},
    "decoder": {"name": "transformer", "layers": 1, "heads": 2},
}
MODELS = {"gru": RECURRENT, "gnmt": GNMT, "transformer": TRANSFORMER}
NORMED = RECURRENT | {"encoder": {"norm": "batch"}, "decoder": {"wiring": "plain", "norm": "batch"}}


class Shared(Bench):
    """A bench whose text is shared by a group."""

    def __init__(self, folder: Path, group: Group = ALONE, model: dict[str, Any] = RECURRENT, **settings: Any) -> None:
        self.group, self.model = group, model
        folder = folder / f"bench{os.getpid()}"
        folder.mkdir(exist_ok=True)
        super().__init__(folder, **settings)
        self.sampler = type(self.sampler)(self.sampler.split, 60, seed=1, rank=group.rank, world=group.size)
        self.per_epoch = math.ceil(self.sampler.batches(0) / (self.settings.accumulate * group.size))

    def make(self) -> Training:
        torch.manual_seed(0)
        model = build(Model.model_validate(self.model), 20, 20, shared=True)
        return Training.begin(model, self.settings, Progress(precision="fp32"))

    def updates(self, training: Training) -> Updates:
        return Updates(training, self.settings, 1, self.group)

    def outcome(self) -> "Outcome":
        return self.losses(), [value.numpy().copy() for value in module.values(self.training)]


Outcome = tuple[list[float], list[np.ndarray[Any, Any]]]


def trained(size: int, folder: Path, **settings: Any) -> Outcome:
    """Losses, and all values at the end, of which all processes have the same."""
    first, *others = together(size, folder, lambda group: Shared(folder, group, **settings).outcome())
    assert isinstance(first, tuple), getattr(first, "__notes__", first)
    for losses, weights in others:
        assert losses == first[0]
        assert all(np.array_equal(one, other) for one, other in zip(weights, first[1], strict=True))
    return first


@pytest.mark.parametrize("name", MODELS)
def test_processes_make_the_updates_of_one(name: str, tmp_path: Path) -> None:
    """Bit for bit; an epoch's last update is of fewer batches than there are processes."""
    settings: dict[str, Any] = {"model": MODELS[name], "max_updates": 7, "label_smoothing": 0.1}
    assert Shared(tmp_path, **settings).sampler.batches(0) % 2
    for size in (2, 4):
        losses, weights = trained(size, tmp_path, **settings)
        wanted, theirs = trained(1, tmp_path, accumulate=size, **settings)
        assert losses == wanted
        assert all(np.array_equal(one, other) for one, other in zip(weights, theirs, strict=True))


SETTINGS: dict[str, dict[str, Any]] = {
    "rdrop": {"consistency": "rdrop"},
    "simcut": {"consistency": "simcut"},
    "means": {"ema": 0.9, "optimizer": "adagrad"},
    "clipped": {"clip_value": 0.01, "optimizer": "sgd"},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_other_settings(name: str, tmp_path: Path) -> None:
    settings = {"max_updates": 4, **SETTINGS[name]}
    losses, weights = trained(2, tmp_path, **settings)
    wanted, theirs = trained(1, tmp_path, accumulate=2, **settings)
    assert losses == wanted
    assert all(np.array_equal(one, other) for one, other in zip(weights, theirs, strict=True))


def test_several_batches_each(tmp_path: Path) -> None:
    """Then gradients are added up in another order."""
    settings = {"max_updates": 4, "optimizer": "sgd"}
    losses, weights = trained(2, tmp_path, accumulate=2, **settings)
    wanted, theirs = trained(1, tmp_path, accumulate=4, **settings)
    assert losses == pytest.approx(wanted, rel=1e-6)
    for one, other in zip(weights, theirs, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_running_statistics_are_those_of_one_process(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"model": NORMED, "max_updates": 5}
    losses, weights = trained(3, tmp_path, **settings)
    wanted, theirs = trained(1, tmp_path, accumulate=3, **settings)
    bench = Shared(tmp_path, **settings)
    norms = [one for one in bench.training.model.modules() if isinstance(one, BatchNorm)]
    assert norms
    start = module.values(bench.training)
    assert losses == wanted
    for value, one, other in zip(start, weights, theirs, strict=True):
        if any(value.data_ptr() == buffer.data_ptr() for norm in norms for buffer in norm.buffers()):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
            assert not np.array_equal(one, value.numpy())
        else:
            assert np.array_equal(one, other)


def test_without_batch_norm_batches_leave_nothing_behind(tmp_path: Path) -> None:
    statistics = module.Statistics(Shared(tmp_path, max_updates=1).training.model, ALONE)
    for _ in range(1000):
        statistics.begin()
        statistics.turn()
        statistics.note()
    assert statistics.turns == []


def test_sums_in_bf16_are_near(tmp_path: Path) -> None:
    losses, _ = trained(2, tmp_path, max_updates=6, reduce="bf16")
    wanted, _ = trained(1, tmp_path, max_updates=6, accumulate=2)
    assert losses != wanted
    assert losses == pytest.approx(wanted, rel=1e-2)


def test_recorded_updates(tmp_path: Path) -> None:
    def outcome(group: Group) -> list[float]:
        folder = tmp_path / f"{group.size}-{group.rank}"
        folder.mkdir()
        bench = FixedBench(folder, dropout=0.0, max_updates=10, accumulate=2 // group.size)
        bench.group = group
        bench.sampler = type(bench.sampler)(bench.sampler.split, 60, 1, rank=group.rank, world=group.size, shaped=True)
        return bench.losses()

    first, second = together(2, tmp_path, outcome)
    assert first == second == pytest.approx(outcome(ALONE), abs=1e-6)


def test_memory_that_runs_out_in_one_process_halves_the_batches_of_all(tmp_path: Path) -> None:
    def outcome(group: Group) -> tuple[list[float], int]:
        def of_few(model: Any, batch: Batch, objective: Any) -> Any:
            if batch.source_BS.shape[0] > 8 and group.rank == 1:
                raise RuntimeError("not enough memory")
            return batch_loss(model, batch, objective)

        bench = Shared(tmp_path, group, RECURRENT | {"dropout": 0.0}, max_updates=4)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(updating, "batch_loss", of_few)
            return bench.losses(), bench.training.progress.parts

    (losses, parts), other = together(2, tmp_path, outcome)
    assert parts > 1
    assert (losses, parts) == other
    wanted, _ = trained(1, tmp_path, model=RECURRENT | {"dropout": 0.0}, max_updates=4, accumulate=2)
    assert losses == pytest.approx(wanted, rel=1e-4)


def test_memory_that_never_suffices_ends_all(tmp_path: Path) -> None:
    def outcome(group: Group) -> None:
        def never(*_: Any) -> Any:
            raise RuntimeError("not enough memory")

        with pytest.MonkeyPatch.context() as patch:
            if group.rank == 1:
                patch.setattr(updating, "batch_loss", never)
            Shared(tmp_path, group, max_updates=4).losses()

    for error in together(2, tmp_path, outcome):
        assert isinstance(error, RunError)
        assert "even with one sentence at a time" in str(error)


def test_the_clock_of_the_first_process_counts(tmp_path: Path) -> None:
    """Another one's runs a hundred times as fast."""

    def outcome(group: Group) -> tuple[list[int], str, int]:
        bench = Shared(tmp_path, group, max_minutes=0.02, validate_every=1000)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(plan, "PLAN_AFTER", 5)
            patch.setattr(plan, "PLAN_WARM", 1)
            if group.rank:
                patch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: 100 * time.monotonic()))
            events = list(bench.events())
        last = events[-1]
        assert isinstance(last, loop.Finished)
        planned = [event.updates for event in events if isinstance(event, loop.Planned)]
        return planned, last.reason, bench.training.progress.update

    first, second = together(2, tmp_path, outcome)
    assert isinstance(first, tuple), first
    assert first == second
    assert first[0]


def test_all_begin_with_what_the_first_one_has(tmp_path: Path) -> None:
    wanted = Shared(tmp_path, max_updates=5, ema=0.5)
    of_one = wanted.until(3)

    def outcome(group: Group) -> tuple[Progress, list[np.ndarray[Any, Any]]]:
        bench = Shared(tmp_path, group, max_updates=5, ema=0.5)
        training = of_one if group.rank == 0 else bench.make()
        module.begin_alike(training, group)
        kept = [*module.values(training), *training.tensors().values()]
        assert not module.differs(training, group)
        if group.rank == 1:
            kept[0][0] += 1e-6
        assert module.differs(training, group)
        module.level(training, group)
        assert not module.differs(training, group)
        return training.progress, [one.numpy().copy() for one in kept]

    theirs = [*module.values(of_one), *of_one.tensors().values()]
    for progress, values in together(3, tmp_path, outcome):
        assert progress == of_one.progress
        assert all(np.array_equal(one, other.numpy()) for one, other in zip(values, theirs, strict=True))


def test_what_a_group_says(tmp_path: Path) -> None:
    def outcome(group: Group) -> Any:
        longer = "ä" * 3 * group.rank
        row = torch.arange(9.0) * (group.rank + 1)
        group.summed(row)
        rounded = torch.full((3,), 1 + 2.0**-9 * group.rank)
        group.summed(rounded, narrow=True)
        said = by_first(group, lambda: ["first", group.rank])
        assert not group.was_done("it")
        group.gathered(None)
        if group.rank == 0:
            group.note_done("it")
        group.gathered(None)
        assert group.was_done("it")
        return group.exchange(group.rank, 0.1), group.gathered([longer]), row.tolist(), rounded.tolist(), said

    for exchanged, gathered, row, rounded, said in together(3, tmp_path, outcome):
        assert exchanged == [(0, 0.1), (1, 0.1), (2, 0.1)]
        assert gathered == [[""], ["äää"], ["ääääää"]]
        assert row == [6.0 * number for number in range(9)]
        assert rounded == [3.0] * 3  # 1 + 2^-9 is 1 in bf16, 1 + 2^-8 too (ties to even)
        assert said == ["first", 0]


def test_a_process_that_is_killed_ends_the_others(tmp_path: Path) -> None:
    def outcome(group: Group) -> None:
        for event in Shared(tmp_path, group, max_updates=1000).events():
            if isinstance(event, loop.Updated) and group.rank == 1 and event.loss < 2.9:
                os.kill(os.getpid(), signal.SIGKILL)

    began = time.monotonic()
    first, killed, last = together(3, tmp_path, outcome)
    assert killed is None
    assert time.monotonic() - began < 10
    for error in (first, last):
        assert "one of the 3 processes that train together is gone" in str(error)


@pytest.mark.parametrize(("version", "waits"), [("2.6.0+cu124", True), ("2.13.0+cpu", False)])
def test_an_older_torch_is_given_time_to_end(version: str, waits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's lock is free meanwhile: else its threads and whoever waits for them stand still for ever."""
    did: list[str] = []
    monkeypatch.setattr(torch, "__version__", version)
    monkeypatch.setattr(time, "sleep", lambda seconds: did.append("waits"))
    monkeypatch.setattr(torch.distributed, "destroy_process_group", lambda *group: did.append("ends"))
    group = Processes.__new__(Processes)
    group._patient = group._long = group._waiting = cast(Any, None)
    group.leave()
    group.let_go()
    assert did == ["waits"] * waits + ["ends"] + ["waits"] * waits + ["ends", "ends"]


def test_memory_that_runs_out_is_no_process_that_is_gone() -> None:
    group = Processes.__new__(Processes)
    group.rank, group.size = 0, 2
    with pytest.raises(torch.OutOfMemoryError), group._all_there():
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
    with pytest.raises(WorkerError, match="is gone"), group._all_there():
        raise RuntimeError("Connection closed by peer")


def test_a_norm_that_is_not_finite_in_one_process_is_so_in_all() -> None:
    """With local updates on a GPU it is looked at only after all have come together."""
    other = SimpleNamespace(size=2, exchange=lambda *mine: [mine, (1.0, math.nan, 3.0, 4.0, 5, 6, 1)])
    made: Any = SimpleNamespace(tokens=[7, 8], progress=Progress())
    made.numbers = [torch.tensor(3.0), torch.tensor(1.0), 5.0, torch.tensor(2.0)]
    assert loop._Made.come_together(made, cast(Group, other)) == 26
    assert made.numbers[::2] == [4.0, 8.0]
    assert all(isinstance(norm, torch.Tensor) for norm in made.numbers[1::2])
    assert math.isnan(float(made.numbers[1]))
    assert float(made.numbers[3]) == 3.0


@pytest.mark.parametrize("way", ["nesterov", "average"])
def test_local_updates_are_those_of_local_sgd_and_diloco(way: str, tmp_path: Path) -> None:
    """Against two models that are trained apart and brought together by torch's own outer optimiser."""
    settings: dict[str, Any] = {"model": RECURRENT | {"dropout": 0.0}, "optimizer": "sgd", "betas": [0.0, 0.9]}
    _, weights = trained(2, tmp_path, max_updates=6, sync_every=2, outer=way, **settings)
    parts = [Shared(tmp_path, max_updates=1, **settings) for _ in range(2)]
    batches = list(parts[0].sampler.epoch(0))
    outer_model = Shared(tmp_path, max_updates=1, **settings).training.model
    outer = torch.optim.SGD(outer_model.parameters(), lr=0.7, momentum=0.9, nesterov=True)
    if way == "average":
        outer = torch.optim.SGD(outer_model.parameters(), lr=1)
    rounds = [[batches[0:2], batches[2:4]], [batches[4:5]]]
    following = list(parts[0].sampler.epoch(1))
    rounds += [[following[0:2]], [following[2:4], following[4:5]]]  # after update 4, and at the end of the epoch
    made = 0
    for turn in rounds:
        for updates in turn:
            made += 1
            for bench, pairs in zip(parts, updates, strict=False):
                batch = bench.batch(*pairs)
                maker = bench.updates(bench.training)
                maker.gradients([[batch]], batch.target_tokens)
                maker.apply(0.01)
        with torch.no_grad():
            for mine, *theirs in zip(
                *(one.parameters() for one in (outer_model, *(p.training.model for p in parts))), strict=True
            ):
                mine.grad = mine - (theirs[0] + theirs[1]) / 2
        outer.step()
        for bench in parts:
            bench.training.model.load_state_dict(outer_model.state_dict())
    assert made == 6
    for got, wanted in zip(weights, module.values(parts[0].training), strict=False):
        np.testing.assert_allclose(got, wanted.numpy(), atol=1e-6)


@pytest.mark.parametrize(
    "settings", [{"model": NORMED, "outer": "nesterov"}, {"optimizer": "nadam", "reduce": "bf16", "accumulate": 2}]
)
def test_local_updates_go_on_from_a_checkpoint(settings: dict[str, Any], tmp_path: Path) -> None:
    def outcome(group: Group) -> Any:
        bench = Shared(tmp_path, group, max_updates=9, sync_every=2, **settings)
        whole = bench.outcome()
        stopped = bench.make()
        for event in bench.events(stopped):
            if isinstance(event, loop.Updated) and stopped.progress.update >= 4:
                break
        folder = tmp_path / f"saved{group.size}{group.rank}"
        checkpoint.save(folder, stopped)
        again = bench.make()
        assert checkpoint.load(folder, again) == []
        assert again.progress.target_tokens == stopped.progress.target_tokens
        losses = bench.losses(again)
        return whole, losses, [value.numpy().copy() for value in module.values(again)]

    for size in (1, 2):
        first, *others = together(size, tmp_path, outcome)
        assert isinstance(first, tuple), getattr(first, "__notes__", first)
        (losses, values), rest, again = first
        assert losses[-len(rest) :] == rest
        assert 0 < len(rest) < len(losses) == 9
        assert all(np.array_equal(one, other) for one, other in zip(values, again, strict=True))
        for (theirs, _), _, weights in others:
            assert theirs == losses
            assert all(np.array_equal(one, other) for one, other in zip(weights, again, strict=True))


@pytest.mark.parametrize(("settings", "named"), [({"ema": 0.9}, "ema = 0.9"), ({"validate_every": 9}, "no multiple")])
def test_what_local_updates_do_not_go_with(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Train.model_validate({"sync_every": 2, **settings})
