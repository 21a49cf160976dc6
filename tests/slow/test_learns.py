"""Each choice learns: every name in the registry is trained on an artificial language and has to reach bars.

Whoever registers a choice has enrolled it: it is trained with the settings of `learning.COPY` and has to copy strings
of digits, unless the tables here say otherwise. Reversing numbers is harder, and tells attentions apart.
"""

import itertools
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from pydantic import ValidationError

from mtkit.registry import CHOICES
from mtkit.schema import Attention
from tests.slow.learning import COPY, Settings, config_of, copying, learn, reversing

# The keys that a kind of choice is set by.
KEYS = {
    "cell": ("model.encoder.cell", "model.decoder.cell"),
    "attention": ("model.attention.name",),
    "wiring": ("model.decoder.wiring",),
    "encoder": ("model.encoder.name",),
    "decoder": ("model.decoder.name",),
    "positions": ("model.encoder.positions", "model.decoder.positions"),
    "norm": ("model.encoder.norm", "model.decoder.norm"),
    "init": ("model.init",),
    "recurrent_init": ("model.recurrent_init",),
    "optimizer": ("train.optimizer",),
    "schedule": ("train.schedule",),
}
# What stands before or after learning.
MEASURES = {"document", "metric", "command", "reader", "rule"}

TRANSFORMER: Settings = {
    "model.encoder.name": "transformer",
    "model.decoder.name": "transformer",
    "model.attention.name": "auto",
}


class Study(NamedTuple):
    """What a choice is trained with beside `COPY`, and the bars for it."""

    settings: Settings = MappingProxyType({})
    bleu: float = 98.0
    """Least, of test."""
    perplexity: float = 1.05
    """Most, of dev."""


# Of a whole kind.
KINDS: dict[str, Settings] = {
    "positions": TRANSFORMER,
    # A norm does most between layers, so that there have to be two; batch norm cannot be had with input feeding.
    "norm": {"model.encoder.layers": 2, "model.decoder.layers": 2, "model.decoder.wiring": "plain"},
}
# Of single choices: what they cannot be had without, or learn too slowly without.
SPECIAL: dict[tuple[str, str], Study] = {
    ("wiring", "gnmt"): Study({"model.decoder.layers": 2}),  # shows the context to the second layer and above
    ("decoder", "transformer"): Study({"model.attention.name": "auto"}),  # has multihead, and no other
    # At 5e-3 these get BLEU 4, 22 and 0. sgd does not scale its steps by the gradient's own size, those of adagrad
    # shrink from the first one on, and of adadelta the rate is a factor on steps whose size it finds itself.
    ("optimizer", "sgd"): Study({"train.lr": 0.5}),
    ("optimizer", "adagrad"): Study({"train.lr": 0.05}),
    ("optimizer", "adadelta"): Study({"train.lr": 5.0}),
    # These two do not fall to zero: the last steps are as noisy as the rate is high. BLEU 95.8 and 97.3 at 5e-3.
    ("schedule", "constant"): Study({"train.lr": 2e-3}),
    ("schedule", "inverse_sqrt"): Study({"train.lr": 3e-3}),
    ("schedule", "plateau"): Study({"train.validate_every": 50}),  # with two validations it would be constant
    # Batches are of like length, so that their own statistics tell the length, which running ones cannot: with the
    # former dev's perplexity was 1.04, with the latter 6.9. A lower rate did not help; two seeds: BLEU 70 and 64.
    ("norm", "batch"): Study(bleu=50.0, perplexity=25.0),
}


