"""Training speed on the demo's recipe, fast path beside plain path, batch for batch in turn. `make slow` prints it.

The plain path is the reference: every step under autograd, logits of the whole batch at once. Both work on the same
model and the same batches, dropout and all, so that a ratio depends little on how busy the machine is.
"""

import time
from itertools import islice, product
from pathlib import Path

import pytest
import torch

from mtkit.config import load
from mtkit.corpus.batch import Batch, Batcher
from mtkit.corpus.sampler import Sampler
from mtkit.jobs.preprocess import preprocess
from mtkit.jobs.view import Silent
from mtkit.model.build import build
from mtkit.model.seq2seq import Seq2Seq
from mtkit.ops import products
from mtkit.train import optimizer
from mtkit.train.loss import Objective, batch_loss

pytestmark = pytest.mark.slow
WARM, TIMED = 2, 16  # batches
FEEDING = ("input_feeding", "bahdanau", "conditional")
MUST = [
    f"{cell} {attention} {wiring}"
    for cell, attention, wiring in product(
        ("gru", "lstm", "gru_ln", "lstm_ln"), ("additive", "general", "scaled_dot", "scaled_dot:4"), FEEDING
    )
]
ALSO = [
    *(f"{cell} additive input_feeding" for cell in ("rnn", "rnn_relu", "ssru")),
    *(f"gru {attention} input_feeding" for attention in ("none", "dot", "location", "local", "multihead:4")),
    *(f"{cell} {attention} {wiring}" for cell in ("gru", "lstm") for attention in ("additive", "general")
      for wiring in ("plain", "gnmt")),
    "ssru multihead:4 plain",
]  # fmt: skip


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    preprocess(load("demo"), Silent())
    return tmp_path


def batches_of(tokens: int, count: int) -> list[Batch]:
    corpus, _ = preprocess(load("demo"), Silent())
    pairs = islice(Sampler(corpus.split("train"), tokens, seed=1).epoch(0), count)
    return [Batcher(source_eos=2, target_bos=1, target_eos=2)(*pair) for pair in pairs]


def update(model: Seq2Seq, stepper: torch.optim.Optimizer, batch: Batch, name: str) -> float:
    """Seconds of a whole update: forward, backward, clipping, Adam."""
    start = time.perf_counter()
    with products.precision("bf16" if name == "bf16" else "fp32"):
        if name == "plain":
            features, words = model(batch, plain=True)
            logits = features @ model.output.weight_VE.T + model.output.bias_V
            loss = torch.nn.functional.cross_entropy(logits, words, reduction="sum", label_smoothing=0.1)
        else:
            loss, _ = batch_loss(model, batch, Objective(0.1))
        torch.autograd.backward(loss / batch.target_tokens)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    stepper.step()
    stepper.zero_grad()
    return time.perf_counter() - start


def rates(overrides: list[str], names: tuple[str, ...], tokens: int = 1000, count: int = TIMED) -> dict[str, float]:
    """Target tokens a second of each path."""
    config = load("demo", overrides).config
    torch.manual_seed(1)
    model = build(config.model, 2000, 2000, shared=True).train()
    stepper = optimizer.make(model, config.train)
    seconds, done = dict.fromkeys(names, 0.0), 0
    for number, batch in enumerate(batches_of(tokens, WARM + count)):
        taken = {name: update(model, stepper, batch, name) for name in names}
        if number >= WARM:
            done += batch.target_tokens
            seconds = {name: seconds[name] + taken[name] for name in names}
    return {name: done / seconds[name] for name in names}


def overrides_of(choice: str) -> list[str]:
    cell, attention, wiring = choice.split()
    name, _, heads = attention.partition(":")
    made = [f"model.encoder.cell={cell}", f"model.decoder.cell={cell}", f"model.decoder.wiring={wiring}"]
    made += [f"model.attention.name={name}", f"model.attention.heads={heads or 0}"]
    return [*made, "model.decoder.layers=2"] if wiring == "gnmt" else made


def test_every_fast_path_is_faster(prepared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slower = {}
    for choice in MUST + ALSO:
        found = rates(overrides_of(choice), ("fast", "plain"))
        ratio = found["fast"] / found["plain"]
        bar = 1.4 if choice in MUST else 0.95  # of what is timed, a twentieth may be noise
        if ratio < bar:
            slower[choice] = ratio
        with capsys.disabled():
            print(f"{choice:40} {found['fast']:8,.0f} {found['plain']:8,.0f} tokens/s {ratio:6.2f}", flush=True)
    assert not slower


def test_batch_sizes_and_precisions(prepared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for tokens in (800, 1000, 2000, 4000):
        found = rates([], ("plain", "fp32", "bf16"), tokens, count=48_000 // tokens)
        with capsys.disabled():
            shown = ", ".join(f"{name} {rate:,.0f}" for name, rate in found.items())
            print(f"{tokens} tokens a batch, target tokens/s: {shown}", flush=True)
        assert found["fp32"] > 1.25 * found["plain"]
