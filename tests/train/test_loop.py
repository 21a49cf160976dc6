"""Loss, checkpoints and the loop, each against something independent."""

import dataclasses
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from mtkit.errors import BundleError, RunError
from mtkit.model.build import build
from mtkit.ops import products
from mtkit.schema import Model
from mtkit.store import checkpoint
from mtkit.train import loop, plan, precision, updates
from mtkit.train import loss as losses
from mtkit.train.state import Progress
from tests.train.bench import Bench


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("chunk", [1, 40, 1 << 20])
def test_loss_equals_torch(monkeypatch: pytest.MonkeyPatch, smoothing: float, chunk: int) -> None:
    monkeypatch.setattr(losses, "CHUNK_NUMBERS", chunk)
    torch.manual_seed(0)
    features = torch.randn(13, 5, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(11, 5, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(11, dtype=torch.float64, requires_grad=True)
    words = torch.randint(11, (13,))
    ours, count = losses.cross_entropy(features, words, weight, bias, smoothing)
    theirs = torch.nn.functional.cross_entropy(
        features @ weight.T + bias, words, reduction="sum", label_smoothing=smoothing
    )
    assert count == 13
    torch.testing.assert_close(ours, theirs)
    gradients = [torch.autograd.grad(3 * loss, [features, weight, bias]) for loss in (ours, theirs)]
    for got, wanted in zip(*gradients, strict=True):
        torch.testing.assert_close(got, wanted)


@pytest.mark.parametrize("weights", [(0.5, 0.5, 1.0, 1.0), (1.0, 0.0, 3.0, 0.0)])
@pytest.mark.parametrize("chunk", [1, 40, 1 << 20])
def test_loss_of_two_passes_equals_torch(
    monkeypatch: pytest.MonkeyPatch, weights: tuple[float, float, float, float], chunk: int
) -> None:
    monkeypatch.setattr(losses, "CHUNK_NUMBERS", chunk)
    torch.manual_seed(0)
    features = torch.randn(14, 5, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(11, 5, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(11, dtype=torch.float64, requires_grad=True)
    words = torch.randint(11, (7,)).repeat_interleave(2)
    ours, count = losses.cross_entropy(features, words, weight, bias, 0.1, losses.Twice(*weights))
    logits = features @ weight.T + bias
    p, q = (torch.log_softmax(logits[place::2], -1) for place in (0, 1))
    nn = torch.nn.functional
    parts = [
        *(nn.cross_entropy(logits[at::2], words[::2], reduction="sum", label_smoothing=0.1) for at in (0, 1)),
        *(nn.kl_div(log, of, reduction="sum", log_target=True) for log, of in ((q, p), (p, q))),
    ]
    theirs = torch.stack([weight * part for weight, part in zip(weights, parts, strict=True)]).sum()
    assert count == 7
    torch.testing.assert_close(ours, theirs)
    gradients = [torch.autograd.grad(3 * loss, [features, weight, bias]) for loss in (ours, theirs)]
    for got, wanted in zip(*gradients, strict=True):
        torch.testing.assert_close(got, wanted)


def test_the_loop_learns_and_ends(tmp_path: Path) -> None:
    bench = Bench(tmp_path, max_updates=150, validate_every=60)
    events = list(bench.events())
    updates = [event for event in events if isinstance(event, loop.Updated)]
    assert len(updates) == 150
    assert updates[-1].loss < 0.6 * updates[0].loss
    assert [type(event) for event in events].count(loop.Due) == 3  # at 60, 120 and the end
    assert events[-1] == loop.Finished("max_updates = 150")
    assert bench.training.progress.finished
    per_epoch = bench.sampler.batches(0)
    assert (bench.training.progress.epoch, bench.training.progress.batch) == divmod(150, per_epoch)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"max_epochs": 2}, "max_epochs = 2"),
        ({"max_updates": 3, "max_epochs": 9}, "max_updates = 3"),
        ({"max_updates": 500, "patience": 2, "validate_every": 4}, "patience = 2"),
        ({"max_minutes": 0.02}, "max_minutes = 0.02"),
    ],
)
def test_the_first_limit_ends_it(tmp_path: Path, settings: dict[str, Any], reason: str) -> None:
    last = list(Bench(tmp_path, **settings).events())[-1]
    assert isinstance(last, loop.Finished)
    assert last.reason.startswith(reason)


