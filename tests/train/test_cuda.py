"""What runs on a CPU runs on a GPU and gives the same. Skipped where there is none."""

import time
from typing import Any

import pytest
import torch
from torch import Tensor

from mtkit.corpus.batch import Batch, Batcher
from mtkit.model.build import build
from mtkit.ops import products
from mtkit.schema import Model, Train
from mtkit.train import optimizer, precision
from mtkit.train.loss import Objective, batch_loss

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


def test_the_quicker_precision_is_chosen() -> None:
    def work(size: int) -> None:
        time.sleep(0.01 if products.entered() == "bf16" else 0.05)

    assert precision.choose(torch.device("cuda"), work, [1, 2, 3]).name == "bf16"
