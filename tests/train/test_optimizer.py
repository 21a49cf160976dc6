"""Optimisers, clipping and accumulation: one update of the loop against the same made by hand."""

import copy
import math
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mtkit.errors import RunError
from mtkit.model import tensors
from mtkit.registry import CHOICES
from mtkit.schema import Train
from mtkit.store import checkpoint
from mtkit.train import loop, optimizer, updates
from mtkit.train.loss import batch_loss
from tests.train.bench import Bench

LR, BETAS, DECAY = 0.05, (0.8, 0.95), 0.1
REFERENCES = {  # one parameter at a time, by torch's plainest path
    "sgd": lambda p, d: torch.optim.SGD(p, LR, momentum=0.8, weight_decay=d, foreach=False),
    "adagrad": lambda p, d: torch.optim.Adagrad(p, LR, weight_decay=d, foreach=False),
    "adadelta": lambda p, d: torch.optim.Adadelta(p, LR, rho=0.95, weight_decay=d, foreach=False),
    "rmsprop": lambda p, d: torch.optim.RMSprop(p, LR, alpha=0.95, weight_decay=d, foreach=False),
    "adam": lambda p, d: torch.optim.Adam(p, LR, BETAS, 1e-9, weight_decay=d, foreach=False),
    "adamw": lambda p, d: torch.optim.AdamW(p, LR, BETAS, 1e-9, weight_decay=d, foreach=False),
    "nadam": lambda p, d: torch.optim.NAdam(p, LR, BETAS, 1e-9, weight_decay=d, foreach=False),
    "radam": lambda p, d: torch.optim.RAdam(p, LR, BETAS, 1e-9, weight_decay=d, foreach=False),
}


@pytest.fixture
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", CHOICES["optimizer"])
def test_every_optimizer_steps_as_torch_does(float64: None, name: str) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Conv1d(2, 2, 3))
    other = copy.deepcopy(model)
    settings = Train(optimizer=name, lr=LR, betas=list(BETAS), weight_decay=DECAY)
    ours: Any = optimizer.make(model, settings)
    references: Any = REFERENCES
    theirs = [references[name]([p], DECAY if p.dim() > 1 else 0.0) for p in other.parameters()]
    for _ in range(7):
        for mine, its in zip(model.parameters(), other.parameters(), strict=True):
            # Far smaller than most epsilons, so that these count too.
            mine.grad = torch.randn(mine.shape) * 1e-7
            its.grad = mine.grad.clone()
        for one in (ours, *theirs):
            one.step()
    for mine, its in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-12, atol=1e-14)


def test_a_tied_matrix_is_optimized_once(tmp_path: Path) -> None:
    training = Bench(tmp_path, weight_decay=0.1, max_updates=1).training
    groups = training.optimizer.param_groups
    assert [group["weight_decay"] for group in groups] == [0.1, 0.0]
    ids = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(ids) == sorted({id(parameter) for parameter in training.model.parameters()})
    assert {parameter.dim() for parameter in groups[1]["params"]} == {1}


@pytest.mark.parametrize("name", CHOICES["optimizer"])
def test_every_optimizer_resumes_exactly(tmp_path: Path, name: str) -> None:
    """With all that a checkpoint has to hold: state, mean of the weights, setbacks, a pass over the text half done."""
    choices: dict[str, Any] = {
        "accumulate": 2,
        "ema": 0.9,
        "schedule": "plateau",
        "validate_every": 2,
        "weight_decay": 0.01,
    }
    bench = Bench(tmp_path, optimizer=name, max_updates=9, **choices)
    whole = bench.losses()
    checkpoint.save(tmp_path / "c", bench.until(5))
    again = bench.make()
    for model in (again.model, again.measured):
        torch.nn.init.zeros_(model.source_VE)
    assert checkpoint.load(tmp_path / "c", again) == []
    assert again.progress.batch % 2 == 0
    assert again.progress.batch > 0
    assert again.progress.setbacks == 1
    assert bench.losses(again) == whole[5:]
    for mine, its in ((again.model, bench.training.model), (again.measured, bench.training.measured)):
        for one, other in zip(mine.parameters(), its.parameters(), strict=True):
            assert torch.equal(one, other)
    wanted = bench.training.tensors()
    assert wanted
    got = again.tensors()
    assert got.keys() == wanted.keys()
    assert all(torch.equal(got[key], wanted[key]) for key in wanted)