def enrolled() -> dict[str, Study]:
    """A study for each choice, and for what goes beside several; of those that are the same run, one."""
    studies: dict[str, Study] = {}
    for kind, keys in KEYS.items():
        for name in CHOICES[kind]:
            if kind not in ("encoder", "decoder") and (kind, name) != ("attention", "none"):
                special = SPECIAL.get((kind, name), Study())
                chosen = dict.fromkeys(keys, name)
                studies[f"{kind}-{name}"] = special._replace(
                    settings={**KINDS.get(kind, {}), **special.settings, **chosen}
                )
    for pair in itertools.product(CHOICES["encoder"], CHOICES["decoder"]):
        settings: dict[str, object] = {"model.encoder.name": pair[0], "model.decoder.name": pair[1]}
        for kind, name in zip(("encoder", "decoder"), pair, strict=True):
            settings |= SPECIAL.get((kind, name), Study()).settings
        studies["-".join(pair)] = Study(settings)
    for stride in (1, 2):
        conv = [{"kernel": 3, "stride": stride, "channels": 64}]
        studies[f"convolution-{stride}"] = Study({"model.encoder.conv": conv})
    for more in ({"heads": 2}, {"coverage": True}):
        for name in sorted(CHOICES["attention"].keys() - {"none"}):
            try:
                Attention.model_validate({"name": name, **more})
            except ValidationError:
                continue
            heard: dict[str, object] = {
                f"model.attention.{key}": value for key, value in {"name": name, **more}.items()
            }
            if heard == {"model.attention.name": "scaled_dot", "model.attention.coverage": True}:
                heard["train.lr"] = 2e-3  # at 5e-3 it learns or not, as luck has it: BLEU 99.8 and 49.9
            studies[f"{name}-{next(iter(more))}"] = Study(heard)
    once: dict[str, str] = {}
    for label, study in studies.items():
        once.setdefault(config_of({**COPY, **study.settings}).model_dump_json(), label)
    return {label: studies[label] for label in once.values()}


STUDIES = enrolled()


class Reversal(NamedTuple):
    """What is trained beside `REVERSE`, and the least BLEU of test."""

    settings: Settings
    bleu: float


# Least BLEU of test, below the worst of three runs (see the lab log). All but `none` get 100 on dev, where nothing is
# longer than in train; beyond that it is a matter of luck. Of an attention that is new here, `ENOUGH` is asked until it
# has a bar.
ENOUGH = 90.0
REVERSAL_BARS = {
    "rnn-additive": 50.0,
    "lstm-none": 15.0,  # 30 numbers through one vector
    "lstm-additive": 95.0,
    "lstm-dot": 80.0,
    "lstm-scaled_dot": 90.0,
    "lstm-general": 95.0,
    "lstm-location": 95.0,
    "lstm-local": 80.0,
    "lstm-multihead": 90.0,
}


def reversals() -> dict[str, Reversal]:
    """A study for the plain cell, and for each attention with an LSTM."""
    rnn = {"model.encoder.cell": "rnn", "model.decoder.cell": "rnn"}
    found = {"rnn-additive": Reversal(rnn, REVERSAL_BARS["rnn-additive"])}
    for name in CHOICES["attention"]:
        settings = {"model.attention.name": name} | ({"model.decoder.state": "last"} if name == "none" else {})
        found[f"lstm-{name}"] = Reversal(settings, REVERSAL_BARS.get(f"lstm-{name}", ENOUGH))
    return found


REVERSALS = reversals()


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copying(tmp_path_factory.mktemp("learns") / "copying")


@pytest.fixture(scope="module")
def reverses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return reversing(tmp_path_factory.mktemp("learns") / "reversing")


def test_every_choice_is_enrolled() -> None:
    assert set(KEYS) | MEASURES == set(CHOICES)
    assert all(name in CHOICES[kind] for kind, name in SPECIAL)
    assert set(REVERSAL_BARS) <= set(REVERSALS)
    copied = [config_of({**COPY, **study.settings}).model_dump() for study in STUDIES.values()]
    for kind, keys in KEYS.items():
        for key in keys:
            seen = {value_of(config, key) for config in copied}
            assert set(CHOICES[kind]) - seen <= ({"none"} if kind == "attention" else set()), key
    assert {f"lstm-{name}" for name in CHOICES["attention"]} <= set(REVERSALS)


def value_of(table: Any, key: str) -> object:
    """What a config has at a dotted key; None: no such key."""
    for part in key.split("."):
        table = table.get(part, {})
    return table or None


@pytest.mark.slow
@pytest.mark.parametrize("label", STUDIES)
def test_it_copies(copies: Path, label: str) -> None:
    study = STUDIES[label]
    learnt = learn(copies, label, study.settings)
    print(f"BLEU {learnt.bleu:.2f}, perplexity {learnt.perplexity:.4f}")
    assert learnt.bleu >= study.bleu
    assert learnt.perplexity <= study.perplexity


@pytest.mark.slow
@pytest.mark.parametrize("label", REVERSALS)
def test_it_reverses(reverses: Path, label: str) -> None:
    study = REVERSALS[label]
    learnt = learn(reverses, label, study.settings)
    print(f"BLEU {learnt.bleu:.2f}, perplexity {learnt.perplexity:.4f}")
    assert learnt.bleu >= study.bleu
