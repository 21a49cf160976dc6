"""How much of dev and test stands in the training text, by what a model sees: the ids.

Reads the prepared corpus and no text, so that a test set which is named later is compared in moments.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtkit.corpus.shards import Ids, Side, Split
from mtkit.store.prepared import Overlap

AT_ONCE = 4096  # sentences, so that memory does not grow with a shard
MUCH_PAIRS = 0.1
"""Share of a text's pairs in train from which on its scores mean little: a model repeats what it has seen, so that a
tenth of lines that come out word for word moves BLEU by more than methods differ."""
MUCH_SOURCES = 0.5
"""The same of its sources alone, whose translations in train are others."""

Hashes = NDArray[np.uint64]


def overlaps(train: Split, texts: Mapping[str, tuple[list[list[int]], list[list[int]]]]) -> dict[str, Overlap]:
    """Compare texts with the training text, of which tags do not count.

    Args:
        texts: name -> ids of its sources and of its targets; pairs with an empty side do not count.
    """
    wanted = {name: _Wanted(*ids) for name, ids in texts.items()}
    tags = [int(bool(part.symbol)) for part in train.parts for _ in part.shards]
    for number, tag in enumerate(tags):
        shard = train.open(number)
        for start in range(0, len(shard), AT_ONCE):
            source = _hashes(shard.source, start, start + AT_ONCE, tag)
            target = _hashes(shard.target, start, start + AT_ONCE)
            for one in wanted.values():
                one.see(source, target)
    return {name: one.counts() for name, one in wanted.items()}


def warning(name: str, overlap: Overlap) -> str:
    """What to say of a text that is in train for a good part; "" where it is not."""
    if overlap.found >= max(1, MUCH_PAIRS * overlap.of) or overlap.found_source >= max(1, MUCH_SOURCES * overlap.of):
        return (
            f"much of {name} is in the training text, so its scores mean little: of its {overlap.of:,} pairs "
            f"{overlap.found:,} stand there, and {overlap.found_source:,} of its sources; take other text for {name}"
        )
    return ""


def shares(name: str, overlap: Overlap) -> str:
    """What train and a text have in common; "" where that is nothing."""
    if not (overlap.source or overlap.target or overlap.pair):
        return ""
    return (
        f"training pairs that share with {name}: the source {overlap.source:,}, the target {overlap.target:,}, "
        f"both {overlap.pair:,}"
    )


class _Wanted:
    """The pairs of a text, looked for in train."""

    def __init__(self, source: list[list[int]], target: list[list[int]]) -> None:
        filled = [(left, right) for left, right in zip(source, target, strict=True) if left and right]
        sides = [_hashes(_side(some), 0, len(some)) for some in ([a for a, _ in filled], [b for _, b in filled])]
        self._texts = (sides[0], sides[1], _pairs(sides[0], sides[1]))
        self._keys = [np.unique(hashes) for hashes in self._texts]
        self._seen = [np.zeros(len(keys), bool) for keys in self._keys]
        self._counts = [0, 0, 0]

    def see(self, source: Hashes, target: Hashes) -> None:
        """Look at pairs of train."""
        for number, hashes in enumerate((source, target, _pairs(source, target))):
            keys = self._keys[number]
            if len(keys):
                place = np.minimum(np.searchsorted(keys, hashes), len(keys) - 1)
                equal = keys[place] == hashes
                self._seen[number][place[equal]] = True
                self._counts[number] += int(equal.sum())

    def counts(self) -> Overlap:
        found = [
            int(seen[np.searchsorted(keys, hashes)].sum())
            for hashes, keys, seen in zip(self._texts, self._keys, self._seen, strict=True)
        ]
        source, target, pair = self._counts
        return Overlap(
            source=source, target=target, pair=pair, found=found[2], found_source=found[0], of=len(self._texts[0])
        )


def _side(sentences: Sequence[list[int]]) -> Side:
    starts = np.concatenate([[0], np.cumsum([len(ids) for ids in sentences])]).astype(np.uint32)
    return Side(np.array([i for ids in sentences for i in ids], np.uint32), starts)


def _hashes(side: Side, start: int, end: int, skipped: int = 0) -> Hashes:
    """A hash of each sentence: the sum of its ids but the first so many, each mixed with its place in it."""
    starts = side.starts[start : end + 1].astype(np.int64)
    ids: Ids = side.ids[starts[0] : starts[-1]] if len(starts) else side.ids[:0]
    starts = starts - starts[:1]
    places = np.arange(len(ids)) - np.repeat(starts[:-1], np.diff(starts)) - skipped
    mixed = _mixed(ids.astype(np.uint64) << np.uint64(32) | places.astype(np.uint64))
    if skipped:
        mixed[places < 0] = 0
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed)])
    hashes: Hashes = sums[starts[1:]] - sums[starts[:-1]]
    return hashes


def _pairs(source: Hashes, target: Hashes) -> Hashes:
    return _mixed(source) + target


def _mixed(x: NDArray[Any]) -> Hashes:
    """Each number as one that has nothing to do with it (the finaliser of splitmix64, Steele et al. 2014)."""
    x = (x + np.uint64(0x9E3779B97F4A7C15)).astype(np.uint64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Hashes = x ^ (x >> np.uint64(31))
    return mixed
