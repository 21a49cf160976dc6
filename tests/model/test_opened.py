"""The gates of cells by their names: each is the one whose bias moves it."""

import pytest
import torch

from mtkit.model.cells.base import Gates
from mtkit.registry import CHOICES, resolve

H = 3
ROWS = {
    "gru": ["reset", "update", ""],
    "gru_ln": ["reset", "update", ""],
    "lstm": ["input", "forget", "", "output"],
    "lstm_ln": ["input", "forget", "", "output"],
    "ssru": ["forget", ""],
}
"""Of each cell the gates in the order of its rows; "": what is no gate."""


@pytest.mark.parametrize("name", CHOICES["cell"])
@pytest.mark.parametrize("open_", [0, 1])
def test_a_gate_is_the_one_that_its_bias_opens_or_shuts(name: str, open_: int) -> None:
    torch.manual_seed(0)
    cell = resolve("cell", name)(2, H)
    state = cell.begin(tuple(torch.randn(5, H) for _ in range(cell.parts())))
    for row, gate in enumerate(ROWS.get(name, [])):
        bias_G = torch.zeros(cell.gates * H)
        bias_G[row * H : (row + 1) * H] = 1e4 if open_ else -1e4
        extras = list(cell.extras())
        if name.endswith("_ln"):  # the shift comes after the norm
            extras[2] = bias_G
        from_hidden = torch.randn(5, cell.gates * H if cell.recurrent else 0)
        given = torch.randn(5, cell.gates * H) + (0 if name.endswith("_ln") else bias_G)
        _, saved = cell.combine(Gates(given, from_hidden, extras), state)
        opened = cell.opened(saved)
        assert set(opened) == set(ROWS[name]) - {""}
        for other, value in opened.items():
            assert value.shape == (5, H)
            assert bool((value == open_).all()) == (other == gate)
    if name not in ROWS:
        _, saved = cell.combine(Gates(torch.randn(5, H), torch.randn(5, H), cell.extras()), state)
        assert cell.opened(saved) == {}
