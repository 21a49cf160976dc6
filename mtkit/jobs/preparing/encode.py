"""The second reading of the training text: ids of train and dev, and the counts of both."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from mtkit.corpus.shards import Part, ShardWriter
from mtkit.jobs.preparing.inputs import Entry, TrainingText
from mtkit.jobs.preparing.plan import Plan
from mtkit.text import case, filters
from mtkit.text.quality import Lengths
from mtkit.text.readers.reader import Pair
from mtkit.text.tokenizer import Tokenizer

CHUNK = 2000  # pairs encoded at once
Flags = tuple[Iterator[np.uint8], Iterator[np.uint8]]
"""Whether the next kept pair, and the next copy, stood before."""


@dataclass(frozen=True)
class Item:
    """A training pair and the copies of it: if it goes, so do they."""

    pair: Pair
    copies: list[tuple[str, Pair]]
    """Each with the name of its case."""


@dataclass(frozen=True)
class Tally:
    """Counts of a part, which grow as it is read."""

    lengths: Lengths
    dropped: filters.Drops = field(default_factory=filters.Drops)
    held_out: list[Pair] = field(default_factory=list)
    copies: dict[str, int] = field(default_factory=lambda: dict.fromkeys(case.CASES, 0))
    copies_dropped: filters.Drops = field(default_factory=filters.Drops)
    """Apart, since `dropped` says what is wrong with the text itself."""


@dataclass(frozen=True)
class Encoded:
    """A part that was written."""

    part: Part
    tally: Tally


class Encoder:
    """Writes train and dev.

    Args:
        tokenizers: one for both sides, or the source's and the target's.
        rules: on lengths in pieces.
        dedupe: whether a pair that stood before goes.
        folder: where shards are written.
    """

    def __init__(self, tokenizers: Sequence[Tokenizer], rules: filters.PieceRules, dedupe: bool, folder: Path) -> None:
        self._source, self._target = tokenizers[0], tokenizers[-1]
        self._rules, self._dedupe, self._folder = rules, dedupe, folder

    def train(self, text: TrainingText, plan: Plan) -> list[Encoded]:
        """Write the training text, a part an entry."""
        flags = (iter(plan.repeated[: plan.kept]), iter(plan.repeated[plan.kept :]))
        several = len(text.entries) > 1
        return [
            self._part(f"train.{number}" if several else "train", entry, text, plan, flags)
            for number, entry in enumerate(text.entries, 1)
        ]

    def dev(self, pairs: list[Pair], entry: str) -> tuple[Encoded, list[Pair]]:
        """Write pairs as dev; returns also which were written.

        A pair far longer than those trained on would take memory, and say little: it is left out.
        """
        writer, tally = self._writer("dev"), Tally(self._lengths())
        written: list[Pair] = []
        for start in range(0, len(pairs), CHUNK):
            chunk = pairs[start : start + CHUNK]
            for pair, source, target in zip(chunk, *self.ids(chunk), strict=True):
                if self._rules.broken(len(source), len(target)) not in ("empty", "max_pieces"):
                    written.append(pair)
                    writer.add(source, target)
                    tally.lengths.add(pair, source, target)
        return Encoded(Part.of("dev", entry, writer.close()), tally), written

    def _part(self, files: str, entry: Entry, text: TrainingText, plan: Plan, flags: Flags) -> Encoded:
        writer, tally = self._writer(files), Tally(self._lengths())

        def write(pair: Pair, source: list[int], target: list[int]) -> None:
            writer.add(source, target)
            tally.lengths.add(pair, source, target)

        items = self._items(entry, text, plan, flags, tally)
        while chunk := list(islice(items, CHUNK)):
            texts = [pair for item in chunk for pair in (item.pair, *(copy for _, copy in item.copies))]
            ids = zip(*self.ids(texts), strict=True)
            for item in chunk:
                original, copies = next(ids), [next(ids) for _ in item.copies]
                if rule := self._rules.broken(*map(len, original)):
                    tally.dropped.add(rule, *item.pair)
                    continue
                write(item.pair, *original)
                for (name, copy), encoded in zip(item.copies, copies, strict=True):
                    if rule := self._rules.broken(*map(len, encoded)):
                        tally.copies_dropped.add(rule, *copy)
                        continue
                    tally.copies[name] += 1
                    write(copy, *encoded)
        return Encoded(Part.of(entry.name, entry.entry, writer.close()), tally)

    def _items(self, entry: Entry, text: TrainingText, plan: Plan, flags: Flags, tally: Tally) -> Iterator[Item]:
        """What is to be encoded of an entry: neither dropped by a rule on text, nor repeated, nor held out."""
        repeated, copy_repeated = flags
        for pair, rule in text.judged(entry):
            if rule:
                continue  # counted in the first reading
            again = next(repeated)
            copies = [(name, copy, next(copy_repeated)) for name, copy in text.copies(pair)]
            if again and self._dedupe:
                tally.dropped.add("dedupe", *pair)
                continue
            if plan.held_out and filters.key(pair[0]) in plan.held_out:
                tally.held_out.append(pair)
                continue
            kept = []
            for name, copy, copy_again in copies:
                if broken := text.rules.broken(*copy):
                    tally.copies_dropped.add(broken, *copy)
                elif copy_again and self._dedupe:
                    tally.copies_dropped.add("dedupe", *copy)
                elif filters.key(copy[0]) not in plan.held_out:
                    kept.append((name, copy))
            yield Item(pair, kept)

    def ids(self, pairs: list[Pair]) -> tuple[list[list[int]], list[list[int]]]:
        """The ids of both sides of some pairs."""
        return self._source.encode([left for left, _ in pairs]), self._target.encode([right for _, right in pairs])

    def _writer(self, files: str) -> ShardWriter:
        return ShardWriter(self._folder, files, (self._source.vocab_size, self._target.vocab_size))

    def _lengths(self) -> Lengths:
        return Lengths(self._source, self._target)