def test_a_time_budget_becomes_updates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "PLAN_SHARE", 0.6)  # 3.6 s of 6
    now = [0.0]
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: now[0]))
    bench = Bench(tmp_path, max_minutes=0.1, validate_every=1000)
    batch = bench.batch

    def slowly(*pairs: Any) -> Any:  # a batch an update, which takes as long as its tokens say
        made = batch(*pairs)
        now[0] += 0.001 * made.target_tokens
        return made

    monkeypatch.setattr(bench, "batch", slowly)
    plans = []
    for event in bench.events():
        if isinstance(event, loop.Planned):
            plans.append(event.updates)
            assert event.before == (plans[-2] if len(plans) > 1 else 0)
            assert bench.training.progress.update >= plan.PLAN_AFTER
            assert bench.training.progress.seconds >= 3.6
    assert bench.training.progress.update == bench.training.progress.total_updates == plans[-1] > plan.PLAN_AFTER
    assert plans[-1] == pytest.approx(plans[0], rel=0.1)
    assert 5.0 < bench.training.progress.seconds < 6.0


def test_resuming_anywhere_is_exact(tmp_path: Path) -> None:
    """Stopped after any update and read back from disk, the rest of the run is the same, bit for bit."""
    bench = Bench(tmp_path, max_updates=12, validate_every=5, schedule="linear", warmup=3)
    whole = [event.loss for event in bench.events() if isinstance(event, loop.Updated)]
    final = [parameter.detach().clone() for parameter in bench.training.model.parameters()]
    for stop in (1, 5, 9):
        training, folder = bench.make(), tmp_path / f"stop{stop}"
        for event in bench.events(training):
            if isinstance(event, loop.Updated) and training.progress.update == stop:
                break
        checkpoint.save(folder, training)
        again = bench.make()
        torch.nn.init.zeros_(again.model.source_VE)
        assert checkpoint.load(folder, again) == []
        rest = [event.loss for event in bench.events(again) if isinstance(event, loop.Updated)]
        assert rest == whole[stop:]
        for parameter, wanted in zip(again.model.parameters(), final, strict=True):
            assert torch.equal(parameter, wanted)


def test_two_runs_are_bit_equal(tmp_path: Path) -> None:
    bench = Bench(tmp_path, max_updates=20)
    one, other = (
        [event.loss for event in bench.events(bench.make()) if isinstance(event, loop.Updated)] for _ in range(2)
    )
    assert one == other


def test_validation_that_was_interrupted_is_done_first(tmp_path: Path) -> None:
    bench = Bench(tmp_path, max_updates=6, validate_every=3)
    for event in bench.events():
        if isinstance(event, loop.Updated) and bench.training.progress.update == 3:
            break
    assert bench.training.progress.validated == 0
    assert isinstance(next(iter(bench.events())), loop.Due)


def test_a_gradient_that_is_not_finite_is_said(tmp_path: Path) -> None:
    bench = Bench(tmp_path, max_updates=3)
    bench.training.model.source_VE.data.fill_(float("nan"))
    with pytest.raises(RunError, match="not finite.*lower train.lr"):
        list(bench.events())


def test_patience_and_best() -> None:
    progress = Progress(update=10)
    assert progress.record(0.0, {"loss": 9.0})
    assert progress.record(0.0, {"loss": 8.0})  # at the same score a lower loss is a gain
    assert not progress.record(0.0, {"loss": 8.5})
    progress.update = 20
    assert not progress.record(0.0, {"loss": 8.0})
    assert (progress.without_gain, progress.best_update, progress.validated) == (2, 10, 20)
    assert progress.record(6.0, {"loss": 9.5})
    assert (progress.without_gain, progress.best, progress.best_update) == (0, 6.0, 20)
    assert progress.setbacks == 2  # these are not forgotten
    assert not progress.record(5.0, {"loss": 9.5}, warmup=20)  # the rate still rises
    assert (progress.without_gain, progress.setbacks) == (0, 3)
    assert not progress.record(5.0, {"loss": 9.5}, warmup=19)
    assert progress.without_gain == 1


def test_a_torn_checkpoint_is_passed_over(tmp_path: Path) -> None:
    bench = Bench(tmp_path, max_updates=4)
    saved = tmp_path / "checkpoints"
    for event in bench.events():
        if isinstance(event, loop.Updated):
            checkpoint.save(saved, bench.training)
    assert checkpoint.names(saved) == ["00000003", "00000004"]  # two are kept
    data = (saved / "00000004/model.safetensors").read_bytes()
    (saved / "00000004/model.safetensors").write_bytes(data[:-100])
    again = bench.make()
    (wrong,) = checkpoint.load(saved, again)
    assert "00000004/model.safetensors has changed" in wrong
    assert again.progress.update == 3
    (saved / "00000003/progress.json").unlink()
    with pytest.raises(BundleError, match="no checkpoint in .* is whole"):
        checkpoint.load(saved, bench.make())
    shutil.rmtree(saved)
    assert checkpoint.load(saved, bench.make()) == []


