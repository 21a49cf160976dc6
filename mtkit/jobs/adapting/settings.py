"""The config of an adaptation, made of what its parent says of itself and of how much text there is."""

import math
from typing import Any

from mtkit import config as configs
from mtkit.errors import ConfigError
from mtkit.jobs.adapting.text import DEV, Text, passes
from mtkit.schema import Config, Corpus, Data, Train, effects
from mtkit.store.bundle import Bundle

RATE = 0.25
"""Of the rate that the first of the line was trained with, which had nothing to lose."""
UPDATES = 25  # a pass, at least, where that leaves batches of some size
WARMUP = 50  # updates at most, else a pass: until the optimiser knows how large gradients are
LOOKED = 500  # pairs, to know how long they are
KEPT = ("optimizer", "betas", "weight_decay", "clip_norm", "clip_value", "label_smoothing", "bptt_steps")
"""Keys of [train] that are those of the first of the line."""


def table(
    found: Bundle,
    text: Text,
    *,
    name: str,
    init_from: str,
    minutes: float,
    processes: int = 1,
    begun: Train | None = None,
) -> dict[str, Any]:
    """A config as plain values, with what decides it.

    Args:
        name: of the run.
        init_from: the parent, as the config is to say it.
        minutes: to be spent at most; 0: by the size of the text.
        processes: how many train together: each update is of a batch of each.
        begun: of a run that goes on, perhaps with more processes or fewer, which keeps its size of a batch.
    """
    facts = found.config.training
    line = [one for one in (facts, *(parent.training for parent in facts.parents)) if one] if facts else []
    before, first = (_config(line[at].config if line else {}) for at in (0, -1))
    pieces = _pieces(found, text)
    least = before.filter.max_pieces + 1  # of which a batch must hold one
    batch = max(min(pieces // (UPDATES * processes), before.train.batch_tokens), least)
    warmup = min(math.ceil(pieces / (batch * processes)), WARMUP)
    if begun:
        batch, warmup = begun.batch_tokens, begun.warmup
    updates = math.ceil(pieces / (batch * processes))
    folder = f"{text.folder.parent.name}/{text.folder.name}"
    tag = found.config.tags[0].name if found.config.tags else ""
    made: dict[str, Any] = {
        "name": name,
        "seed": before.seed,
        "data": {
            "source_lang": found.source_lang,
            "target_lang": found.target_lang,
            "train": [{"path": f"{folder}/{part}", "tag": tag} for part in text.train],
            "dev": f"{folder}/{DEV}",
            **({} if found.config.spans is None else {"spans": True, "protect": list(found.config.spans)}),
        },
        "filter": before.filter.model_dump()
        | {
            "dedupe": text.times == 1,
            "near_duplicates": before.filter.near_duplicates and text.times == 1,
            "score": [],  # of other text
        },
        "model": {key: getattr(found.config.model, key) for key in ("dropout", "word_dropout", "variational")},
        "train": {key: getattr(first.train, key) for key in KEPT}
        | {
            "lr": RATE * first.train.lr,
            "schedule": "linear",
            "warmup": warmup,
            "batch_tokens": batch,
            "max_epochs": math.ceil(passes(text.pairs) / text.times),
            "validate_every": updates,
            "max_minutes": minutes,
            "patience": 3,
            "metric": "loss",
            "init_from": init_from,
        },
        "decode": found.decode.model_dump() | {"precision": before.decode.precision},
        "eval": before.eval.model_dump(),
    }
    if text.models:
        models = [f"{folder}/{file}" for file in text.models]
        made["tokenizer"] = {"model": models, "shared": len(models) == 1}
        made["train"]["init_parts"] = ["encoder", "decoder", "embeddings"]
    for key in effects.without(configs.parse(made, "mtkit adapt", whole=True)):
        section, last = key.split(".")[0], key.split(".")[-1]
        made[section].pop(last)
    return made


def _config(values: dict[str, Any]) -> Config:
    """What a bundle says of its training, as far as it is understood here."""
    try:
        return configs.parse(values, "config.json", whole=True)
    except ConfigError:
        return Config(data=Data(source_lang="source", target_lang="target", train=[Corpus(path="none")]))


def _pieces(found: Bundle, text: Text) -> int:
    """About the pieces that a pass over the text has, of the longer side of each pair."""
    some = text.dev[:LOOKED]
    sides = (
        tokenizer.encode(list(lines))
        for tokenizer, lines in zip(
            (found.source_tokenizer, found.target_tokenizer), zip(*some, strict=True), strict=True
        )
    )
    lengths = [1 + max(map(len, pair)) for pair in zip(*sides, strict=True)]
    return sum(lengths) * (text.pairs + text.again // text.times) // len(lengths)
