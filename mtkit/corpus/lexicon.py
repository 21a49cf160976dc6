"""Which target words translate which source words, learnt from a prepared corpus. Must not know models or search.

Dimensions: V source vocabulary, N translations kept of each.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtkit.corpus.shards import Split

ITERATIONS = 4
MOST_LINKS = 20_000_000  # pairs of positions learnt from: about 100 bytes of memory each, a second each five million
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Lexicon:
    """A table of translations.

    Attributes:
        likely_VN: the most likely translations of each source word, best first; -1 where there are fewer.
        frequent: the most frequent target words, best first.
    """

    likely_VN: NDArray[np.int32]
    frequent: NDArray[np.int32]


def learn(split: Split, source_vocab: int, target_vocab: int, likely: int, frequent: int) -> Lexicon:
    """Model 1 of Brown et al. (1993), by expectation maximisation, on the corpus or so many evenly spread pairs of it.

    Args:
        likely: translations kept of each source word.
        frequent: frequent target words kept.
    """
    sources, targets = _pairs(split)
    lengths_s, lengths_t = _lengths(sources), _lengths(targets)
    # Every target position of a pair beside every source position of it, target by target.
    of_pair = np.repeat(np.arange(len(targets)), lengths_t)
    widths = lengths_s[of_pair]  # source positions beside each target position
    starts = np.cumsum(widths) - widths
    begin = np.cumsum(lengths_s) - lengths_s
    within = np.arange(int(widths.sum())) - np.repeat(starts, widths)
    source = np.concatenate(sources)[np.repeat(begin[of_pair], widths) + within].astype(np.int64)
    target = np.repeat(np.concatenate(targets), widths).astype(np.int64)
    del within
    keys, link = np.unique(source * target_vocab + target, return_inverse=True)
    del source, target
    key_source = keys // target_vocab
    chances = np.full(len(keys), 1.0)
    for _ in range(ITERATIONS):
        shares = chances[link]
        shares /= np.repeat(np.add.reduceat(shares, starts), widths)
        counts = np.bincount(link, shares, len(keys))
        chances = counts / np.bincount(key_source, counts, source_vocab)[key_source]
    order = np.lexsort((-chances, key_source))
    ranks = np.arange(len(keys)) - np.searchsorted(key_source[order], key_source[order])
    kept = ranks < likely
    table = np.full((source_vocab, likely), -1, np.int32)
    table[key_source[order][kept], ranks[kept]] = keys[order][kept] % target_vocab
    uses = np.bincount(np.concatenate(targets), minlength=target_vocab)
    top = np.argsort(-uses, kind="stable")[:frequent]
    return Lexicon(table, top[uses[top] > 0].astype(np.int32))


def _pairs(split: Split) -> tuple[list[Numbers], list[Numbers]]:
    """Ids of pairs, of both sides at least one."""
    shards = [split.open(i) for i in range(len(split.shards))]
    links = sum(int((shard.source.lengths * shard.target.lengths).sum()) for shard in shards)
    stride = -(-links // MOST_LINKS)
    rows = [(shard, row) for shard in shards for row in range(0, len(shard), stride)]
    pairs = [(shard.source[row], shard.target[row]) for shard, row in rows]
    pairs = [pair for pair in pairs if len(pair[0]) and len(pair[1])]
    return [source for source, _ in pairs], [target for _, target in pairs]


def _lengths(sentences: list[Numbers]) -> Numbers:
    return np.fromiter(map(len, sentences), np.int64, len(sentences))
