"""The order of training: which pairs make which batch, and how they are segmented, as a pure function of (seed, epoch).

Of what pairs are changed into on the way (`mtkit.corpus.augmented`) batches are planned by about how long it is.

Sentences of like length share a batch, grouped by the longer side, since sentences x longer side is what a
batch is allowed to hold. Ties are broken at random, and the order of batches is random. A corpus of many
shards is taken in windows of a few, themselves in random order, so that RAM does not grow with it. An epoch has every
pair of every part once, those of all parts mixed; or as many pairs, each part by its share (`mtkit.corpus.mixture`).

Several processes share an epoch: its order is that of one process, and each takes every so-many-th batch of it.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtkit.corpus.augmented import Augmented
from mtkit.corpus.mixture import Mixture
from mtkit.corpus.shapes import rounded
from mtkit.corpus.shards import SHARD_PAIRS, Ids, Shard, Split
from mtkit.text.subwords import Subwords

WINDOW = 4  # groups of shards
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
        rank: which of the processes that share an epoch this is, from 0.
        world: how many they are.
        shaped: whether lengths are rounded up first, for batches of a few shapes (`mtkit.corpus.shapes`).
        augmented: what changes pairs while they are trained on; None: nothing does.
        shares: how much of what is drawn is of each part (`mtkit.corpus.mixture`); (): every pair comes once an epoch.
    """

    split: Split
    batch_tokens: int
    seed: int
    resegment: float = 0.0
    subwords: tuple[Subwords, Subwords] | None = None
    rank: int = 0
    world: int = 1
    shaped: bool = False
    augmented: Augmented | None = None
    shares: tuple[float, ...] = ()

    def epoch(self, epoch: int, skip: int = 0) -> Iterator[Pairs]:
        """Yield the sources and targets of each batch that this process takes of an epoch.

        Of the batches after the first `skip`, counted over all processes, process r takes number r, r + world, and so
        on. All of them yield equally often, since they go on together: where a last round has fewer batches than
        there are processes, the others yield one without pairs.
        """
        place = -skip  # of the next batch, among those that are shared out
        for first, shards, batches in self._windows(epoch):
            wanted = [n for n in range(max(0, -place), len(batches)) if (place + n) % self.world == self.rank]
            place += len(batches)
            opened = {number: self.split.open(number) for number in shards} if wanted else {}
            drawn = {n: self.augmented.drawn(epoch, n, opened[n]) for n in opened} if self.augmented else {}
            for number in wanted:
                pairs = [(opened[shard], index) for shard, index in batches[number].tolist()]
                sources: list[Ids | list[int]] = [shard.source[index] for shard, index in pairs]
                targets: list[Ids | list[int]] = [shard.target[index] for shard, index in pairs]
                if self.augmented:
                    self.augmented.change(batches[number].tolist(), drawn, opened, sources, targets)
                if self.subwords:
                    rng = np.random.default_rng([self.seed, epoch, first, number])
                    sources, targets = (
                        [some.draw(ids, rng) if rng.random() < self.resegment else ids for ids in side]
                        for some, side in zip(self.subwords, (sources, targets), strict=True)
                    )
                yield sources, targets
        if place > 0 and 0 < place % self.world <= self.rank:
            yield [], []

    def batches(self, epoch: int) -> int:
        """How many batches an epoch has, those of all processes together."""
        return sum(len(batches) for *_, batches in self._windows(epoch))

    @property
    def target_tokens(self) -> float:
        """About how many target tokens an epoch has, the ends of sentence included."""
        pieces: float = self.split.target_pieces
        if self.shares:
            means = [sum(shard.target_pieces for shard in part.shards) / part.pairs for part in self.split.parts]
            mean = sum(share * some for share, some in zip(self.shares, means, strict=True))
            pieces = mean * len(self.split)
        return pieces * (self.augmented.growth if self.augmented else 1) + len(self.split)

    def _windows(self, epoch: int) -> Iterator[tuple[int, list[int], list[NDArray[np.int64]]]]:
        """What tells windows apart, the shards of each, and its batches as rows of (shard, pair)."""
        if self.shares:
            yield from self._mixed(epoch)
            return
        rng = np.random.default_rng([self.seed, epoch])
        groups = _groups(self.split)
        order = rng.permutation(len(groups)).tolist()
        for start in range(0, len(order), WINDOW):
            shards = [number for group in order[start : start + WINDOW] for number in groups[group]]
            opened = [self.split.map(number) for number in shards]
            pairs = np.concatenate(
                [
                    np.stack([np.full(len(shard), number), np.arange(len(shard))], 1)
                    for number, shard in zip(shards, opened, strict=True)
                ]
            )
            longer = np.concatenate(
                [self._longer_side(epoch, number, shard) for number, shard in zip(shards, opened, strict=True)]
            )
            yield order[start], shards, plan(pairs, self._counted(longer), self.batch_tokens, rng)

    def _mixed(self, epoch: int) -> Iterator[tuple[int, list[int], list[NDArray[np.int64]]]]:
        """The same of parts that are drawn by shares."""
        mixture = Mixture(self.split, self.shares, self.seed, WINDOW * SHARD_PAIRS)
        for number, pairs in enumerate(mixture.windows(epoch)):
            shards = np.unique(pairs[:, 0]).tolist()
            longer = np.empty(len(pairs), np.int64)
            for shard in shards:
                own = pairs[:, 0] == shard
                longer[own] = self._longer_side(epoch, shard, self.split.map(shard))[pairs[own, 1]]
            rng = np.random.default_rng([self.seed, epoch, number])
            yield number, shards, plan(pairs, self._counted(longer), self.batch_tokens, rng)

    def _counted(self, longer: NDArray[np.int64]) -> NDArray[np.int64]:
        """Lengths as they count in a batch."""
        if not self.shaped:
            return longer
        return np.array([rounded(length) for length in range(int(longer.max()) + 1)])[longer]

    def _longer_side(self, epoch: int, number: int, shard: Shard) -> NDArray[np.int64]:
        """The pieces of the longer side of each pair, its end included; of a changed one as many as are expected."""
        sides = shard.source.lengths, shard.target.lengths
        if self.augmented:
            source, target = self.augmented.lengths(epoch, number, shard)
            sides = np.ceil(source).astype(np.int64), np.ceil(target).astype(np.int64)
        longer: NDArray[np.int64] = np.maximum(*sides) + 1
        return longer


def _groups(split: Split) -> list[list[int]]:
    """Shards by their numbers, each alone, but for the last ones of parts, which share a group as far as they fit.

    So a corpus of many small parts has windows of as many pairs as any other, with many parts in each.
    """
    groups: list[list[int]] = []
    tails: list[list[int]] = []
    pairs = 0  # of the last group of tails
    end = 0
    for part in split.parts:
        if not part.shards:
            continue
        start, end = end, end + len(part.shards)
        groups += [[number] for number in range(start, end - 1)]
        tail = part.shards[-1].pairs
        if not tails or pairs + tail > SHARD_PAIRS:
            tails.append([])
            pairs = 0
        tails[-1].append(end - 1)
        pairs += tail
    return groups + tails


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
