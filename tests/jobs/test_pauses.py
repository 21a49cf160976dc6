"""When a run ends by a signal: in all processes at the same update."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from mtkit.jobs.pauses import Pauses
from mtkit.jobs.signals import Signals
from mtkit.train.group import ALONE, Group


class Two:
    """Stands for a group in which the other one has a signal, too, or none."""

    rank, size = 0, 2

    def __init__(self, other: int) -> None:
        self.other = other

    def exchange(self, *numbers: float) -> list[tuple[float, ...]]:
        return [numbers, (self.other, False)]


@pytest.mark.parametrize(("own", "other"), [(15, 0), (0, 2), (0, 0)])
def test_a_signal_counts_when_all_know_of_it(own: int, other: int) -> None:
    signals: Any = SimpleNamespace(received=own)
    pauses = Pauses(cast(Signals, signals), cast(Group, Two(other)))
    assert pauses.ending == 0
    assert pauses.ask() == bool(own or other)
    assert pauses.ending == max(own, other)


def test_alone_it_counts_at_once() -> None:
    signals: Any = SimpleNamespace(received=0)
    pauses = Pauses(cast(Signals, signals), ALONE)
    assert not pauses.ask()
    signals.received = 15
    assert pauses.ending == 15
