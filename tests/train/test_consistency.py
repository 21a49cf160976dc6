"""Agreement of two passes: what is compared, what it weighs, and that a run with it learns and resumes."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mtkit.corpus.batch import Batch
from mtkit.schema import Train
from mtkit.train import loop
from mtkit.train.loss import Objective, Twice, batch_loss
from mtkit.train.state import Training
from tests.train.bench import Bench


def objective(name: str) -> Objective:
    weight = {} if name == "none" else {"consistency_weight": 4.0}
    return Objective.of(Train.model_validate({"consistency": name} | weight))


def gradients(training: Training, batch: Batch, wanted: Objective) -> tuple[float, Tensor]:
    loss, count = batch_loss(training.model, batch, wanted)
    (loss / count).backward()
    made = torch.cat([p.grad.flatten() for p in training.model.parameters() if p.grad is not None])
    training.optimizer.zero_grad()
    return float(loss.detach()) / count, made


def test_weights_are_those_of_the_papers() -> None:
    """R-Drop: -log p - log q + a/2 (KL(p||q) + KL(q||p)), here by half; SimCut: -log p + a KL(p||q)."""
    assert objective("none").twice is None
    assert objective("rdrop") == Objective(0.1, Twice(0.5, 0.5, 1.0, 1.0), 0.0)
    assert objective("simcut") == Objective(0.1, Twice(1.0, 0.0, 4.0, 0.0), 0.05)


@pytest.mark.parametrize("name", ["rdrop", "simcut"])
def test_equal_passes_agree(tmp_path: Path, name: str) -> None:
    """Without anything random the loss and its gradients are those of one pass."""
    bench = Bench(tmp_path, dropout=0.0, max_updates=1)
    sources, targets = next(iter(bench.sampler.epoch(0)))
    training = bench.training
    training.model.double().train()
    twice = Objective(0.1, objective(name).twice)
    one = gradients(training, bench.batch(sources, targets), Objective(0.1))
    two = gradients(training, bench.batch(sources, targets, copies=2), twice)
    assert two[0] == pytest.approx(one[0], rel=1e-12)
    torch.testing.assert_close(two[1], one[1], rtol=1e-9, atol=1e-12)


def test_only_every_second_sentence_is_cut(tmp_path: Path) -> None:
    bench = Bench(tmp_path, dropout=0.0, max_updates=1)
    sources, targets = next(iter(bench.sampler.epoch(0)))
    model = bench.training.model.double().train()
    batch = bench.batch(sources, targets, copies=2)
    features, words = model(batch, cut=0.5)
    whole, _ = model(batch)
    assert torch.equal(words[::2], words[1::2])
    torch.testing.assert_close(features[::2], whole[::2])
    assert (features[1::2] - whole[1::2]).norm() > 0.1 * whole[1::2].norm()
    everything, _ = model(batch, cut=0.95)
    assert everything.isfinite().all()


@pytest.mark.parametrize("name", ["rdrop", "simcut"])
def test_runs_learn_repeat_and_halve(tmp_path: Path, name: str) -> None:
    bench = Bench(tmp_path, dropout=0.2, max_updates=150, consistency=name)
    losses = bench.losses()
    assert losses[-1] < 0.75 * losses[0]
    assert bench.training.progress.target_tokens < 150 * 60  # each pair counts once
    resumed = bench.until(70)
    assert bench.losses(resumed) == losses[70:]
    whole, halved = bench.make(), bench.make()
    halved.progress.parts = 2
    firsts = []
    for training in (whole, halved):
        model: Any = training.model
        model.dropout = model.encoder.dropout = 0.0
        event = next(iter(bench.events(training)))
        assert isinstance(event, loop.Updated)
        firsts.append(event.loss)
    if name == "rdrop":  # nothing is random then
        assert firsts[0] == pytest.approx(firsts[1], rel=1e-5)
