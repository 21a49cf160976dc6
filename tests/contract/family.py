"""The whole family of models, and a pairwise cover of it: every two choices that can meet, meet in one model.

To what is registered come the toys, which bring a forward and nothing else.
"""

import contextlib
import dataclasses
import functools
import itertools
import random
from collections.abc import Iterator, Sequence
from typing import Any
from unittest import mock

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from mtkit.corpus.batch import Batch, Batcher
from mtkit.model.build import build
from mtkit.model.seq2seq import Seq2Seq
from mtkit.ops.packing import Packing
from mtkit.registry import CHOICES
from mtkit.schema import Model, kinds
from mtkit.train.loss import cross_entropy
from tests.contract.toys import TOYS

VOCAB, BOS, EOS = 17, 1, 2
SOURCES = [[5, 6, 7, 8], [9], [10, 11, 12, 13, 14, 15], [3, 4]]
TARGETS = [[4, 5], [6, 7, 8, 9, 10], [11], [12, 13, 14, 15]]
DRAWS = 6000

CELLS, ATTENTIONS, WIRINGS = ([*CHOICES[kind], *TOYS[kind]] for kind in ("cell", "attention", "wiring"))

# Every key of [model] that changes what is computed; of each kind of choice all that is registered.
FACTORS: dict[str, list[Any]] = {
    "encoder.name": list(CHOICES["encoder"]),
    "encoder.cell": CELLS,
    "encoder.layers": [1, 2],
    "encoder.bidirectional": [True, False],
    "encoder.residual": [False, True],
    "encoder.norm": list(CHOICES["norm"]),
    "encoder.positions": list(CHOICES["positions"]),
    "encoder.conv": [[], [{"kernel": 3, "stride": 2, "channels": 5}]],
    "decoder.name": list(CHOICES["decoder"]),
    "decoder.cell": CELLS,
    "decoder.layers": [1, 2, 3],
    "decoder.wiring": WIRINGS,
    "decoder.state": ["last", "mean", "zeros"],
    "decoder.residual": [False, True],
    "decoder.norm": list(CHOICES["norm"]),
    "decoder.positions": list(CHOICES["positions"]),
    "attention.name": ATTENTIONS,
    "attention.heads": [0, 1, 2],
    "attention.coverage": [False, True],
    "tie": ["none", "inputs", "target", "all"],
}


# What a toy must meet.
SHAPE = {
    f"{side}.{key}" for side in ("encoder", "decoder") for key in ("cell", "layers", "residual", "norm", "wiring")
} | {"encoder.bidirectional", "attention.name", "attention.coverage", "decoder.state"}
TOY_NAMES = {name for choices in TOYS.values() for name in choices}
Pair = tuple[tuple[str, str], tuple[str, str]]


@contextlib.contextmanager
def toys() -> Iterator[None]:
    """While this lasts the toys are registered."""
    with contextlib.ExitStack() as stack:
        for kind, choices in TOYS.items():
            stack.enter_context(mock.patch.dict(CHOICES[kind], choices))
        yield


def table_of(choice: dict[str, Any]) -> dict[str, Any]:
    """A table of [model], small enough to test, from dotted keys."""
    table: dict[str, Any] = {"embed_dim": 6, "hidden_dim": 8, "dropout": 0.0}
    for key, value in choice.items():
        section, _, name = key.rpartition(".")
        (table.setdefault(section, {}) if section else table)[name] = value
    for side in ("encoder", "decoder"):
        if name := table.get(side, {}).get("name"):
            has = kinds.table(side, name).model_fields
            table[side] |= {key: value for key, value in (("heads", 2), ("ffn_dim", 12)) if key in has}
    return table


@functools.cache
@toys()
def cover() -> list[dict[str, Any]]:
    """Valid models in which every two values that can be had together are; each toy beside all of SHAPE on its side."""
    registered = {key: [value for value in values if str(value) not in TOY_NAMES] for key, values in FACTORS.items()}
    drawn = list(_drawn(registered))
    pairs = [_pairs(choice) for choice in drawn]
    chosen = _cover(drawn, pairs)
    drawn = [choice for choice in _drawn(FACTORS) if TOY_NAMES & set(map(str, choice.values()))]
    shapes = [{key: value for key, value in choice.items() if key in SHAPE} for choice in drawn]
    pairs = [set(filter(_has_a_toy, _pairs(shape))) for shape in shapes]
    return chosen + _cover(drawn, pairs)


def _has_a_toy(pair: Pair) -> bool:
    (one_key, one), (other_key, other) = pair
    same_side = one_key.startswith("encoder") == other_key.startswith("encoder")
    return same_side and bool(TOY_NAMES & {one, other})


