"""Three models learn to copy in seconds; tests/slow/test_learns.py has them all, and longer.

Measured with two seeds: BLEU 96 to 99, perplexity 1.03 to 1.09; a GRU that has no attention gets 33 and 2.2.
"""

from pathlib import Path

import pytest

from tests.slow.learning import Settings, copying, learn

QUICK: Settings = {
    "train.max_updates": 200,
    "train.validate_every": 200,
    "train.lr": 1e-2,
    "train.warmup": 30,
}
MODELS: dict[str, Settings] = {
    "gru": {},
    "lstm": {"model.encoder.cell": "lstm", "model.decoder.cell": "lstm", "model.attention.name": "dot"},
    "transformer": {
        "model.encoder.name": "transformer",
        "model.decoder.name": "transformer",
        "model.attention.name": "auto",
    },
}


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copying(tmp_path_factory.mktemp("learns") / "copying", lines=2000)


@pytest.mark.parametrize("name", MODELS)
def test_it_copies(copies: Path, name: str) -> None:
    learnt = learn(copies, name, {**QUICK, **MODELS[name]})
    assert learnt.bleu >= 85
    assert learnt.perplexity <= 1.3
