"""How quick a model learns on this machine: some updates on pieces at random, timed."""

import time

import torch

from mtkit.corpus.batch import Batcher, FixedBatcher
from mtkit.jobs import choosing
from mtkit.jobs.train import is_shaped
from mtkit.model.build import build
from mtkit.schema import Config
from mtkit.train.graphs import Graphs
from mtkit.train.loss import Objective
from mtkit.train.state import Progress, Training
from mtkit.train.updates import Updates

SECONDS = 1.5  # that are timed, about
WARM = 3  # updates before, which load and record
SPECIAL = 4  # pieces that no text has
RATE = 1e-4


def pace(config: Config, vocabulary: int, lengths: tuple[int, int], device: torch.device) -> float:
    """Target tokens a second.

    Args:
        vocabulary: pieces.
        lengths: of a usual source and target.
    """
    torch.manual_seed(0)
    model = build(config.model, vocabulary, vocabulary, shared=True)
    model.to(device)
    progress = Progress()
    training = Training.begin(model, config.train, progress)
    progress.decide_precision(choosing.choice(config.train.precision, device, model).name)
    copies = Objective.of(config.train).copies
    if is_shaped(device):
        batcher: Batcher = FixedBatcher(0, 0, 0, copies, device, batch_tokens=config.train.batch_tokens)
        updates: Updates = Graphs(training, config.train, config.seed)
    else:
        batcher, updates = Batcher(0, 0, 0, copies, device), Updates(training, config.train, config.seed)
    source, target = lengths
    sentences = max(1, config.train.batch_tokens // (max(lengths) + 1))
    tokens, begun, made = 0, 0.0, 0
    while made <= WARM or time.monotonic() - begun < SECONDS:
        if made == WARM:
            _wait(device)
            tokens, begun = 0, time.monotonic()
        sources, targets = (
            torch.randint(SPECIAL, vocabulary, (sentences, length)).tolist() for length in (source, target)
        )
        batch = batcher(sources, targets)
        updates.gradients([[batch]], batch.target_tokens)
        updates.apply(RATE)
        tokens += batch.target_tokens
        made += 1
    _wait(device)
    return tokens / (time.monotonic() - begun)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
