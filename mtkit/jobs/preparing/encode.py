"""The second reading of the training text: ids of train and dev, and the counts of both."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mtkit.corpus.shards import Part, Row, ShardWriter
from mtkit.errors import DataError
from mtkit.jobs.preparing.chunks import PAIRS, Chunk, Role, Treatment
from mtkit.jobs.preparing.inputs import Entry, TrainingText
from mtkit.jobs.preparing.plan import EQUAL, NEAR, Plan, Reading
from mtkit.jobs.sharing import ALONE, Share
from mtkit.schema import Tag
from mtkit.text import case, filters
from mtkit.text.masked import Masks
from mtkit.text.quality import Lengths
from mtkit.text.readers.reader import Pair
from mtkit.text.tokenizer import Tokenizer

Repeated = tuple[bytes, bytes]
"""Flags of the kept pairs of a chunk, and of their copies: whether each stood before (`Plan.repeated`)."""
Copies = list[tuple[str, Pair]]
"""Of a pair, each with the name of its case; if it goes, so do they."""


@dataclass(frozen=True)
class Marked:
    """A chunk, and what the first reading has found out about it."""

    chunk: Chunk
    kept: bytes
    """A flag a pair: 1 where it breaks no rule on text."""
    repeated: Repeated

    def __str__(self) -> str:
        return str(self.chunk)


@dataclass
class Tally:
    """Counts of a part, which grow as it is read."""

    lengths: Lengths = field(default_factory=Lengths)
    dropped: filters.Drops = field(default_factory=filters.Drops)
    held_out: list[Pair] = field(default_factory=list)
    copies: dict[str, int] = field(default_factory=lambda: dict.fromkeys(case.CASES, 0))
    copies_dropped: filters.Drops = field(default_factory=filters.Drops)
    """Apart, since `dropped` says what is wrong with the text itself."""

    def merge(self, other: "Tally") -> None:
        """Count what comes next in the text, too."""
        self.lengths.merge(other.lengths)
        self.dropped += other.dropped
        self.held_out += other.held_out
        for name, count in other.copies.items():
            self.copies[name] += count
        self.copies_dropped += other.copies_dropped


@dataclass(frozen=True)
class Written:
    """What is to be written of a chunk, and its counts."""

    source: Row
    target: Row
    tally: Tally


@dataclass(frozen=True)
class Encoded:
    """A part that was written."""

    part: Part
    tally: Tally


@dataclass(frozen=True)
class Encoder:
    """What is done to a chunk in the second reading.

    Attributes:
        tokenizers: of source and target.
        rules: on lengths in pieces.
        dedupe: whether a pair that stood before goes.
        held_out: keys of the sources whose pairs make dev.
        heads: of a text with a tag, the id that each of its sources begins with.
        masks: how spans are hidden; None: they are not.
    """

    tokenizers: tuple[Tokenizer, Tokenizer]
    treatment: Treatment
    rules: filters.PieceRules
    dedupe: bool
    held_out: frozenset[int] = frozenset()
    heads: Mapping[str, int] = field(default_factory=dict)
    masks: Masks | None = None

    def __call__(self, marked: Marked) -> Written:
        """The ids of what is kept.

        Raises:
            DataError: it is not the text that the first reading has seen.
        """
        tally, source, target = Tally(), Row.of(self.vocab_sizes[0]), Row.of(self.vocab_sizes[1])
        items, tag = list(self._items(marked, tally)), marked.chunk.role.tag
        head = self.head(tag)
        ids = self.ids([pair for item, copies in items for pair in (item, *(copy for _, copy in copies))])
        encoded = zip(*ids, strict=True)

        def write(pair: Pair, both: tuple[list[int], list[int]]) -> None:
            source.add([*head, *both[0]] if head else both[0])
            target.add(both[1])
            self.count(tally, pair, both)

        for pair, copies in items:
            original, others = next(encoded), [next(encoded) for _ in copies]
            if rule := self.broken(original, tag):
                tally.dropped.add(rule, *pair)
                continue
            write(pair, original)
            for (name, copy), other in zip(copies, others, strict=True):
                if rule := self.broken(other, tag):
                    tally.copies_dropped.add(rule, *copy)
                    continue
                tally.copies[name] += 1
                write(copy, other)
        return Written(source, target, tally)

    def _items(self, marked: Marked, tally: Tally) -> Iterator[tuple[Pair, Copies]]:
        """What is to be encoded: neither dropped by a rule on text, nor repeated, nor held out."""
        role = marked.chunk.role
        repeated, copy_repeated = map(iter, marked.repeated)
        try:
            for raw in itertools.compress(marked.chunk.pairs, marked.kept):
                pair, again = self.treatment.read(raw), next(repeated)
                copies = [(name, copy, next(copy_repeated)) for name, copy in self.treatment.copies(pair)]
                if again & EQUAL and self.dedupe:
                    tally.dropped.add("dedupe", *pair)
                elif again & NEAR:
                    tally.dropped.add("near_duplicates", *pair)
                elif self.held_out and role.held_by(pair) in self.held_out:
                    tally.held_out.append(pair)
                else:
                    yield pair, list(self._kept(copies, tally, role))
            if next(repeated, None) is None and next(copy_repeated, None) is None:
                return
        except StopIteration:
            pass
        raise _changed(marked.chunk.name)

    def _kept(self, copies: list[tuple[str, Pair, int]], tally: Tally, role: Role) -> Iterator[tuple[str, Pair]]:
        for name, copy, again in copies:
            if broken := self.treatment.rules.broken(*copy):
                tally.copies_dropped.add(broken, *copy)
            elif again and self.dedupe:
                tally.copies_dropped.add("dedupe", *copy)
            elif role.held_by(copy) not in self.held_out:
                yield name, copy

    @property
    def vocab_sizes(self) -> tuple[int, int]:
        """Of source and target."""
        return self.tokenizers[0].vocab_size, self.tokenizers[1].vocab_size

    def head(self, tag: str) -> list[int]:
        """What sources begin with."""
        return [self.heads[tag]] if tag else []

    def broken(self, ids: tuple[list[int], list[int]], tag: str) -> str | None:
        """The rule that a pair's lengths break, or None; to be short enough it needs room for its tag."""
        if rule := self.rules.broken(len(ids[0]), len(ids[1])):
            return rule
        return "max_pieces" if tag and len(ids[0]) == self.rules.max_pieces else None

    def ids(self, pairs: list[Pair]) -> tuple[list[list[int]], list[list[int]]]:
        """The ids of both sides of some pairs."""
        source, target = self.tokenizers
        if self.masks:
            pairs = [self.masks.pair(*pair) for pair in pairs]
        return source.encode([left for left, _ in pairs]), target.encode([right for _, right in pairs])

    def count(self, tally: Tally, pair: Pair, ids: tuple[list[int], list[int]]) -> None:
        """Count a pair that is written."""
        source, target = self.tokenizers
        spelled = source.byte_pieces(ids[0]), target.byte_pieces(ids[1])
        tally.lengths.add(pair, (len(ids[0]), len(ids[1])), spelled)


