"""Columns apart by tabs: a column that is translated, and one where its translation stands or comes."""

from collections.abc import Sequence

from mtkit.documents.document import Document, Edit, Segment
from mtkit.documents.marked import Marked


class TSV(Document):
    """Every row has a segment for each pair of columns; a column that is its own translation is replaced."""

    breaks = "space"
    expects = "columns apart by tabs"

    def segments(self) -> list[Segment]:
        made, start = list[Segment](), 0
        for number, row in enumerate(self.text.split("\n"), 1):
            cells = row.removesuffix("\r").split("\t")
            bounds = [start]
            for cell in cells:
                bounds.append(bounds[-1] + len(cell) + 1)
            there = [pair for pair in self.options.columns if "".join(cells[pair[0] - 1 : pair[0]]).strip()]
            if len(new := [target for _, target in there if target > len(cells)]) > 1:
                what = f"{len(cells)} columns, and translations are to come into {new[0]} and {new[1]}"
                raise self.refused(start, f"{what}: give it empty ones, or translate one at a time")
            made += [self._segment(cells, bounds, *pair, f"line {number}") for pair in there]
            start += len(row) + 1
        return made

    def _segment(self, cells: list[str], bounds: list[int], source: int, target: int, where: str) -> Segment:
        end = bounds[-1] - 1  # of the row

        def write(texts: Sequence[str], _: bool) -> list[Edit]:
            text = texts[0].replace("\t", " ")
            if target <= len(cells):
                return [Edit(bounds[target - 1], bounds[target] - 1, text)]
            return [Edit(end, end, "\t" * (target - len(cells)) + text)]

        there = cells[target - 1] if source != target and target <= len(cells) else ""
        return Segment([Marked(cells[source - 1])], where, write, there)
