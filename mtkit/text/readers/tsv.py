"""One file with a pair a line, its sides apart by a tab."""

from collections.abc import Iterator

from mtkit.errors import DataError
from mtkit.text.readers.reader import Pair, Reader


class TSV(Reader):
    """SOURCE<TAB>TARGET; further columns are somebody else's."""

    suffix = ".tsv"
    expects = "SOURCE<TAB>TARGET lines"

    def pairs(self) -> Iterator[Pair]:
        (path,) = self.files
        for number, line in enumerate(self.lines(path), 1):
            yield parse(line, str(path), number)


def parse(line: str, name: str, number: int) -> Pair:
    """Source and target of a line.

    Args:
        name: of the file, for messages.
        number: of the line, from 1.

    Raises:
        DataError: it has no tab.
    """
    source, *rest = line.split("\t")
    if not rest:
        raise DataError(f"{name}, line {number}: expected SOURCE<TAB>TARGET, got no tab: {line[:60]!r}")
    return source, rest[0]
