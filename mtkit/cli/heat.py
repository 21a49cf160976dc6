"""What a model does with a sentence, on a terminal: the translation, and where each piece of it looked.

Pieces may be wide, or written from right to left: widths are those of cells. Must not know models.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from mtkit.cli.streams import printable

if TYPE_CHECKING:
    from mtkit.translator.looking import Look, Part

WIDEST = 12  # cells of a piece
BLOCKS = 4  # stretches of a table, one below the other; of more nobody sees a picture
NEAREST = 3  # source pieces that are named where there is no picture
LEAST = 0.005  # a weight that is told
COLOURED = 0.08  # and from here on by a colour, too
HEAT = (23, 92, 190)  # of a weight of 1


def heat(look: "Look", width: int, coloured: bool) -> Iterator[Text]:
    """The lines to show.

    Args:
        width: cells of a line.
        coloured: whether a weight may be told by a colour, too.
    """
    yield Text(printable(f"{look.model}: {look.translation}"), style="bold" if coloured else "")
    if look.links:
        pairs = ((look.source_words[source], look.target_words[target]) for source, target in look.links)
        links = (printable(f"{source}→{target}") for source, target in pairs)
        yield from _wrapped("words: ", links, width)
    for part in look.parts:
        ended = sum(1 for node in part.tree if node.score is not None)
        how = "given" if look.forced else f"the best of {ended} that ended, of {len(part.tree) - 1} beginnings weighed"
        yield Text(f"score {part.score:.4f}, log-probability {part.logprob:.4f}: {how}")
        yield from _table(part, width, coloured)


def _table(part: "Part", width: int, coloured: bool) -> Iterator[Text]:
    weights, names, told = _weights(part)
    names = list(map(printable, names))
    if not weights:
        return
    rows = [f"{_fit(said.piece, WIDEST)} {100 * math.exp(said.logprob):3.0f}%" for said in part.target]
    stretches = _stretches([max(3, min(WIDEST, cell_len(name))) for name in names], width - WIDEST - 5)
    if len(stretches) > BLOCKS:
        yield Text(f"each piece with its probability, and the {NEAREST} source pieces that {told}, in %:")
        for row, label in zip(weights, rows, strict=True):
            nearest = sorted(range(len(row)), key=lambda column: -row[column])[:NEAREST]
            yield Text(f"{label}  " + "  ".join(f"{names[column]} {100 * row[column]:.0f}" for column in nearest))
        return
    yield Text(f"each piece with its probability, and how much each source piece {told}, in %:")
    for stretch in stretches:
        head = Text(" " * (WIDEST + 5))
        for column, size in stretch:
            head.append(" " + _right(names[column], size))
        yield head
        for row, label in zip(weights, rows, strict=True):
            line = Text(label)
            for column, size in stretch:
                line.append(" ")
                percent = round(100 * row[column])
                line.append(
                    _right(str(percent) if percent else "·", size), style=_style(row[column]) if coloured else ""
                )
            yield line


def _weights(part: "Part") -> tuple[list[list[float]], list[str], str]:
    """What is shown: attention to the source, the mean of the heads of the last layer; without it, gradients."""
    looks = [one for one in part.attention if one.kind == "source"]
    if looks:
        heads = looks[-1].heads
        means = [[sum(cells) / len(heads) for cells in zip(*rows, strict=True)] for rows in zip(*heads, strict=True)]
        names = ["".join(part.source[first : last + 1]) for first, last in part.fields]
        told = "was looked at" if len(heads) == 1 else f"was looked at (mean of {len(heads)} heads)"
        return means, names, told
    if part.saliency is None:
        return [], [], ""
    shares = [[cell / (sum(row) or 1) for cell in row] for row in part.saliency]
    return shares, part.source, "moved it (share of the gradients)"


def _stretches(sizes: list[int], room: int) -> list[list[tuple[int, int]]]:
    """Columns with their widths, as few stretches as there is room for, of about one width."""
    fewest = len(_filled(sizes, room))
    even = sum(size + 1 for size in sizes) // fewest
    return next(made for width in range(even, room + 1) if len(made := _filled(sizes, width)) == fewest)


def _filled(sizes: list[int], room: int) -> list[list[tuple[int, int]]]:
    made: list[list[tuple[int, int]]] = []
    left = 0
    for column, size in enumerate(sizes):
        if not made or left < size + 1:
            made.append([])
            left = room
        made[-1].append((column, size))
        left -= size + 1
    return made


def _style(weight: float) -> str:
    """The stronger the more; a little has no colour, since nobody knows whether the terminal is dark or light."""
    if weight < COLOURED:
        return "dim" if weight < LEAST else ""
    red, green, blue = (round(part * (0.5 + 0.5 * weight)) for part in HEAT)
    return f"{'bold ' if weight > 0.5 else ''}white on rgb({red},{green},{blue})"


def _fit(text: str, size: int) -> str:
    """Text in so many cells, at their left."""
    text = printable(text)
    return set_cell_size(text, size) if cell_len(text) <= size else set_cell_size(text, size - 1) + "…"


def _right(text: str, size: int) -> str:
    """Text in so many cells, at their right."""
    own = cell_len(text)
    return " " * (size - own) + text if own <= size else _fit(text, size)


def _wrapped(head: str, words: Iterator[str], width: int) -> Iterator[Text]:
    line = head.rstrip()
    for word in words:
        if cell_len(line) + 1 + cell_len(word) > width and line.strip():
            yield Text(line)
            line = " " * (len(head) - 1)
        line += " " + word
    yield Text(line)
