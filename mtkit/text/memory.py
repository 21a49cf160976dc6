"""A translation memory: what people have said a line is to be. Must not know models."""

import os
from collections.abc import Sequence
from pathlib import Path

from mtkit.errors import DataError
from mtkit.text.fold import fold
from mtkit.text.readers.reader import Pair, locate


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
            pairs = ((_seen(source), target.strip()) for one in readers for source, target in one)
            self._targets = {source: target for source, target in pairs if source and target}
            self._stamps = stamps

    def target(self, source: str) -> str | None:
        """What a line is to be; None: nobody has said."""
        return self._targets.get(_seen(source))


def _seen(line: str) -> str:
    return " ".join(fold(line).split())
