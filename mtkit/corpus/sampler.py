"""The order of training: which pairs make which batch, and how they are segmented, as a pure function of (seed, epoch).

Sentences of like length share a batch, grouped by the longer side, since sentences x longer side is what a
batch is allowed to hold. Ties are broken at random, and the order of batches is random. A corpus of many
shards is taken in windows of a few, themselves in random order, so that RAM does not grow with it.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtkit.corpus.shards import Ids, Shard, Split
from mtkit.text.subwords import Subwords

WINDOW_SHARDS = 4
Pairs = tuple[list[Ids | list[int]], list[Ids | list[int]]]
"""The sources and the targets of a batch."""


@dataclass(frozen=True)
class Sampler:
    """Token-budget batches of a split.

    Attributes:
        batch_tokens: sentences x the longer of source and target (ends included), padding included; as the tokenizer
            segments them.
        resegment: share of sentences, a side, that are segmented at random.
        subwords: what does so, for each side; None: none are.
    """

    split: Split
    batch_tokens: int
    seed: int
    resegment: float = 0.0
    subwords: tuple[Subwords, Subwords] | None = None

    def epoch(self, epoch: int, skip: int = 0) -> Iterator[Pairs]:
        """Yield the sources and targets of each batch of an epoch, but for the first `skip` batches."""
        for shards, batches in self._windows(epoch):
            if skip >= len(batches):
                skip -= len(batches)
                continue
            opened = {number: self.split.open(number) for number in shards}
            for number, batch in enumerate(batches[skip:], skip):
                pairs = [(opened[shard], index) for shard, index in batch.tolist()]
                sources: list[Ids | list[int]] = [shard.source[index] for shard, index in pairs]
                targets: list[Ids | list[int]] = [shard.target[index] for shard, index in pairs]
                if self.subwords:
                    rng = np.random.default_rng([self.seed, epoch, shards[0], number])
                    sources, targets = (
                        [some.draw(ids, rng) if rng.random() < self.resegment else ids for ids in side]
                        for some, side in zip(self.subwords, (sources, targets), strict=True)
                    )
                yield sources, targets
            skip = 0

    def batches(self, epoch: int) -> int:
        """How many batches an epoch has."""
        return sum(len(batches) for _, batches in self._windows(epoch))

    def _windows(self, epoch: int) -> Iterator[tuple[list[int], list[NDArray[np.int64]]]]:
        rng = np.random.default_rng([self.seed, epoch])
        order = rng.permutation(len(self.split.shard_sizes)).tolist()
        for start in range(0, len(order), WINDOW_SHARDS):
            shards = order[start : start + WINDOW_SHARDS]
            opened = [self.split.open(number) for number in shards]
            pairs = np.concatenate(
                [
                    np.stack([np.full(len(shard), number), np.arange(len(shard))], 1)
                    for number, shard in zip(shards, opened, strict=True)
                ]
            )
            longer = np.concatenate([_longer_side(shard) for shard in opened])
            yield shards, plan(pairs, longer, self.batch_tokens, rng)


def plan(
    pairs: NDArray[np.int64], longer: NDArray[np.int64], batch_tokens: int, rng: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Group rows of `pairs` by their longer side into batches of at most `batch_tokens`, in random order.

    A single sentence longer than the budget makes a batch of its own.
    """
    order = np.lexsort((rng.random(len(longer)), longer))
    lengths = longer[order]
    cuts, start = [0], 0
    while start < len(order):
        # Lengths rise, so sentences x last length rises too: the end is found by bisection.
        low, high = start + 1, min(len(order), start + batch_tokens)
        while low < high:
            middle = (low + high + 1) // 2
            if (middle - start) * lengths[middle - 1] <= batch_tokens:
                low = middle
            else:
                high = middle - 1
        cuts.append(low)
        start = low
    batches = [pairs[order[a:b]] for a, b in itertools.pairwise(cuts)]
    return [batches[i] for i in rng.permutation(len(batches))]


def _longer_side(shard: Shard) -> NDArray[np.int64]:
    longer: NDArray[np.int64] = np.maximum(shard.source.lengths, shard.target.lengths) + 1
    return longer