def write_train(text: TrainingText, plan: Plan, encoder: Encoder, folder: Path, share: Share = ALONE) -> list[Encoded]:
    """Write the training text, a part an entry.

    Raises:
        DataError: the text cannot be read, or is not what the first reading has seen.
        WorkerError: a process has died.
    """
    encoded = []
    flags = _Flags(plan)
    several = len(text.entries) > 1
    with share(encoder) as each:
        for number, (entry, reading) in enumerate(zip(text.entries, plan.readings, strict=True), 1):
            name = f"train.{number}" if several else "train"
            writer, tally = ShardWriter(folder, name, encoder.vocab_sizes), Tally()
            for _, written in each(flags.marked(entry, reading)):
                writer.extend(written.source, written.target)
                tally.merge(written.tally)
            about = {"tag": entry.tag.name, "symbol": entry.symbol, "languages": entry.tag.languages}
            encoded.append(Encoded(Part.of(entry.name, entry.entry, writer.close(), **about), tally))
    return encoded


@dataclass(frozen=True)
class Dev:
    """A text of dev, in one direction."""

    name: str
    entry: str
    """Its path; "": held out of train."""
    tag: Tag
    pairs: list[Pair]


def write_dev(texts: Sequence[Dev], encoder: Encoder, folder: Path) -> list[tuple[Encoded, list[Pair]]]:
    """Write dev, a part a text; returns also which pairs were written.

    A pair far longer than those trained on would take memory, and say little: it is left out.
    """
    made = []
    for number, text in enumerate(texts, 1):
        name = f"dev.{number}" if len(texts) > 1 else "dev"
        writer, tally, head = ShardWriter(folder, name, encoder.vocab_sizes), Tally(), encoder.head(text.tag.name)
        written: list[Pair] = []
        for start in range(0, len(text.pairs), PAIRS):
            chunk = text.pairs[start : start + PAIRS]
            for pair, source, target in zip(chunk, *encoder.ids(chunk), strict=True):
                if encoder.broken((source, target), text.tag.name) not in ("empty", "max_pieces"):
                    written.append(pair)
                    writer.add([*head, *source], target)
                    encoder.count(tally, pair, (source, target))
        symbol = "".join(encoder.tokenizers[0].pieces(head))
        about = {"tag": text.tag.name, "symbol": symbol, "languages": text.tag.languages}
        made.append((Encoded(Part.of(text.name, text.entry, writer.close(), **about), tally), written))
    return made


class _Flags:
    """What of the flags on disk belongs to which chunk."""

    def __init__(self, plan: Plan) -> None:
        self._standing, self._flags = plan.standing, plan.repeated
        self._pairs, self._kept, self._copies = 0, 0, plan.kept

    def marked(self, entry: Entry, reading: Reading) -> Iterator[Marked]:
        """The chunks of an entry with theirs."""
        counts = iter(reading.chunks)
        for chunk in entry.chunks():
            pairs, kept, copies = next(counts, None), next(counts, None), next(counts, None)
            if kept is None or copies is None or pairs != len(chunk.pairs):
                raise _changed(chunk.name)
            standing = self._standing[self._pairs : self._pairs + pairs].tobytes()
            yield Marked(chunk, standing, (self._next(self._kept, kept), self._next(self._copies, copies)))
            self._pairs += pairs
            self._kept += kept
            self._copies += copies
        if next(counts, None) is not None:
            raise _changed(entry.entry)

    def _next(self, start: int, count: int) -> bytes:
        flags: bytes = self._flags[start : start + count].tobytes()
        return flags


def _changed(name: str) -> DataError:
    return DataError(f"{name} has changed while it was being read; run it again when nobody writes it any more")
