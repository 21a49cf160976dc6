"""A small model on a task that it can learn: the target is the source."""

import math
from collections.abc import Iterator
from pathlib import Path

import torch

from mtkit.corpus.batch import Batch, Batcher
from mtkit.corpus.sampler import Sampler
from mtkit.corpus.shards import Part, ShardWriter, Split
from mtkit.model.build import build
from mtkit.schema import Model, Train
from mtkit.train import loop
from mtkit.train.loss import Objective
from mtkit.train.state import Progress, Training
from mtkit.train.updates import Updates

DEFAULTS = {"batch_tokens": 201, "max_epochs": 0, "lr": 0.01, "warmup": 0, "schedule": "constant", "patience": 0}


class Bench:
    """Text, settings and a model with which the loop can run."""

    def __init__(self, folder: Path, dropout: float = 0.1, **settings: object) -> None:
        generator = torch.Generator().manual_seed(0)
        writer = ShardWriter(folder, "train", (20, 20))
        for _ in range(60):
            length = int(torch.randint(1, 6, (), generator=generator))
            ids = torch.randint(3, 20, (length,), generator=generator).tolist()
            writer.add(ids, ids)
        split = Split(folder, (Part.of("train", "train", writer.close()),))
        self.sampler = Sampler(split, 60, seed=1)
        self.settings = Train.model_validate(DEFAULTS | settings)
        self.per_epoch = math.ceil(self.sampler.batches(0) / self.settings.accumulate)
        self.dropout = dropout
        self.training = self.make()

    def make(self) -> Training:
        torch.manual_seed(0)
        model = build(Model(embed_dim=8, hidden_dim=16, dropout=self.dropout), 20, 20, shared=True)
        return Training.begin(model, self.settings, Progress(precision="fp32"))

    def batch(self, sources: object, targets: object, copies: int = 0) -> Batch:
        copies = copies or Objective.of(self.settings).copies
        return Batcher(source_eos=2, target_bos=1, target_eos=2, copies=copies)(sources, targets)  # type: ignore[arg-type]

    def updates(self, training: Training) -> Updates:
        return Updates(training, self.settings, 1)

    def events(self, training: Training | None = None) -> Iterator[loop.Event]:
        training = training or self.training
        for event in loop.train(self.updates(training), self.sampler, self.batch, self.per_epoch):
            if isinstance(event, loop.Due):
                training.progress.record(0.0, {"loss": 0.0})
            yield event

    def until(self, update: int) -> Training:
        """A training from its start to after an update, validations due there not made."""
        training = self.make()
        for event in self.events(training):
            if isinstance(event, loop.Updated) and training.progress.update == update:
                break
        return training

    def losses(self, training: Training | None = None) -> list[float]:
        """Of all updates to the end."""
        return [loss for event in self.events(training) if isinstance(event, loop.Updated) for loss in event.losses]
