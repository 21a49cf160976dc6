"""Training speed on the bundled text, fast path beside plain path, in one run. `make slow` prints the figures."""

import time
from pathlib import Path

import pytest
import torch

from mtkit.config import load
from mtkit.corpus.batch import Batch, make_batch
from mtkit.corpus.sampler import Sampler
from mtkit.model import products
from mtkit.model.build import build
from mtkit.pipeline.preprocess import preprocess
from mtkit.schema import Model, Train
from mtkit.train import optimizer as optimizers
from mtkit.train.loss import batch_loss

WARM, SECONDS = 10, 8.0


def speed(batches: list[Batch], vocab: int, name: str) -> float:
    """Target tokens a second of whole updates: forward, backward, clipping, Adam."""
    torch.manual_seed(1)
    model = build(Model(embed_dim=192, hidden_dim=256, dropout=0.0), vocab, vocab, shared=True)
    optimizer = optimizers.make(model, Train())
    tokens, start = 0, 0.0
    for number, batch in enumerate(batches):
        if number == WARM:
            tokens, start = 0, time.perf_counter()
        with products.precision("bf16" if name == "bf16" else "fp32"):
            if name == "plain":
                features, words = model(batch, plain=True)
                logits = features @ model.output.weight_VE.T + model.output.bias_V
                loss = torch.nn.functional.cross_entropy(logits, words, reduction="sum", label_smoothing=0.1)
                count = batch.target_tokens
            else:
                loss, count = batch_loss(model, batch, 0.1)
            (loss / count).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        tokens += count
        if number > WARM and time.perf_counter() - start > SECONDS:
            break
    return tokens / (time.perf_counter() - start)


@pytest.mark.slow
def test_fast_path_is_faster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    prepared, _ = preprocess(load("demo"), lambda message: None)
    for budget in (800, 2000, 4000):
        pairs = Sampler(prepared.split("train"), budget, seed=1).epoch(0)
        batches = [make_batch(*pair, source_eos=2, target_bos=1, target_eos=2) for pair in pairs]
        rates = {name: speed(batches, 2000, name) for name in ("plain", "fp32", "bf16")}
        with capsys.disabled():
            print(
                f"\n{budget} tokens a batch, target tokens/s: " + ", ".join(f"{k} {v:,.0f}" for k, v in rates.items())
            )
        assert rates["fp32"] > 1.1 * rates["plain"]
