"""The picture of a sentence on a terminal: it fits, whatever the pieces are."""

from typing import Any

import pytest
from rich.cells import cell_len

from mtkit.cli.heat import heat
from mtkit.translator.looking import Attention, Look, Part, Said

WIDE = ["▁猫が", "▁好き", "▁であ", "る", "</s>"]
HEBREW = ["▁שלום", "▁עולם", "</s>"]
LONG = [f"▁piece{number}" for number in range(60)]


def seen(source: list[str], target: list[str], **more: Any) -> Look:
    """The first piece looked at the last most, the others evenly."""
    columns = len(source)
    even = [1 / columns] * columns
    rows = [[0.0] * (columns - 1) + [1.0], *([even] * (len(target) - 1))]
    given: dict[str, Any] = {
        "fields": [(place, place) for place in range(columns)],
        "attention": [Attention("source", 1, [rows], False)],
        "saliency": None,
    }
    said = [Said(piece, -0.5, []) for piece in target]
    part = Part(
        source=source, target=said, text="c d", score=-1.0, logprob=-2.0, norms=[], tree=[], best=1, **given | more
    )
    return Look("m", "a b", "c d", False, ["a", "b"], ["c", "d"], [(0, 1), (1, 0)], [part])


@pytest.mark.parametrize("width", [40, 60, 100])
@pytest.mark.parametrize("pieces", [WIDE, HEBREW, LONG, ["▁a" * 20, "x"]])
def test_it_fits(pieces: list[str], width: int) -> None:
    lines = [
        line.plain for line in heat(seen(pieces, pieces), width, False) if not line.plain.startswith(("each", "score"))
    ]
    assert max(cell_len(line.rstrip()) for line in lines) <= width + (pieces is LONG) * 20


def test_numbers_stand_below_their_pieces() -> None:
    lines = [line.plain for line in heat(seen(WIDE, ["▁eins", "</s>"]), 100, False)]
    head = next(line for line in lines if "猫" in line)
    row = next(line for line in lines if line.startswith("▁eins"))
    assert row.split()[1:] == ["61%", "·", "·", "·", "·", "100"]
    even = next(line for line in lines if line.startswith("</s>"))
    assert even.split()[1:] == ["61%", "20", "20", "20", "20", "20"]
    ends = [cell_len(head[: head.index(piece) + len(piece)]) for piece in WIDE]
    assert [place + 1 for place in range(17, len(even)) if even[place : place + 2] in ("0 ", "0")] == ends


def test_what_is_too_wide_stands_below() -> None:
    lines = [line.plain for line in heat(seen(WIDE, ["▁eins"]), 40, False)]
    assert sum(line.startswith("▁eins") for line in lines) == 2
    assert "a→d b→c" in "\n".join(lines)


def test_of_many_pieces_the_nearest_are_named() -> None:
    lines = [line.plain for line in heat(seen(LONG, ["▁eins"]), 60, False)]
    assert [line for line in lines if line.startswith("▁eins")] == [
        "▁eins         61%  ▁piece59 100  ▁piece0 0  ▁piece1 0"
    ]


def test_colour_tells_how_much() -> None:
    rows = [line for line in heat(seen(["▁a", "▁b"], ["▁eins", "</s>"]), 60, True) if line.plain.startswith("▁eins")]
    assert [str(span.style) for span in rows[0].spans] == ["dim", "bold white on rgb(23,92,190)"]
    assert not any(line.spans for line in heat(seen(["▁a"], ["▁eins"]), 60, False))


def test_without_attention_gradients_are_shown() -> None:
    lines = [line.plain for line in heat(seen(["▁a", "▁b"], ["▁eins"], attention=[], saliency=[[1.0, 3.0]]), 60, False)]
    assert lines[-1].split()[2:] == ["25", "75"]
    assert len(list(heat(seen(["▁a"], ["▁eins"], attention=[]), 60, False))) == 3


def test_control_characters_are_spelled_out() -> None:
    look = seen(["\x1b[31m", "</s>"], ["\x1b]0;x", "</s>"])
    assert not any("\x1b" in line.plain for line in heat(look, 60, False))
