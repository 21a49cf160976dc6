"""The running mean of weights, the average of several, and values that are not parameters."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch import Tensor, nn

from mtkit import files
from mtkit.model import tensors
from mtkit.model.build import build
from mtkit.schema import Decode, Model
from mtkit.store import bundle, checkpoint
from mtkit.text.tokenizer import Tokenizer
from mtkit.train import averaging, loop
from mtkit.train.ema import Ema
from mtkit.train.state import Kept, Training
from tests.train.bench import Bench


def numbers(model: nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.detach().numpy().copy() for name, tensor in tensors.named(model).items()}


class Norm(nn.Module):
    """Stands for a layer with running statistics: two floats, a count, and what need not be saved."""

    def __init__(self, at: float = 0.0, count: int = 0) -> None:
        super().__init__()
        self.mean: Tensor
        self.count: Tensor
        self.weight = nn.Parameter(torch.full((2,), at))
        self.register_buffer("mean", torch.full((3,), at))
        self.register_buffer("count", torch.tensor(count))


def test_the_running_mean_by_hand(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ema=0.4, max_updates=12)
    mean = {name: value.astype(np.float64) for name, value in numbers(bench.training.model).items()}
    made = 0
    for event in bench.events():
        if isinstance(event, loop.Updated):
            made += 1
            decay = min(0.4, (1 + made) / (10 + made))  # 2/11, 3/12, 4/13, 5/14, 6/15 = 0.4, 0.4, ...
            for name, value in numbers(bench.training.model).items():
                mean[name] = decay * mean[name] + (1 - decay) * value
    assert made == 12
    assert bench.training.measured is not bench.training.model
    for name, value in numbers(bench.training.measured).items():
        np.testing.assert_allclose(value, mean[name], rtol=1e-5, atol=1e-7)
        assert not np.array_equal(value, numbers(bench.training.model)[name])


def test_the_running_mean_leaves_training_alone(tmp_path: Path) -> None:
    on, off = Bench(tmp_path, ema=0.9, max_updates=8), Bench(tmp_path, max_updates=8)
    assert on.losses() == off.losses()
    assert off.training.ema is None
    assert off.training.measured is off.training.model
    checkpoint.save(tmp_path / "c", off.training)
    assert not list((tmp_path / "c").glob("*/ema.safetensors"))


def test_the_running_mean_of_buffers() -> None:
    model = Norm(1.0, 1)
    ema = Ema(model, 0.5)  # type: ignore[arg-type]
    with torch.no_grad():
        model.weight.fill_(12.0)
        model.mean.fill_(12.0)
        model.count.fill_(2)
    ema.follow(ema.weight(1))
    weight, mean, count = tensors.named(ema.model).values()
    assert weight.tolist() == pytest.approx([10.0] * 2)  # 2/11 of 1 and 9/11 of 12
    assert mean.tolist() == pytest.approx([10.0] * 3)
    assert count.item() == 2


def kept(*ones: tuple[int, float, float]) -> list[Kept]:
    return [Kept(update=update, score=score, loss=loss) for update, score, loss in ones]


def test_which_are_kept() -> None:
    five = kept((10, 0.0, 5.0), (20, 7.0, 3.0), (30, 9.0, 3.5), (40, 7.0, 2.9), (50, 7.0, 3.0))

    def updates(number: int, of: str) -> list[int]:
        return [one.update for one in averaging.choose(five, number, of)]

    assert [updates(number, "last") for number in (0, 2, 9)] == [[], [40, 50], [10, 20, 30, 40, 50]]
    # By score, then by loss, then the first.
    assert [updates(number, "best") for number in (0, 1, 2, 3)] == [[], [30], [30, 40], [20, 30, 40]]
    assert updates(9, "best") == [10, 20, 30, 40, 50]


def test_the_mean_of_kept_weights(tmp_path: Path) -> None:
    folder, three = tmp_path / "kept", kept((9, 1.0, 1.0), (10, 2.0, 1.0), (110, 3.0, 1.0))
    generator = np.random.default_rng(0)
    values = generator.standard_normal(3).astype(np.float32)
    for one, value in zip(three, values, strict=True):
        averaging.keep(folder, Norm(float(value), one.update), one.update)  # type: ignore[arg-type]
    assert averaging.whole(folder, three, Norm()) == (three, [])  # type: ignore[arg-type]
    model = Norm()
    tensors.assign(model, averaging.mean(folder, three))
    wanted = values.astype(np.float64).mean().astype(np.float32)
    assert model.weight.tolist() == [wanted] * 2
    assert model.mean.tolist() == [wanted] * 3
    assert model.count.item() == 110
    averaging.prune(folder, three[1:])
    assert sorted(path.name for path in folder.iterdir()) == ["00000010", "00000110"]
    damaged = folder / "00000110/model.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    found, wrong = averaging.whole(folder, three, Norm())  # type: ignore[arg-type]
    assert found == three[1:2]
    assert ["00000009" in wrong[0], "has changed" in wrong[1]] == [True, True]


def with_buffers(training: Training) -> Norm:
    """The buffers that a model was given."""
    norm = training.model.encoder.norm = Norm()
    return norm


def test_checkpoints_hold_buffers(tmp_path: Path) -> None:
    bench = Bench(tmp_path, max_updates=1)
    training, again = bench.make(), bench.make()
    norm, other = with_buffers(training), with_buffers(again)
    norm.mean.fill_(3.0)
    norm.count.fill_(7)
    checkpoint.save(tmp_path / "c", training)
    checkpoint.load(tmp_path / "c", again)
    assert other.mean.tolist() == [3.0] * 3
    assert other.count.item() == 7


def test_bundles_hold_buffers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = Bench(tmp_path, max_updates=1).training
    model, norm = training.model, with_buffers(training)
    norm.mean.fill_(3.0)
    norm.count.fill_(7)
    pieces: list[Any] = [Pieces()]
    info = bundle.describe(Model(embed_dim=8, hidden_dim=16), Decode(), pieces, ("en", "de"), 9)
    bundle.write(tmp_path / "b", model, pieces, info, "card")
    assert load_file(tmp_path / "b/model.safetensors")["encoder.norm.mean"].tolist() == [3.0] * 3
    files.verify(tmp_path / "b", "bundle")

    def built(*args: Any) -> nn.Module:
        fresh = build(*args)
        fresh.encoder.norm = Norm()
        return fresh

    monkeypatch.setattr(bundle, "build", built)
    monkeypatch.setattr(Tokenizer, "read", lambda path: Pieces())
    loaded = bundle.load(tmp_path / "b", torch.device("cpu")).model
    read = loaded.encoder.get_submodule("norm")
    assert isinstance(read, Norm)
    assert read.mean.tolist() == [3.0] * 3
    assert read.count.item() == 7
    assert not any(tensor.is_meta for tensor in loaded.state_dict().values())


class Pieces:
    """What of a tokenizer is written into a bundle."""

    vocab_size, model = 20, b"pieces"
