"""One file with a pair a line, its sides apart by a tab."""

from collections.abc import Iterator
from itertools import islice

from mtkit.errors import DataError
from mtkit.text.plausibility import LOOKED
from mtkit.text.readers.reader import Pair, Reader


class TSV(Reader):
    """SOURCE<TAB>TARGET, or SOURCE<TAB>TARGET<TAB>SCORE; further columns are somebody else's."""

    suffix = ".tsv"
    expects = "SOURCE<TAB>TARGET lines"
    scores = "the third column"

    def pairs(self) -> Iterator[Pair]:
        (path,) = self.files
        for number, line in enumerate(self.lines(path), 1):
            pair = parse(line, str(path), number)
            scored = self.min_score is not None and line.strip()  # a blank line is an empty pair
            if not scored or self.enough((*line.split("\t"), None)[2], pair, f"{path}, line {number}"):
                yield pair

    def form_oddities(self) -> Iterator[str]:
        (path,) = self.files
        rows = [line.split("\t") for line in islice(self.lines(path), LOOKED)]
        expected = 2 + (self.min_score is not None)
        more = [number for number, row in enumerate(rows, 1) if len(row) > expected]
        if more and len(more) >= len(rows) / 2:
            columns = max(map(len, rows))
            yield (
                f"{path.parent.name}/{path.name}, line {more[0]}: {len(rows[more[0] - 1])} columns, of which the first "
                f"is taken as source and the second as target{self._others(rows, columns)}"
            )

    @staticmethod
    def _others(rows: list[list[str]], columns: int) -> str:
        """Which columns look like sentences, where those are others."""
        words = [0] * columns
        for row in rows:
            for i, text in enumerate(row):
                words[i] += sum(map(str.isalpha, text.split()))
        best = sorted(sorted(range(columns), key=words.__getitem__)[-2:])
        if best == [0, 1]:
            return ""
        picked = ",".join(str(i + 1) for i in best)
        return f"; is the text in columns {picked}? Then take them: cut -f {picked} IN.tsv > OUT.tsv"


def parse(line: str, name: str, number: int) -> Pair:
    """Source and target of a line.

    Args:
        name: of the file, for messages.
        number: of the line, from 1.

    Raises:
        DataError: it has no tab, and is not blank either, which is an empty pair.
    """
    source, *rest = line.split("\t")
    if not rest and not line.strip():
        return "", ""
    if not rest:
        raise DataError(f"{name}, line {number}: expected SOURCE<TAB>TARGET, got no tab: {line[:60]!r}")
    return source, rest[0]
