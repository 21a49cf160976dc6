"""Two files with a sentence a line: PREFIX.SOURCE and PREFIX.TARGET, as most corpora come."""

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from mtkit.errors import DataError
from mtkit.text import compression
from mtkit.text.readers.reader import Pair, Reader, readers


class Prefix(Reader):
    """Line N of PREFIX.SOURCE beside line N of PREFIX.TARGET; each may be compressed."""

    def find(self) -> list[Path]:
        return [self._one(language) for language in self.languages]

    def pairs(self) -> Iterator[Pair]:
        source, target = self.files
        both = zip_longest(self.lines(source), self.lines(target))
        for number, (left, right) in enumerate(both):
            if left is None or right is None:
                extra = 1 + sum(1 for _ in both)
                counts = (number, number + extra) if left is None else (number + extra, number)
                raise DataError(
                    f"{source} has {counts[0]} lines but {target} has {counts[1]}: "
                    "line N of the one must translate line N of the other; align the files first"
                )
            yield left, right

    def _one(self, language: str) -> Path:
        for suffix in ("", *compression.SUFFIXES):
            path = self.path.parent / f"{self.path.name}.{language}{suffix}"
            if path.is_file():
                return path
        others = " or ".join(one.suffix for one in readers() if one.suffix)
        hint = ""
        if self.path.is_file():
            hint = " (it is a file: give the path without its language ending)"
        elif self.path.is_dir():
            hint = f" ({self.path} is a folder: name the text in it, too)"
        raise DataError(
            f"{self.path}.{language} does not exist, nor with .gz, .xz or .zst{hint}; "
            f"a path names PREFIX.{language} or a {others} file"
        )
