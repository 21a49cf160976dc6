"""Every recipe: it loads, says how to use it, names text that is there, and its model learns from a batch."""

import pytest
import torch

from mtkit import config
from mtkit.config import RECIPES, load
from mtkit.corpus.batch import Batcher
from mtkit.model.build import build
from mtkit.train.loss import batch_loss

PAPERS = {
    "plain-rnn": "Sutskever et al. 2014",
    "rnnsearch": "Bahdanau et al. 2015",
    "luong": "Luong et al. 2015",
    "gnmt": "Wu et al. 2016",
    "nematus": "Sennrich et al. 2017",
    "shipped-en-de": "Sennrich et al. 2017",
    "shipped-en-ko": "Sennrich et al. 2017",
    "transformer-ssru": "Kim et al. 2019",
    "transformer-tiny": "Vaswani et al. 2017",
}
# Limits of those that are not the published models in small: (epochs, minutes, updates).
LIMITS = {
    "demo": (0, 6, 0),
    "demo-everyday": (0, 6, 0),
    "multi30k-en-de": (24, 0, 0),
    "multi30k-en-de-diverse": (12, 0, 0),
    "multi30k-de-en": (24, 0, 0),
    "multi30k-en-fr": (30, 0, 0),
    "multi30k-quick": (15, 14.5, 0),
    "pydocs-en-ko": (0, 30, 0),
    "shipped-en-de": (0, 0, 30000),
    "shipped-en-ko": (0, 0, 30000),
    "tatoeba-de-en": (0, 30, 0),
}
pytestmark = pytest.mark.parametrize("name", config.recipes())


def test_it_loads_and_its_text_is_there(name: str) -> None:
    made = load(name)
    assert made.config.name == name
    train = made.config.train
    assert (train.max_epochs, train.max_minutes, train.max_updates) == LIMITS.get(name, (0, 0, 1500))
    languages = (made.config.data.source_lang, made.config.data.target_lang)
    for prefix in [text.path for text in (*made.config.data.train, *made.config.data.dev, *made.config.data.test)]:
        if prefix.startswith(config.BUNDLED):
            assert all(made.path(f"{prefix}.{language}.gz").is_file() for language in languages)


def test_its_header_names_the_command_and_the_paper(name: str) -> None:
    header = (RECIPES / f"{name}.toml").read_text().partition("\nname")[0].splitlines()
    assert all(line.startswith("# ") for line in header)
    assert PAPERS.get(name, "") in "\n".join(header)
    if name == "demo":  # what every command takes by itself
        assert "mtkit train, mtkit eval" in header[0]
    else:
        assert f"#   mtkit train --config {name}" in header
        assert f"#   mtkit eval --config {name}" in header


def test_its_model_learns_from_a_batch(name: str) -> None:
    settings = load(name).config
    vocab = 50
    torch.manual_seed(1)
    model = build(settings.model, vocab, vocab, settings.tokenizer.shared)
    sources, targets = [[5, 6, 7, 8], [9], [10, 11, 12]], [[4, 5], [6, 7, 8, 9], [11]]
    batch = Batcher(source_eos=2, target_bos=1, target_eos=2)(sources, targets)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    losses = []
    for _ in range(8):
        loss, count = batch_loss(model, batch)
        optimizer.zero_grad()
        torch.autograd.backward(loss / count)
        assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in model.parameters())
        optimizer.step()
        losses.append(float(loss.detach()) / count)
    assert losses[-1] < losses[0] - 0.5
