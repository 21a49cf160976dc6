"""Pairs changed while they are trained on: which, and how, as a pure function of (seed, epoch, sentence).

A sentence is a row of a shard. So what a pair becomes hangs neither on the batch that it is in nor on the process that
makes it, and an epoch that goes on in the middle goes on as it would have. Text is changed, not ids: pieces are put
together and segmented anew, for the batch at hand and for what is changed in it. Must not know models.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mtkit.corpus.shards import Ids, Shard, Split
from mtkit.text.changes import BOTH, JOIN, NAMES, Changes
from mtkit.text.draws import Draws
from mtkit.text.readers.reader import Pair
from mtkit.text.reserved import SYMBOLS
from mtkit.text.subwords import SPACE
from mtkit.text.tokenizer import Tokenizer

SAMPLE = 200  # pairs, at most, of which is learnt how much longer a change makes them
SHARDS = 4  # that these are from
RARELY = 0.95  # share of changed pairs that are no longer than they were expected to be
Lengths = NDArray[np.float64]


@dataclass(frozen=True)
class Drawn:
    """What becomes of the pairs of a shard in an epoch.

    Attributes:
        which: a bit a change, in the order of `Augmented.names`.
        seeds: of each pair's draws.
    """

    which: NDArray[np.uint16]
    seeds: NDArray[np.int64]


@dataclass(frozen=True)
class Growth:
    """How long a side becomes by a change: pieces = slope x pieces before + more, as nearly all have at most."""

    slope: float = 1.0
    more: float = 0.0


class Augmented:
    """Changes that pairs of a split go through, a share of all pairs a change.

    Args:
        shares: change -> share; "upper" and "title" exclude each other.
        changes: of each shard those for its languages.
        tokenizers: of source and target.
        max_pieces: of a side; a pair that a change would make longer stays as it is.
    """

    def __init__(
        self,
        split: Split,
        shares: Mapping[str, float],
        changes: Sequence[Changes],
        tokenizers: tuple[Tokenizer, Tokenizer],
        seed: int,
        max_pieces: int,
    ) -> None:
        self.split, self.changes, self.tokenizers = split, changes, tokenizers
        self.seed, self.max_pieces = seed, max_pieces
        self.shares = {name: shares[name] for name in NAMES if shares.get(name)}
        self.names = tuple(self.shares)
        self._reserved = [
            frozenset(i for i, name in enumerate(one.names) if name.lstrip("▁") in SYMBOLS) for one in tokenizers
        ]

    def drawn(self, epoch: int, number: int, shard: Shard) -> Drawn:
        """What becomes of a shard's pairs; of the shard only the lengths are read.

        Args:
            number: of the shard.
        """
        rng = np.random.default_rng([self.seed, epoch, number, 0, 1])  # five numbers: no others' draws
        seeds = rng.integers(0, 1 << 62, len(shard))
        which = np.zeros(len(shard), np.uint16)
        shares = rng.random((len(self.names), len(shard)))
        for bit, name in enumerate(self.names):
            chosen = shares[bit] < self.shares[name]
            if name == "title" and "upper" in self.shares:  # drawn with the other: never both
                place, before = shares[self.names.index("upper")], self.shares["upper"]
                chosen = (place >= before) & (place < before + self.shares[name])
            elif name == JOIN:
                chosen &= self._joins(shard)
            which |= chosen.astype(np.uint16) << np.uint16(bit)
        return Drawn(which, seeds)

    def lengths(self, epoch: int, number: int, shard: Shard) -> tuple[Lengths, Lengths]:
        """About how many pieces the sources and the targets of a shard will have: more than so many seldom."""
        which = self.drawn(epoch, number, shard).which
        expected = []
        for side, some in enumerate((shard.source, shard.target)):
            lengths = some.lengths.astype(np.float64)
            for bit, name in enumerate(self.names):
                rows = np.flatnonzero(which >> np.uint16(bit) & 1)
                if name == JOIN:
                    lengths[rows] += some.lengths[rows + 1]
                else:
                    growth = self._growth[name][side]
                    lengths[rows] = growth.slope * lengths[rows] + growth.more
            # Whatever would be longer than that stays as it was.
            expected.append(np.minimum(lengths, np.maximum(some.lengths, self.max_pieces)))
        return expected[0], expected[1]

    @cached_property
    def growth(self) -> float:
        """How many pieces of targets an epoch has for each that is prepared: seen on a shard."""
        if not len(self.split):
            return 1.0
        number = self._sampled[0]
        shard = self.split.map(number)
        return float(self.lengths(0, number, shard)[1].sum() / max(1, shard.target.lengths.sum()))

    def sample(self, name: str) -> Pair | None:
        """A pair as it becomes by a change; None: of those looked at it changes none."""
        some = self._samples
        if name == JOIN:
            shard = self.split.open(self._sampled[0])
            rows = np.flatnonzero(self._joins(shard))[:1].tolist()
            some = [_Wanted(0, self._sampled[0], [], 0, _lists(shard, row, 2)) for row in rows]
        for one in some:
            (made,) = self._made([replace(one, names=[name])])
            if made is not None and list(made) != [ids[0] for ids in one.lists]:
                return self.tokenizers[0].decode(made[0]), self.tokenizers[1].decode(made[1])
        return None

    def change(
        self,
        rows: Sequence[tuple[int, int]],
        drawn: Mapping[int, Drawn],
        shards: Mapping[int, Shard],
        sources: list[Ids | list[int]],
        targets: list[Ids | list[int]],
    ) -> None:
        """Put in the place of pairs what becomes of them.

        Args:
            rows: of each pair its shard's number and its row in it.
        """
        chosen = [place for place, (number, row) in enumerate(rows) if drawn[number].which[row]]
        if not chosen:
            return
        wanted: list[_Wanted] = []
        for place in chosen:
            number, row = rows[place]
            which = int(drawn[number].which[row])
            names = [name for bit, name in enumerate(self.names) if which >> bit & 1]
            lists = [[_listed(sources[place])], [_listed(targets[place])]]
            if JOIN in names:
                lists[0].append(_listed(shards[number].source[row + 1]))
                lists[1].append(_listed(shards[number].target[row + 1]))
            wanted.append(_Wanted(place, number, names, int(drawn[number].seeds[row]), lists))
        for one, pair in zip(wanted, self._made(wanted), strict=True):
            if pair is not None:
                sources[one.place], targets[one.place] = pair

    def _made(self, wanted: "list[_Wanted]") -> "list[tuple[list[int], list[int]] | None]":
        """The ids of changed pairs; None: it stays as it was."""
        texts: list[Iterator[str]] = []
        heads: list[Iterator[list[int]]] = []
        for side, (tokenizer, reserved) in enumerate(zip(self.tokenizers, self._reserved, strict=True)):
            # What says before a line how it is to be translated stays before it, and is no text.
            cut = [_cut(ids, reserved) for one in wanted for ids in one.lists[side]]
            heads.append(iter([head for head, _ in cut]))
            texts.append(iter(decoded(tokenizer, [body for _, body in cut])))
        before: list[tuple[list[int], list[int]]] = []
        pairs: list[Pair] = []
        for one in wanted:
            count = len(one.lists[0])
            both = [(next(texts[0]), next(texts[1])) for _ in range(count)]
            begun = [(next(heads[0]), next(heads[1])) for _ in range(count)]
            before.append(begun[0])
            pairs.append(self.changes[one.shard](both, one.names, Draws(one.seed)))
        made = [tokenizer.encode([pair[side] for pair in pairs]) for side, tokenizer in enumerate(self.tokenizers)]
        return [
            self._whole(one, (head[0] + source, head[1] + target))
            for one, head, source, target in zip(wanted, before, *made, strict=True)
        ]

    def _whole(self, one: "_Wanted", made: tuple[list[int], list[int]]) -> tuple[list[int], list[int]] | None:
        """A pair, if nothing of it is lost in ids, nor too long."""
        for tokenizer, ids, before in zip(self.tokenizers, made, one.lists, strict=True):
            if not 0 < len(ids) <= max(self.max_pieces, len(before[0])):
                return None
            if tokenizer.unknown is not None and any(tokenizer.unknown in some for some in (ids, *before)):
                return None
        return made

    def _joins(self, shard: Shard) -> NDArray[np.bool_]:
        """Which pairs may be joined with the next one."""
        fits = np.ones(len(shard), np.bool_)
        for side in (shard.source, shard.target):
            fits[:-1] &= side.lengths[:-1] + side.lengths[1:] <= self.max_pieces
        fits[-1:] = False
        return fits

    @property
    def _sampled(self) -> list[int]:
        """Numbers of some shards, evenly spread."""
        count = len(self.split.shards)
        return sorted({count * i // SHARDS for i in range(SHARDS)} if count else set())

    @cached_property
    def _samples(self) -> "list[_Wanted]":
        """Pairs of the split, evenly spread, to which nothing is to be done yet."""
        wanted: list[_Wanted] = []
        numbers = self._sampled
        for number in numbers:
            shard = self.split.open(number)
            for row in range(0, len(shard), -(-len(shard) * len(numbers) // SAMPLE)):
                wanted.append(_Wanted(0, number, [], len(wanted), _lists(shard, row, 1)))
        return wanted

    @cached_property
    def _growth(self) -> dict[str, tuple[Growth, Growth]]:
        """Of each change but joining, for source and target."""
        found = {}
        for name in self.names:
            if name == JOIN:
                continue
            made = self._made([replace(one, names=[name]) for one in self._samples])
            both = [(one.lists, ids) for one, ids in zip(self._samples, made, strict=True) if ids is not None]
            sides = [
                _fitted([len(lists[side][0]) for lists, _ in both], [len(ids[side]) for _, ids in both])
                if name in BOTH or side == 0
                else Growth()
                for side in (0, 1)
            ]
            found[name] = sides[0], sides[1]
        return found


def decoded(tokenizer: Tokenizer, lists: list[list[int]]) -> list[str]:
    """The texts of ids, as `Tokenizer.decode_all` has them: what has no bytes nor special pieces is put together here,
    which takes a tenth of the time."""
    texts, others = [""] * len(lists), list[int]()
    for place, ids in enumerate(lists):
        if tokenizer.ordinary.issuperset(ids):
            texts[place] = "".join(tokenizer.pieces(ids)).replace(SPACE, " ").lstrip(" ")
        else:
            others.append(place)
    for place, text in zip(others, tokenizer.decode_all([lists[place] for place in others]), strict=True):
        texts[place] = text
    return texts


@dataclass(frozen=True)
class _Wanted:
    """A pair that is to be changed: its place in the batch, its shard, the changes, its draws, and the ids of each side
    (two of each where the next pair is joined)."""

    place: int
    shard: int
    names: list[str]
    seed: int
    lists: list[list[list[int]]]


def _listed(ids: Ids | list[int]) -> list[int]:
    numbers: list[int] = ids if isinstance(ids, list) else ids.tolist()
    return numbers


def _lists(shard: Shard, row: int, count: int) -> list[list[list[int]]]:
    """Of each side the ids of so many pairs from a row on."""
    return [[_listed(side[at]) for at in range(row, row + count)] for side in (shard.source, shard.target)]


def _cut(ids: list[int], reserved: frozenset[int]) -> tuple[list[int], list[int]]:
    """The reserved pieces at the beginning of a side, and what comes after them."""
    end = 0
    while end < len(ids) and ids[end] in reserved:
        end += 1
    return ids[:end], ids[end:]


def _fitted(before: list[int], after: list[int]) -> Growth:
    """By least squares, and moved up so far that nearly all are below."""
    if not before:
        return Growth()
    x, y = np.array(before, np.float64), np.array(after, np.float64)
    spread = float(((x - x.mean()) ** 2).sum())
    slope = max(0.0, float(((x - x.mean()) * (y - y.mean())).sum()) / spread) if spread else 1.0
    return Growth(slope, float(np.quantile(y - slope * x, RARELY)))