def _drawn(factors: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """Valid models."""
    rng = random.Random(5)
    for _ in range(DRAWS):
        choice = {key: rng.choice(values) for key, values in factors.items()}
        for side in ("encoder", "decoder"):
            has = kinds.table(side, choice[f"{side}.name"]).model_fields
            for key in [key for key in choice if key.startswith(f"{side}.") and key.partition(".")[2] not in has]:
                del choice[key]
        try:
            Model.model_validate(table_of(choice))
        except ValidationError:
            continue
        yield choice


def _pairs(choice: dict[str, Any]) -> set[Pair]:
    return set(itertools.combinations([(key, str(value)) for key, value in choice.items()], 2))


def _cover(drawn: list[dict[str, Any]], pairs: list[set[Pair]]) -> list[dict[str, Any]]:
    """Few of the models, in which all pairs are."""
    bits = {pair: 1 << i for i, pair in enumerate(set().union(*pairs))}  # sets as numbers: much quicker to intersect
    have = [sum(map(bits.__getitem__, found)) for found in pairs]
    wanted, chosen = (1 << len(bits)) - 1, []
    while wanted:
        best = max(range(len(drawn)), key=lambda i: (have[i] & wanted).bit_count())
        wanted &= ~have[best]
        chosen.append(drawn[best])
    return chosen


def paired(*values: Sequence[Any]) -> list[Any]:
    """Of all combinations so many as hold every two values, as a test's parameters; the others are slow ones."""
    named = [{str(i): value for i, value in enumerate(one)} for one in itertools.product(*values)]
    few = _cover(named, list(map(_pairs, named)))
    return [pytest.param(*one.values(), marks=[] if one in few else pytest.mark.slow) for one in named]


def name_of(choice: dict[str, Any]) -> str:
    """A name for a test's parameter."""
    return "-".join(str(value) for key, value in choice.items() if key.endswith(("name", "cell", "wiring", "norm")))


@toys()
def make(choice: dict[str, Any] | None = None, truncate: int = 0, **keys: Any) -> Seq2Seq:
    """A model with parameters that all matter, in eval mode; keys are those of [model], dots written as __."""
    torch.manual_seed(3)
    table = table_of((choice or {}) | {key.replace("__", "."): value for key, value in keys.items()})
    made = build(Model.model_validate(table), VOCAB, VOCAB, shared=True, bptt_steps=truncate)
    for parameter in made.parameters():  # biases, too
        nn.init.normal_(parameter, std=0.4)
    for name, buffer in made.named_buffers():
        nn.init.uniform_(buffer, 0.5 if "variance" in name else -0.5, 1.5)
    return made.eval()


def batch_of(rows: list[int], padding: int = 0) -> Batch:
    """Some of the sentences, with so many more columns of padding than they need."""
    made = Batcher(EOS, BOS, EOS)([SOURCES[i] for i in rows], [TARGETS[i] for i in rows])
    if not padding:
        return made

    def pad(x_BL: Tensor) -> Tensor:
        # Other words than those of Batcher, so that a leak of padding would show.
        return torch.cat([x_BL, torch.randint(3, VOCAB, (len(rows), padding))], 1)

    def wider(packing: Packing) -> Packing:
        return Packing(packing.lengths, packing.columns + padding)

    return dataclasses.replace(
        made,
        source_BS=pad(made.source_BS),
        source_packing=wider(made.source_packing),
        target_in_BT=pad(made.target_in_BT),
        target_out_BT=pad(made.target_out_BT),
        target_packing=wider(made.target_packing),
    )


Outcome = tuple[float, dict[str, Tensor]]


def outcome(model: Seq2Seq, batches: list[Batch], plain: bool = False) -> Outcome:
    """The summed loss of some batches, and its gradients."""
    model.zero_grad()
    total = 0.0
    for batch in batches:
        torch.manual_seed(11)  # the same dropout on both paths
        features, words = model(batch, plain=plain)
        if plain:
            logits = features @ model.output.weight_VE.T + model.output.bias_V
            loss = nn.functional.cross_entropy(logits, words, reduction="sum", label_smoothing=0.1)
        else:
            loss, count = cross_entropy(features, words, model.output.weight_VE, model.output.bias_V, 0.1)
            assert count == batch.target_tokens
        loss.backward()
        total += float(loss.detach())
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    return total, gradients


def assert_same(one: Outcome, other: Outcome) -> None:
    """Equal to 1e-9, losses and gradients."""
    assert abs(one[0] - other[0]) < 1e-9
    assert one[1].keys() == other[1].keys()
    for name, gradient in one[1].items():
        assert gradient.shape == other[1][name].shape, name
        assert (gradient - other[1][name]).abs().max() < 1e-9, name
