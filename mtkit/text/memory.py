"""A translation memory: what people have said a line is to be. Must not know models."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mtkit.errors import DataError
from mtkit.text.fold import fold
from mtkit.text.languages import language
from mtkit.text.readers.reader import Pair, locate
from mtkit.text.similar import Similar

RECENT = 1000  # sources that an index of their own is made for, at least, before that of all is made anew, ...
SHARE = 8  # ... or such a part of all


class Memory:
    """Pairs of files, which are read anew when they have changed; of a source that stands there twice the last counts.

    Sources are compared as models see them, and whatever the spaces around and between words.

    Args:
        paths: parallel text in any format that is read.
        languages: of source and target.

    Attributes:
        files: what is read of it.

    Raises:
        DataError: a file is missing, or is no such text.
    """

    def __init__(self, paths: Sequence[Path], languages: Pair) -> None:
        self.paths, self.languages = tuple(paths), languages
        self.files: list[Path] = []
        self._stamps: list[tuple[int, int]] = []
        self._targets: dict[str, str] = {}
        self._index = _Index(self._targets, (), frozenset())
        self._trouble = ""
        self._read()

    def __len__(self) -> int:
        return len(self._targets)

    @property
    def identity(self) -> list[object]:
        """What tells whether it would answer as before."""
        return [list(map(str, self.paths)), self._stamps]

    def refresh(self) -> str:
        """Read the files anew, if one of them has changed.

        Returns:
            What is wrong with them since the last time, as while somebody writes them: then what they held before still
            counts, and they are looked at again the next time; "": nothing new.
        """
        before = self._trouble
        try:
            self._read()
            self._trouble = ""
        except (DataError, OSError) as error:
            self._trouble = str(error)
        return self._trouble if self._trouble != before else ""

    def _read(self) -> None:
        readers = [locate(path, *self.languages) for path in self.paths]
        self.files = [path for one in readers for path in one.files]
        stamps = [(found.st_mtime_ns, found.st_size) for found in map(os.stat, self.files)]
        if stamps != self._stamps:
            pairs = ((seen(source), target.strip()) for one in readers for source, target in one)
            self._targets = {source: target for source, target in pairs if source and target}
            self._stamps = stamps

    def target(self, source: str) -> str | None:
        """What a line is to be; None: nobody has said."""
        return self._targets.get(seen(source))

    def similar(self, line: str, most: int, least: float) -> list[Pair]:
        """Pairs whose sources are most like a line, the likest first.

        Args:
            most: pairs, at most.
            least: likeness of a source, up to 1; see `mtkit.text.similar`.
        """
        targets = self._targets
        if self._index.targets is not targets:
            self._index = self._index.grown(targets, language(self.languages[0]).spaced)
        return [(source, targets[source]) for source in self._index.find(line, most, least)]


@dataclass(frozen=True)
class _Index:
    """Of the sources of a memory: one of most, and of those that came since one of their own, which is made at once.

    Attributes:
        targets: what it is of.
        parts: sources and their index, the earlier first.
        known: the sources of all parts.
    """

    targets: dict[str, str]
    parts: tuple[tuple[list[str], Similar], ...]
    known: frozenset[str]

    def grown(self, targets: dict[str, str], spaced: bool) -> "_Index":
        """The one of what a memory is now."""
        new = [source for source in targets if source not in self.known]
        first, recent = [*self.parts, ([], None), ([], None)][:2]
        gone = len(self.known) + len(new) > len(targets)
        if gone or not first[0] or len(recent[0]) + len(new) > max(RECENT, len(first[0]) // SHARE):
            every = list(targets)
            return _Index(targets, ((every, Similar(every, spaced)),), frozenset(every))
        if not new:
            return _Index(targets, self.parts, self.known)
        since = [*recent[0], *new]
        return _Index(targets, (self.parts[0], (since, Similar(since, spaced))), self.known.union(new))

    def find(self, line: str, most: int, least: float) -> list[str]:
        """Sources; see `Memory.similar`."""
        found = [
            (match.likeness, part, match.number)
            for part, (_, similar) in enumerate(self.parts)
            for match in similar.find(line, most, least)
        ]
        return [self.parts[part][0][number] for _, part, number in sorted(found, reverse=True)[:most]]


def seen(line: str) -> str:
    """A line as it is looked for: as models see it, whatever spaces there are."""
    return " ".join(fold(line).split())
