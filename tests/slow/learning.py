"""Two artificial languages, and how a model learns one of them: through the command, as a user would.

Knows nothing of which choices there are, nor of what is expected of them (see `test_learns`).
"""

import json
import math
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mtkit.config import parse
from mtkit.schema import Config
from mtkit.store import log
from tests.system.toy import mtkit, ran

Settings = Mapping[str, object]
"""Dotted key -> plain value."""

COMMON: Settings = {
    "data.source_lang": "src",
    "data.target_lang": "tgt",
    "data.train": "train",
    "data.dev": "dev",
    "data.test": "test",
    "filter.max_pieces": 40,
    "filter.dedupe": False,
    "filter.drop_copies": False,
    "tokenizer.kind": "word",
    "tokenizer.byte_fallback": False,
    "model.dropout": 0.0,
    "model.attention.name": "additive",
    "train.label_smoothing": 0.0,
    "train.schedule": "linear",
    "train.max_epochs": 0,
    "train.validate_lines": 50,
    "train.patience": 0,
    "train.precision": "fp32",
    "eval.metrics": ["bleu"],
}
COPY: Settings = {
    **COMMON,
    "tokenizer.vocab_size": 160,
    "model.embed_dim": 32,
    "model.hidden_dim": 64,
    "train.batch_tokens": 400,
    "train.lr": 5e-3,
    "train.warmup": 100,
    "train.max_updates": 700,
    "train.validate_every": 350,
}
REVERSE: Settings = {
    **COMMON,
    "tokenizer.vocab_size": 220,
    "model.embed_dim": 16,
    "model.hidden_dim": 128,
    "model.encoder.cell": "lstm",
    "model.decoder.cell": "lstm",
    "train.batch_tokens": 150,  # about 10 sentences
    "train.lr": 2e-3,
    "train.warmup": 200,
    "train.max_updates": 2800,
    "train.validate_every": 1400,
}


class Learnt(NamedTuple):
    """What a run came to."""

    bleu: float
    """Of the test set."""
    perplexity: float
    """The lowest of a dev target token."""


def copying(folder: Path, lines: int = 10_000) -> Path:
    """Strings of 1 to 9 digits, to be copied."""
    return _write(folder, COPY, lines, lambda rng, part: _numbers(rng, 9, 9), lambda words: words)


def reversing(folder: Path, lines: int = 50_000) -> Path:
    """1 to 25 of the numbers 0 to 49 (in test 1 to 30, so that some are longer than any in train), to be reversed."""
    longest = {"train": 25, "dev": 25, "test": 30}
    return _write(folder, REVERSE, lines, lambda rng, part: _numbers(rng, longest[part], 49), lambda words: words[::-1])


def learn(folder: Path, name: str, changes: Settings) -> Learnt:
    """Train a run of that name in a folder of one of the languages, and have it scored."""
    options = [part for key, value in {**changes, "name": name}.items() for part in ("-s", f"{key}={_toml(value)}")]
    ran(mtkit(folder, "train", "-q", *options, limit=600))
    events = log.read(folder / "runs" / name / "log.jsonl")
    losses = [event.scores["loss"] for event in events if isinstance(event, log.Validation)]
    scores = json.loads(ran(mtkit(folder, "eval", "-q", "--json", *options, limit=600)))
    return Learnt(scores["bleu"]["score"], math.exp(min(losses)))


def config_of(settings: Settings) -> Config:
    """What the command reads from settings."""
    table: dict[str, Any] = {}
    for key, value in settings.items():
        *sections, last = key.split(".")
        here = table
        for section in sections:
            here = here.setdefault(section, {})
        here[last] = value
    return parse(table, "a study")


def _toml(value: object) -> str:
    """JSON is TOML but for the colon of tables; no string here has one."""
    return json.dumps(value).replace('":', '" =')


def _numbers(rng: random.Random, longest: int, largest: int) -> list[str]:
    return [str(rng.randint(0, largest)) for _ in range(rng.randint(1, longest))]


def _write(
    folder: Path,
    settings: Settings,
    lines: int,
    draw: Callable[[random.Random, str], list[str]],
    translate: Callable[[list[str]], list[str]],
) -> Path:
    """A folder with config and text, every time the same; nothing of more than three words is in two of its parts."""
    folder.mkdir()
    (folder / "mtkit.toml").write_text("".join(f"{key} = {_toml(value)}\n" for key, value in settings.items()))
    rng, before = random.Random(1), set[tuple[str, ...]]()
    for part, count in (("test", 500), ("dev", 300), ("train", lines)):
        sources: list[list[str]] = []
        while len(sources) < count:
            words = draw(rng, part)
            # Of shorter ones there are too few: kept out of train, their lengths would be missing in it.
            if len(words) <= 3 or tuple(words) not in before:
                sources.append(words)
        before |= {tuple(words) for words in sources}
        (folder / f"{part}.src").write_text("".join(" ".join(words) + "\n" for words in sources))
        (folder / f"{part}.tgt").write_text("".join(" ".join(translate(words)) + "\n" for words in sources))
    return folder