def gradients(bench: Bench, together: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Values and gradients before the first update, of its batches made one, by plain autograd and torch's loss."""
    model = bench.make().model
    stream = bench.sampler.epoch(0)
    pairs = [next(stream) for _ in range(together)]
    batch = bench.batch(
        [ids for sources, _ in pairs for ids in sources], [ids for _, targets in pairs for ids in targets]
    )
    features, words = model(batch, plain=True)
    logits = features @ model.output.weight_VE.T + model.output.bias_V
    nn.functional.cross_entropy(logits, words, label_smoothing=bench.settings.label_smoothing).backward()
    values = {name: tensor.detach().clone() for name, tensor in model.named_parameters()}
    return values, {name: tensor.grad for name, tensor in model.named_parameters() if tensor.grad is not None}


def one_update(bench: Bench) -> tuple[loop.Updated, dict[str, Tensor]]:
    event = next(iter(bench.events()))
    assert isinstance(event, loop.Updated)
    return event, {name: tensor.detach() for name, tensor in bench.training.model.named_parameters()}


SGD: dict[str, Any] = {"optimizer": "sgd", "betas": [0.0, 0.0], "lr": 1.0, "max_updates": 1}


@pytest.mark.parametrize("together", [1, 2, 3])
def test_accumulated_batches_are_one(float64: None, tmp_path: Path, together: int) -> None:
    bench = Bench(tmp_path, dropout=0.0, accumulate=together, clip_norm=0, **SGD)
    _, got = one_update(bench)
    values, grads = gradients(bench, together)
    for name, grad in grads.items():
        torch.testing.assert_close(got[name], values[name] - grad, rtol=1e-9, atol=1e-12)


def test_accumulation_counts_updates(tmp_path: Path) -> None:
    """Passes over the text whose last update has fewer batches: nothing is lost or seen twice."""
    bench = Bench(tmp_path, accumulate=3, max_epochs=3, schedule="linear")
    batches = [bench.sampler.batches(epoch) for epoch in range(3)]
    assert any(count % 3 for count in batches)
    updates, dues, tokens = [], [], 0
    for event in bench.events():
        if isinstance(event, loop.Updated):
            updates.append(event)
            tokens += event.target_tokens
        elif isinstance(event, loop.Due):
            dues.append(len(updates))
            assert tokens == len(dues) * (bench.sampler.split.target_pieces + len(bench.sampler.split))
    ends = [sum(math.ceil(count / 3) for count in batches[: epoch + 1]) for epoch in range(3)]
    assert dues == ends
    assert len(updates) == loop.total_updates(bench.training.progress, bench.settings, bench.per_epoch)
    assert updates[-1].lr == pytest.approx(0.01 / (len(updates) + 1))
    assert (bench.training.progress.epoch, bench.training.progress.batch) == (3, 0)
    assert bench.training.progress.target_tokens == tokens


def test_one_graph_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graphs: list[weakref.ref[Tensor]] = []

    def watched(*args: object) -> tuple[Tensor, int]:
        assert [graph() for graph in graphs] == [None] * len(graphs)
        loss, count = batch_loss(*args)  # type: ignore[arg-type]
        graphs.append(weakref.ref(loss))
        return loss, count

    monkeypatch.setattr(updates, "batch_loss", watched)
    list(Bench(tmp_path, accumulate=2, max_updates=2).events())
    assert len(graphs) == 4


def test_clipping_by_value_then_by_norm(float64: None, tmp_path: Path) -> None:
    bench = Bench(tmp_path, dropout=0.0, clip_value=0.01, clip_norm=0, **SGD)
    values, grads = gradients(bench, 1)
    clamped = {name: grad.clamp(-0.01, 0.01) for name, grad in grads.items()}
    assert any(not torch.equal(clamped[name], grads[name]) for name in grads)
    whole, norm = (math.sqrt(sum(float((g**2).sum()) for g in some.values())) for some in (grads, clamped))
    event, got = one_update(bench)
    assert event.grad_norm == pytest.approx(whole)  # before any clipping
    for name in grads:
        torch.testing.assert_close(got[name], values[name] - clamped[name], rtol=1e-9, atol=1e-12)
    bench = Bench(tmp_path, dropout=0.0, clip_value=0.01, clip_norm=norm / 4, **SGD)
    event, got = one_update(bench)
    assert event.grad_norm == pytest.approx(whole)
    for name in grads:
        torch.testing.assert_close(got[name], values[name] - clamped[name] / 4, rtol=1e-4, atol=1e-7)


def test_an_infinite_gradient_is_seen_before_it_is_clipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def infinite(model: nn.Module, *rest: object) -> tuple[Tensor, int]:
        return (next(model.parameters()) * math.inf).sum(), 1

    monkeypatch.setattr(updates, "batch_loss", infinite)
    with pytest.raises(RunError, match="not finite"):
        one_update(Bench(tmp_path, clip_value=0.01, **SGD))


def test_named_tensors_are_all_that_has_values() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.norm = nn.Linear(3, 3), nn.BatchNorm1d(3)
            self.two = nn.Linear(3, 3, bias=False)
            self.two.weight = self.one.weight
            self.register_buffer("scratch", torch.zeros(1), persistent=False)

    model = Tied()
    norm = ["norm.weight", "norm.bias", "norm.running_mean", "norm.running_var", "norm.num_batches_tracked"]
    assert list(tensors.named(model)) == ["one.weight", "one.bias", *norm]
    other = Tied()
    with torch.no_grad():
        for buffer, number in (("running_var", 3), ("num_batches_tracked", 5)):
            model.norm.get_buffer(buffer).fill_(number)
    tensors.assign(other, tensors.contiguous(model))
    assert other.two.weight is other.one.weight
    for name, value in tensors.named(model).items():
        assert torch.equal(tensors.named(other)[name], value)
