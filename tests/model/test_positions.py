"""Positions, held against their formulas."""

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from mtkit.model.transformer.positions import Learned, Rotary, Sinusoidal


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(3)
    yield
    torch.set_default_dtype(torch.float32)


def waves(positions: int, width: int) -> Tensor:
    """The formula of Vaswani et al. 2017, number by number."""
    table = torch.zeros(positions, width)
    for position in range(positions):
        for i in range(0, width, 2):
            angle = position / 10000 ** (i / width)
            table[position, i] = math.sin(angle)
            if i + 1 < width:
                table[position, i + 1] = math.cos(angle)
    return table


@pytest.mark.parametrize("width", [8, 7])
def test_sinusoids_are_those_of_the_formula(width: int) -> None:
    x_LH = torch.randn(40, width)
    positions = Sinusoidal(hidden_dim=width, heads=1)
    y_LH, turn = positions(x_LH, torch.arange(40))
    torch.testing.assert_close(y_LH - x_LH, waves(40, width), atol=1e-12, rtol=0)
    assert torch.equal(turn(x_LH), x_LH)
    x_BKH = torch.randn(3, 2, width)
    y_BKH, _ = positions(x_BKH, torch.tensor([17]))
    torch.testing.assert_close(y_BKH - x_BKH, waves(18, width)[17].expand(3, 2, width), atol=1e-12, rtol=0)


def test_learned_positions_beyond_the_table_take_its_last_row() -> None:
    positions = Learned(hidden_dim=4, heads=1)
    assert positions.table_LH.shape == (1024, 4)
    assert float(positions.table_LH.detach().std()) == pytest.approx(0.02, rel=0.1)
    y_XH, turn = positions(torch.zeros(4, 4), torch.tensor([0, 1022, 1023, 5000]))
    assert torch.equal(y_XH, positions.table_LH[[0, 1022, 1023, 1023]])
    assert torch.equal(turn(y_XH), y_XH)


def test_rotary_turns_pairs_by_hand() -> None:
    """Heads of width 4: the first pair turns by 1 a position, the second by 1 / 100."""
    x_1H = torch.randn(1, 8)
    y_1H, turn = Rotary(hidden_dim=8, heads=2)(x_1H, torch.tensor([3]))
    assert torch.equal(y_1H, x_1H)
    turned_AD = turn(torch.tensor([[[1.0, 0.0, 2.0, 0.0], [0.0, 1.0, 0.0, 3.0]]]))[0]
    cos, sin, small_cos, small_sin = math.cos(3), math.sin(3), math.cos(0.03), math.sin(0.03)
    expected = torch.tensor([[cos, sin, 2 * small_cos, 2 * small_sin], [-sin, cos, -3 * small_sin, 3 * small_cos]])
    torch.testing.assert_close(turned_AD, expected, atol=1e-12, rtol=0)


def test_rotary_products_depend_on_the_distance_only() -> None:
    query_D, key_D = torch.randn(2, 6)
    positions = Rotary(hidden_dim=6, heads=1)

    def turned(x_D: Tensor, first: int) -> Tensor:
        _, turn = positions(torch.zeros(20, 6), torch.arange(first, first + 20))
        y_X1D: Tensor = turn(x_D.expand(20, 1, 6))
        return y_X1D[:, 0]

    for distance in (0, 1, 7):
        scores_X = (turned(query_D, distance) * turned(key_D, 0)).sum(1)
        torch.testing.assert_close(scores_X, scores_X[:1].expand(20), atol=1e-12, rtol=0)
    assert abs(float(turned(query_D, 1)[0] @ turned(key_D, 0)[0] - query_D @ key_D)) > 1e-3
    torch.testing.assert_close(turned(query_D, 0).norm(dim=1), query_D.norm().expand(20), atol=1e-12, rtol=0)
