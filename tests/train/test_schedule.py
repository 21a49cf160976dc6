"""Learning-rate schedules, by hand, and what holds for each of them."""

from itertools import product
from pathlib import Path

import pytest

from mtkit.registry import CHOICES, resolve
from mtkit.train import loop
from tests.train.bench import Bench


def shares(name: str, updates: list[int], warmup: int = 0, total: int = 0, setbacks: int = 0) -> list[float]:
    return [resolve("schedule", name)(update, warmup, total, setbacks) for update in updates]


def test_values_by_hand() -> None:
    assert shares("constant", [1, 2, 4, 100], 4) == [0.25, 0.5, 1.0, 1.0]
    assert shares("constant", [1]) == [1.0]
    assert shares("inverse_sqrt", [1, 4, 16, 400], 4) == [0.25, 1.0, 0.5, 0.1]
    # From the peak at the end of the warm-up to almost nothing at the last update.
    assert shares("linear", [1, 2, 6, 10], 2, 10) == pytest.approx([0.5, 1.0, 5 / 9, 1 / 9])
    assert shares("linear", [1, 2, 3000], 2) == [0.5, 1.0, 1.0]  # while the total is not known
    assert shares("linear", [5, 11], 20, 10) == [0.25, 0.0]


def test_cosine_by_hand() -> None:
    # A third, a half and two thirds of the way from update 2 to update 14, just after the last.
    assert shares("cosine", [1, 2, 6, 8, 10], 2, 13) == pytest.approx([0.5, 1.0, 0.75, 0.5, 0.25])
    assert shares("cosine", [13, 14, 15], 2, 13) == pytest.approx([0.0170371, 0.0, 0.0], abs=1e-6)
    assert shares("cosine", [1, 2, 3000], 2) == [0.5, 1.0, 1.0]
    assert shares("cosine", [5], 20, 10) == [0.25]


def test_step_by_hand() -> None:
    assert shares("step", [1, 8, 9, 10, 11, 16], total=16) == [1.0, 1.0, 1 / 2, 1 / 4, 1 / 8, 1 / 256]
    assert shares("step", [17, 1000], total=16) == [1 / 256, 1 / 256]  # eight halvings are all
    assert shares("step", [160, 161, 180, 181, 300, 301], total=320) == [1.0, 0.5, 0.5, 0.25, 1 / 128, 1 / 256]
    assert shares("step", [1, 2, 3000], 2) == [0.5, 1.0, 1.0]


def test_plateau_by_hand() -> None:
    assert shares("plateau", [5], setbacks=0) == [1.0]
    assert shares("plateau", [5, 900], setbacks=3) == [0.125, 0.125]
    assert shares("plateau", [1], warmup=4, setbacks=1) == [0.125]


@pytest.mark.parametrize("name", CHOICES["schedule"])
def test_every_schedule_rises_and_stays_within_the_peak(name: str) -> None:
    assert shares(name, [1, 2, 3, 4, 5], warmup=5, total=100) == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert shares(name, [1, 2, 3, 4, 5], warmup=5) == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    for warmup, total, setbacks in product([0, 1, 5, 200], [0, 1, 3, 100], [0, 2]):
        assert all(0 <= share <= 1 for share in shares(name, list(range(1, 130)), warmup, total, setbacks))


def test_the_loop_halves_after_setbacks(tmp_path: Path) -> None:
    """Of the validations here the first is a gain, and no other."""
    bench = Bench(tmp_path, schedule="plateau", lr=0.08, validate_every=2, max_updates=8)
    rates = [event.lr for event in bench.events() if isinstance(event, loop.Updated)]
    assert rates == [0.08, 0.08, 0.08, 0.08, 0.04, 0.04, 0.02, 0.02]
