"""The text of an adaptation: what is trained on, what is held out of it, and what of the parent's is read again.

All of it is written into a folder of its own beside the prepared corpora, named by what it is made of: so the run is
one like any other, and what an earlier one was begun on stays as it was.
"""

import hashlib
import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mtkit import files
from mtkit.config import digest
from mtkit.errors import DataError
from mtkit.jobs.adapting.known import Known
from mtkit.text import compression, filters
from mtkit.text.extension import extended
from mtkit.text.readers.reader import Pair, Reader
from mtkit.text.tokenizer import Tokenizer

LEAST = 20  # pairs that say anything of a text
HELD_OUT = (20, 500)  # pairs, at least and at most; a tenth of the text at most, and a fiftieth of much
VERSION = 1  # of how the text is divided
DEV, AGAIN = "dev", "again"


@dataclass(frozen=True)
class Text:
    """The text of an adaptation, on disk."""

    folder: Path
    name: str
    """What it is called, by its first file."""
    pairs: int
    """To train on."""
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


def gather(
    root: Path,
    readers: Sequence[Reader],
    dev: Reader | None,
    known: Known,
    rules: filters.TextRules,
    more: Mapping[str, Tokenizer],
    extend: int,
) -> Text:
    """Divide a text, and write it below `root` unless it stands there.

    Args:
        dev: measured on; None: it is held out, by hash of the source.
        known: of the parent's text, of which as many pairs are read again.
        rules: pairs that break one of them do not count.
        more: names of files of the parent's tokenizers -> these, to be written with more pieces.
        extend: how many more; 0: they are not written.

    Raises:
        DataError: it cannot be read, or there are too few pairs.
    """
    total = sum(1 for _ in _usable(readers, rules))
    named = " and ".join(str(one.path) for one in readers)
    if total < LEAST:
        raise DataError(f"{named}: {total} pair(s) to learn from, expected {LEAST} or more: give more text")
    held_out: frozenset[int] = frozenset()
    if dev is None:
        wanted = min(max(total // 50, HELD_OUT[0]), HELD_OUT[1], total // 10)
        held_out = frozenset(heapq.nsmallest(wanted, (filters.key(pair[0]) for pair in _usable(readers, rules))))
        measured = [pair for pair in _usable(readers, rules) if filters.key(pair[0]) in held_out]
        if 2 * len(measured) > total:
            raise DataError(f"{named}: few sources that differ, so that none can be held out; name other text by --dev")
    else:
        measured = [pair for pair in dev.folded() if not rules.broken(*pair)]
        if not measured:
            raise DataError(f"{dev.path} holds no pair; expected text to measure on")
    left_out = [source for source, _ in (*measured, *known.dev)]
    again = sample(known.train, total, left_out, rules)
    languages, name = readers[0].languages, called(readers[0])
    made_of = [path for one in [*readers, *([dev] if dev else []), *known.train] for path in one.files]
    sums = [files.sha256(path) for path in made_of]
    ours = [hashlib.sha256(one.model).hexdigest() for one in more.values()] if extend else []
    made = digest(VERSION, name, sums, bool(dev), rules.max_chars, extend, ours)
    folder = root / f"{'-'.join(languages)}-adapt-{made}"

    def kept() -> Iterator[Pair]:
        return (pair for pair in _usable(readers, rules) if filters.key(pair[0]) not in held_out)

    with files.lock(root, wait=True):
        if not files.standing(folder).is_dir():
            with files.publish(folder) as path:
                for part, pairs in ((name, kept()), (DEV, measured), (AGAIN, again)):
                    _write(path / part, pairs, languages)
                for side, (file, tokenizer) in enumerate(more.items() if extend else ()):
                    lines = (line for pair in kept() for line in (pair if len(more) == 1 else pair[side : side + 1]))
                    (path / file).write_bytes(extended(tokenizer, lines, extend, file))
    models = tuple(more) if extend else ()
    return Text(folder, name, total - (0 if dev else len(measured)), len(again), measured, models)


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
    """What a text is called: its file without endings."""
    name = compression.bare(reader.path).removesuffix(reader.suffix)
    return name if name not in ("", DEV, AGAIN) else f"text{name}"


def _write(prefix: Path, pairs: Iterable[Pair], languages: Pair) -> None:
    with (
        Path(f"{prefix}.{languages[0]}").open("w", encoding="utf-8", newline="") as source,
        Path(f"{prefix}.{languages[1]}").open("w", encoding="utf-8", newline="") as target,
    ):
        for pair in pairs:
            for file, side in zip((source, target), pair, strict=True):
                file.write(side + "\n")