def test_progress_survives_json(tmp_path: Path) -> None:
    bench = Bench(tmp_path, max_updates=2)
    list(bench.events())
    bench.training.progress.scores = {"bleu": 1.25}
    bench.training.progress.best_scores = {"loss": 2.5, "bleu": 1.25}
    checkpoint.save(tmp_path / "c", bench.training)
    again = bench.make()
    checkpoint.load(tmp_path / "c", again)
    assert dataclasses.asdict(again.progress) == dataclasses.asdict(bench.training.progress)


def test_precision_goes_by_model_and_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    transformer = {"name": "transformer", "layers": 1}
    tables = {
        "small": {"embed_dim": 48, "hidden_dim": 64},
        "large": {"embed_dim": 192, "hidden_dim": 256},
        "transformer": {"embed_dim": 256, "hidden_dim": 256, "encoder": transformer, "decoder": transformer},
    }
    models = {name: build(Model.model_validate(table), 2000, 2000, shared=True) for name, table in tables.items()}
    cpu, cuda = torch.device("cpu"), torch.device("cuda")

    def chosen(device: torch.device, native: bool = True) -> list[str]:
        return [precision.choose(device, model, native).name for model in models.values()]

    monkeypatch.setattr(precision, "has_bf16", lambda device: True)
    assert chosen(cpu) == ["fp32", "bf16", "bf16"]
    assert chosen(cpu, native=False) == ["fp32"] * 3
    assert chosen(cuda) == ["tf32", "tf32", "amp"]
    monkeypatch.setattr(precision, "has_bf16", lambda device: False)
    assert chosen(cpu) == ["fp32"] * 3
    assert chosen(cuda) == ["tf32"] * 3


class Memory:
    """Stands for a device on which so many sentences at once are too many."""

    def __init__(self, sentences: int, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
        real = losses.batch_loss
        self.seen: list[int] = []

        def batch_loss(model: Any, batch: Any, smoothing: Any) -> Any:
            self.seen.append(len(batch.source_BS))
            if len(batch.source_BS) <= sentences:
                return real(model, batch, smoothing)
            for parameter in model.parameters():
                parameter.grad = torch.ones_like(parameter)  # it came far enough to leave something behind
            raise error

        monkeypatch.setattr(updates, "batch_loss", batch_loss)


LACKS = {
    "GPU": torch.OutOfMemoryError("CUDA out of memory"),
    "CPU": RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    "Python": MemoryError(),
}


@pytest.mark.parametrize("where", LACKS)
def test_out_of_memory_halves_the_batch(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The update is the same, in parts; and so are all that follow, without another failure of the same size."""
    bench = Bench(tmp_path, dropout=0.0, max_updates=3)
    whole, wanted = bench.make(), bench.make()
    expected = [event for event in bench.events(wanted) if isinstance(event, loop.Updated)]
    memory = Memory(6, LACKS[where], monkeypatch)
    events = [event for event in bench.events(whole) if not isinstance(event, loop.Due | loop.Finished)]
    halved = [event.parts for event in events if isinstance(event, loop.Halved)]
    assert halved == [2 ** (number + 1) for number in range(len(halved))]
    assert len(halved) == sum(count > 6 for count in memory.seen) >= 1
    assert whole.progress.parts == halved[-1]
    got = [event for event in events if isinstance(event, loop.Updated)]
    assert [event.loss for event in got] == pytest.approx([event.loss for event in expected], rel=1e-5)
    assert [event.target_tokens for event in got] == [event.target_tokens for event in expected]
    assert whole.progress.batch == wanted.progress.batch
    for ours, theirs in zip(whole.model.parameters(), wanted.model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-4, rtol=1e-3)


def test_out_of_memory_with_one_sentence_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path, max_updates=3)
    Memory(0, MemoryError(), monkeypatch)
    with pytest.raises(RunError, match="even with one sentence at a time"):
        list(bench.events())


def test_other_errors_are_not_taken_for_a_lack_of_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path, max_updates=3)
    Memory(0, RuntimeError("a bug of ours"), monkeypatch)
    with pytest.raises(RuntimeError, match="a bug of ours"):
        list(bench.events())


def test_bf16_gradients_are_those_of_fp32_but_for_rounding(tmp_path: Path) -> None:
    bench = Bench(tmp_path, max_updates=1)
    sources, targets = next(iter(bench.sampler.epoch(0)))
    gradients = []
    for name in ("fp32", "bf16"):
        model = bench.make().model.eval()
        with products.precision(name):
            loss, count = losses.batch_loss(model, bench.batch(sources, targets), losses.Objective(0.1))
            (loss / count).backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    difference = (gradients[0] - gradients[1]).norm() / gradients[0].norm()
    assert 1e-5 < float(difference) < 0.02
