"""Texts drawn by shares: what of each comes in which window of which epoch, as a pure function of the seed.

Of every text there is an endless row of turns, each of all its pairs in an order of its own; a window takes of each row
what comes next, so that after a whole turn every pair has been drawn as often as any other. An epoch has as many pairs
as all texts together. Must not know batches.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtkit.corpus.shards import Split
from mtkit.errors import DataError

PAIRS, SHARDS = 1, 2  # what the numbers are drawn for
SLACK = 1e-6  # of a pair, so that 49 times a 49th is one


def shares(names: Sequence[str], sizes: Sequence[int], weights: Sequence[float], temperature: float = 0) -> list[float]:
    """How much of what is drawn is of each text.

    Args:
        names: of the texts, for messages.
        sizes: their pairs.
        weights: the shares, up to a factor; with a temperature they are multiplied by size ** (1 / temperature)
            (Arivazhagan et al. 2019).
        temperature: 0: none.

    Raises:
        DataError: a text has no pair.
    """
    if empty := next((name for name, size in zip(names, sizes, strict=True) if not size), None):
        raise DataError(f"no pair of {empty} is left to draw: leave it out of data.train, or see report.json for why")
    powers = [size ** (1 / temperature) if temperature else 1.0 for size in sizes]
    drawn = [weight * power for weight, power in zip(weights, powers, strict=True)]
    return [one / math.fsum(drawn) for one in drawn]


@dataclass(frozen=True)
class Mixture:
    """The parts of a split, drawn by shares.

    Attributes:
        shares: of each part, one in all.
        window: pairs that are drawn together, at most.
    """

    split: Split
    shares: Sequence[float]
    seed: int
    window: int

    def windows(self, epoch: int) -> Iterator[NDArray[np.int64]]:
        """The rows (shard, pair) of each window of an epoch."""
        count = max(1, math.ceil(len(self.split) / self.window))
        for at in range(epoch * count, (epoch + 1) * count):
            rows = [
                row
                for part, share in enumerate(self.shares)
                for row in self._drawn(part, *self._bounds(at, share * len(self.split) / count))
            ]
            yield np.concatenate(rows)

    @staticmethod
    def _bounds(window: int, mean: float) -> tuple[int, int]:
        """Where in the row of a part a window begins and ends: over many windows the share is met to a pair."""
        return math.floor(window * mean + SLACK), math.floor((window + 1) * mean + SLACK)

    def _drawn(self, part: int, begin: int, end: int) -> Iterator[NDArray[np.int64]]:
        pairs = self.split.parts[part].pairs
        while begin < end:
            turn, first = divmod(begin, pairs)
            last = min(pairs, first + end - begin)
            yield from self._turn(part, turn, first, last)
            begin += last - first

    def _turn(self, part: int, turn: int, first: int, last: int) -> Iterator[NDArray[np.int64]]:
        """What stands from `first` on before `last` in a turn of a part: shards in some order, pairs within each."""
        before = sum(len(one.shards) for one in self.split.parts[:part])
        shards = self.split.parts[part].shards
        order = self._generator(part, turn, 0, SHARDS).permutation(len(shards)).tolist() if len(shards) > 1 else [0]
        start = 0
        for shard in order:
            begin, end = max(first - start, 0), min(last - start, shards[shard].pairs)
            if begin < end:
                pairs = self._generator(part, turn, shard, PAIRS).permutation(shards[shard].pairs)[begin:end]
                yield np.stack([np.full(len(pairs), before + shard), pairs], 1)
            start += shards[shard].pairs

    def _generator(self, *of: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *of])
