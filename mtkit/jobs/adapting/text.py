"""The text of an adaptation: what is trained on, what is held out of it, and what of the parent's is read again.

All of it is written into a folder of its own beside the prepared corpora, named by what it is made of: so the run is
one like any other, and what an earlier one was begun on stays as it was.
"""

import hashlib
import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from mtkit import files, reading
from mtkit.config import digest
from mtkit.errors import DataError
from mtkit.jobs.adapting.known import Known
from mtkit.jobs.preparing.spare import COUNTS, DIVIDED
from mtkit.text import compression, filters
from mtkit.text.extension import extended
from mtkit.text.readers.reader import Pair, Reader, locate
from mtkit.text.tokenizer import Tokenizer

LEAST = 20  # pairs that say anything of a text
HELD_OUT = (20, 500)  # pairs, at least and at most: a twentieth of the text, and of little a tenth at most
FEW = 200  # pairs of the parent's text that are read again at least, since fewer would be learnt by heart
VERSION = 1  # of how the text is divided
PASSES = (2, 20)  # over many pairs at least, and over few at most
PLAIN = ("", "train", "dev", "test", "text", "again")  # what many texts are called
DEV, AGAIN = "dev", "again"


@dataclass(frozen=True)
class Text:
    """The text of an adaptation, on disk."""

    folder: Path
    name: str
    """What it is called, by its first file."""
    pairs: int
    """To train on."""
    times: int
    """How often they stand there, one after the other, so that more of the parent's text goes by meanwhile."""
    again: int
    """Of the parent's text, to train on, too."""
    dev: list[Pair]
    """Held out, or given."""
    models: tuple[str, ...]
    """Files of tokenizers with more pieces than the parent's; (): those of the parent are taken."""

    @property
    def train(self) -> list[str]:
        """The names of its parts in the folder, without the endings of languages."""
        return [self.name, AGAIN] if self.again else [self.name]


@dataclass(frozen=True)
class Division:
    """A text that is to be divided.

    Attributes:
        dev: measured on; None: some is held out, by hash of the source.
        known: of the parent's text, of which as many pairs are read again, other ones with every two passes.
        rules: pairs that break one of them do not count.
        more: names of files of the parent's tokenizers -> these, to be written with more pieces; {}: none are.
        extend: how many more, at most.
    """

    readers: Sequence[Reader]
    dev: Reader | None
    known: Known
    rules: filters.TextRules
    more: Mapping[str, Tokenizer]
    extend: int

    def gather(self, root: Path) -> Text:
        """Divide the text, and write it below `root` unless it stands there.

        Raises:
            DataError: it cannot be read, or there are too few pairs.
        """
        name, languages = called(self.readers[0]), self.readers[0].languages
        folder = root / f"{'-'.join(languages)}-{DIVIDED}-{self._digest(name)}"
        with files.lock(root, wait=True):
            if not files.standing(folder).is_dir():
                with files.publish(folder) as path:
                    self._write(path, name)
        counts = reading.read_json(folder / COUNTS)
        pairs, times, again = (int(counts[key]) for key in ("pairs", "times", "again"))
        return Text(folder, name, pairs, times, again, list(locate(folder / DEV, *languages)), tuple(self.more))

    def _digest(self, name: str) -> str:
        readers = [*self.readers, *([self.dev] if self.dev else []), *self.known.train]
        sums = [files.sha256(path) for one in readers for path in one.files]
        models = [hashlib.sha256(one.model).hexdigest() for one in self.more.values()]
        return digest(VERSION, name, sums, bool(self.dev), self.rules.max_chars, self.extend, models)

    def _write(self, folder: Path, name: str) -> None:
        total = sum(1 for _ in self._usable())
        named = " and ".join(str(one.path) for one in self.readers)
        if total < LEAST:
            raise DataError(f"{named}: {total} pair(s) to learn from, expected {LEAST} or more: give more text")
        held_out: frozenset[int] = frozenset()
        if self.dev:
            measured = list(_usable([self.dev], self.rules))
            if not measured:
                raise DataError(f"{self.dev.path} holds no pair; expected text to measure on")
        else:
            held_out = self._held_out(total)
            measured = [pair for pair in self._usable() if filters.key(pair[0]) in held_out]
            if 2 * len(measured) > total:
                raise DataError(f"{named}: too few sources differ to hold some out; name a dev text", remedy="dev")
        left_out = [source for pairs in (measured, *self.known.dev.values()) for source, _ in pairs]
        times = max(1, passes(total) // 2) if self.known.train else 1
        again = sample(self.known.train, max(times * total, FEW), left_out, self.rules)

        def kept() -> Iterator[Pair]:
            return (pair for pair in self._usable() if filters.key(pair[0]) not in held_out)

        mine = chain.from_iterable(kept() for _ in range(times))
        for part, pairs in ((name, mine), (DEV, measured), (AGAIN, again)):
            _write(folder / part, pairs, self.readers[0].languages)
        counts = {"pairs": sum(1 for _ in kept()), "times": times, "again": len(again)}
        (folder / COUNTS).write_text(files.to_json(counts), encoding="utf-8")
        for side, (file, tokenizer) in enumerate(self.more.items()):
            sides = slice(None) if len(self.more) == 1 else slice(side, side + 1)
            lines = (line for pair in kept() for line in pair[sides])
            (folder / file).write_bytes(extended(tokenizer, lines, self.extend, file))

    def _usable(self) -> Iterator[Pair]:
        return _usable(self.readers, self.rules)

    def _held_out(self, total: int) -> frozenset[int]:
        """Keys of the sources that are held out."""
        wanted = min(max(total // 20, HELD_OUT[0]), HELD_OUT[1], total // 10)
        return frozenset(heapq.nsmallest(wanted, (filters.key(pair[0]) for pair in self._usable())))


def passes(pairs: int) -> int:
    """How often so many pairs are read, at most: 20 times 50, 10 times 500, 6 times 2,000, 4 times 10,000."""
    wanted: float = 10 * (500 / max(1, pairs)) ** 0.35
    return round(min(max(wanted, PASSES[0]), PASSES[1]))


def sample(readers: Iterable[Reader], count: int, without: Iterable[str], rules: filters.TextRules) -> list[Pair]:
    """So many pairs of a text, or all that there are, chosen by hash and whatever their order.

    Args:
        without: sources that are not to be among them.
    """
    left_out = {filters.key(source) for source in without}
    keyed = ((filters.key(*pair), pair) for pair in _usable(readers, rules))
    chosen = heapq.nsmallest(count, (one for one in keyed if filters.key(one[1][0]) not in left_out))
    return [pair for _, pair in chosen]


def _usable(readers: Iterable[Reader], rules: filters.TextRules) -> Iterator[Pair]:
    for reader in readers:
        yield from (pair for pair in reader.folded() if not rules.broken(*pair))


def called(reader: Reader) -> str:
    """What a text is called: its file without endings; where that says nothing, with its folder before."""
    name = compression.bare(reader.path).removesuffix(reader.suffix)
    return name if name not in PLAIN else f"{reader.path.resolve().parent.name}-{name}"


def _write(prefix: Path, pairs: Iterable[Pair], languages: Pair) -> None:
    with (
        Path(f"{prefix}.{languages[0]}").open("w", encoding="utf-8", newline="") as source,
        Path(f"{prefix}.{languages[1]}").open("w", encoding="utf-8", newline="") as target,
    ):
        for pair in pairs:
            for file, side in zip((source, target), pair, strict=True):
                file.write(side + "\n")
