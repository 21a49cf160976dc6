"""What runs on a CPU runs on a GPU and gives the same. Skipped where there is none."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mtkit.config import load
from mtkit.corpus.batch import Batch, Batcher, FixedBatcher
from mtkit.jobs.train import train
from mtkit.jobs.view import Silent
from mtkit.model.build import build
from mtkit.ops import products
from mtkit.schema import Model, Train
from mtkit.store import checkpoint
from mtkit.train import optimizer, precision
from mtkit.train.graphs import Graphs
from mtkit.train.loss import Objective, batch_loss
from mtkit.train.state import Progress, Training
from mtkit.train.updates import Updates
from tests.system.toy import make as make_toy
from tests.train.bench import Bench

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
BLOCKS = {"name": "transformer", "layers": 2, "heads": 4}
MODELS: dict[str, dict[str, Any]] = {
    "input_feeding": {},
    "conditional": {"decoder": {"cell": "lstm_ln", "wiring": "conditional"}},
    "gnmt": {"decoder": {"layers": 2, "wiring": "gnmt"}, "attention": {"name": "multihead"}},
    "local": {"attention": {"name": "local"}, "encoder": {"cell": "ssru", "layers": 2}},
    "transformer": {"encoder": BLOCKS, "decoder": BLOCKS},
}


def batch() -> Batch:
    sources = [[5, 6, 7, 8], [9], [10, 11, 12, 13, 14, 15], [3, 4]] * 8
    targets = [[4, 5], [6, 7, 8, 9, 10], [11], [12, 13, 14, 15]] * 8
    return Batcher(source_eos=2, target_bos=1, target_eos=2)(sources, targets)


def gradients(settings: dict[str, Any], device: str, name: str = "fp32") -> tuple[float, Tensor]:
    """The loss of a batch and all gradients, without dropout, which is drawn otherwise on a GPU."""
    torch.manual_seed(1)
    model = build(Model.model_validate({"embed_dim": 24, "hidden_dim": 32, "dropout": 0.0} | settings), 20, 20, True)
    model.to(device).train()
    with products.precision(name):
        loss, _ = batch_loss(model, batch().to(torch.device(device)), Objective(0.1))
        torch.autograd.backward(loss)
    found = [parameter.grad.flatten().cpu() for parameter in model.parameters() if parameter.grad is not None]
    return loss.item(), torch.cat(found)


@pytest.mark.parametrize("name", MODELS)
def test_gradients_are_those_of_the_cpu(name: str) -> None:
    (loss, ours), (wanted, theirs) = gradients(MODELS[name], "cuda"), gradients(MODELS[name], "cpu")
    assert loss == pytest.approx(wanted, rel=1e-4)
    torch.testing.assert_close(ours, theirs, atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize("name", MODELS)
def test_bf16(name: str) -> None:
    (loss, ours), (wanted, theirs) = gradients(MODELS[name], "cuda", "bf16"), gradients(MODELS[name], "cuda")
    assert loss == pytest.approx(wanted, rel=0.01)
    assert torch.nn.functional.cosine_similarity(ours, theirs, 0) > 0.98


@pytest.mark.parametrize("name", MODELS)
def test_it_learns_with_dropout(name: str) -> None:
    device = torch.device("cuda")
    torch.manual_seed(1)
    model = build(Model.model_validate({"embed_dim": 24, "hidden_dim": 32} | MODELS[name]), 20, 20, True)
    model.to(device).train()
    stepper, here = optimizer.make(model, Train(lr=1e-2)), batch().to(device)
    losses = []
    for _ in range(40):
        loss, count = batch_loss(model, here)
        torch.autograd.backward(loss / count)
        stepper.step()
        stepper.zero_grad()
        losses.append(loss.item() / count)
    assert losses[-1] < 0.5 * losses[0]


CUDA = torch.device("cuda")


class CudaBench(Bench):
    """The bench on a GPU, with dropout, in batches of a few shapes."""

    recording = True

    def __init__(self, folder: Path, table: dict[str, Any], precision: str = "tf32", **settings: Any) -> None:
        self.table, self.precision = table, precision
        super().__init__(folder, label_smoothing=0.1, **settings)
        self.sampler = replace(self.sampler, shaped=True)

    def make(self) -> Training:
        torch.manual_seed(0)
        model = build(Model.model_validate({"embed_dim": 24, "hidden_dim": 32} | self.table), 20, 20, shared=True)
        return Training.begin(model.to(CUDA), self.settings, Progress(precision=self.precision))

    def batch(self, sources: object, targets: object, copies: int = 0) -> Batch:
        copies = copies or Objective.of(self.settings).copies
        return FixedBatcher(2, 1, 2, copies, CUDA, batch_tokens=60)(sources, targets)  # type: ignore[arg-type]

    def updates(self, training: Training) -> Updates:
        self.graphs = Graphs(training, self.settings, 1)
        self.graphs.recording = self.recording
        return self.graphs


class EagerBench(CudaBench):
    recording = False


@pytest.mark.parametrize("name", MODELS)
def test_fixed_shapes_give_what_packed_ones_give(name: str) -> None:
    results = []
    for make in (Batcher(2, 1, 2), FixedBatcher(2, 1, 2, device=CUDA, batch_tokens=40)):
        torch.manual_seed(1)
        table = {"embed_dim": 24, "hidden_dim": 32, "dropout": 0.0} | MODELS[name]
        model = build(Model.model_validate(table), 20, 20, True).to(CUDA).train()
        loss, count = batch_loss(model, make([[5, 6, 7, 8], [9]], [[4, 5], [6, 7, 8, 9, 10]]).to(CUDA), Objective(0.1))
        torch.autograd.backward(loss)
        gradients = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
        results.append((loss.item(), count, torch.cat(gradients)))
    (ours, our_count, one), (theirs, their_count, other) = results
    assert our_count == their_count == 9
    assert ours == pytest.approx(theirs, rel=1e-4)
    torch.testing.assert_close(one, other, atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize("name", MODELS)
def test_recorded_updates_are_the_eager_ones_and_repeat_to_the_bit(name: str, tmp_path: Path) -> None:
    table = MODELS[name]
    bench = CudaBench(tmp_path, table, max_updates=40)
    losses = bench.losses()
    assert bench.graphs.recordings
    assert not bench.graphs.refused
    assert losses == CudaBench(tmp_path, table, max_updates=40).losses()
    assert losses == pytest.approx(EagerBench(tmp_path, table, max_updates=40).losses(), rel=1e-3)


def test_a_run_goes_on_to_the_bit(tmp_path: Path) -> None:
    bench = CudaBench(tmp_path, {}, max_updates=40, ema=0.9)
    whole = bench.make()
    list(bench.events(whole))
    stopped = CudaBench(tmp_path, {}, max_updates=17, ema=0.9)
    half = stopped.make()
    list(stopped.events(half))
    checkpoint.save(tmp_path / "kept", half)
    again = bench.make()
    assert not list(checkpoint.load(tmp_path / "kept", again))
    again.progress.reopen()
    list(bench.events(again))
    for one, other in zip(again.measured.parameters(), whole.measured.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("settings", [{"accumulate": 2}, {"consistency": "rdrop"}, {"consistency": "simcut"}])
@pytest.mark.parametrize("optimizer_name", ["adamw", "sgd"])
def test_settings_of_training(settings: dict[str, Any], optimizer_name: str, tmp_path: Path) -> None:
    bench = CudaBench(tmp_path, {}, "bf16", max_updates=60, optimizer=optimizer_name, **settings)
    losses = bench.losses()
    assert bench.graphs.recordings
    assert losses[-1] < losses[0]


def test_activations_in_bf16_learn(tmp_path: Path) -> None:
    exact, rounded = (
        CudaBench(tmp_path, MODELS["transformer"], name, max_updates=60).losses() for name in ("fp32", "amp")
    )
    assert rounded[-1] < 0.8 * rounded[0]
    # Masks of dropout are other ones for other types: what is compared is where it leads.
    assert sum(rounded[-20:]) == pytest.approx(sum(exact[-20:]), rel=0.1)


def test_the_job(tmp_path: Path) -> None:
    """From text to a bundle, on a GPU; and again, which goes on from there."""
    folder = make_toy(tmp_path)
    limits = ["train.precision=auto", "train.validate_every=20"]
    progress = train(load(str(folder / "mtkit.toml"), [*limits, "train.max_updates=30"]), Silent(), device="cuda")
    assert (progress.update, progress.precision in precision.WAYS, progress.shaped) == (30, True, True)
    progress = train(load(str(folder / "mtkit.toml"), [*limits, "train.max_updates=60"]), Silent(), device="cuda")
    assert progress.update == 60
    assert progress.scores["loss"] > 0
