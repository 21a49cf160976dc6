"""A time budget as updates, with a clock of numbers: whatever the machine does, the time is used and the rate falls."""

import dataclasses
import itertools
import json
from collections.abc import Callable

import pytest

from mtkit.schema import Train
from mtkit.train import loop, schedule
from mtkit.train.plan import Plan
from mtkit.train.state import Progress

SECONDS = 60.0
SETTINGS = Train.model_validate(
    {"max_minutes": SECONDS / 60, "max_epochs": 0, "patience": 0, "warmup": 10, "validate_every": 500}
)
Cost = Callable[[int, float], float]
"""Update, seconds so far -> seconds of that update."""


def go_on(
    progress: Progress, cost: Cost, validation: tuple[float, float] = (0.5, 0.5), until: float = 1e9
) -> list[float]:
    """Train in numbers, from wherever the progress stands; returns the share of the peak at each update."""
    plan, shares = Plan(SETTINGS, 100.0, 1000, 1), []
    while not loop.limit(progress, SETTINGS) and progress.seconds < until:
        at, end = progress.scheduled(progress.update + 1, progress.total_updates)
        shares.append(schedule.linear(at, SETTINGS.warmup, end, 0))
        progress.step(1, 100)
        seconds = cost(progress.update, progress.seconds)
        progress.spend(seconds)
        if plan.wanted(progress, 100, seconds):
            if not progress.total_updates:
                plan.validations.append(validation)
                progress.spend(validation[0])
            plan.make(progress)
        elif progress.update % SETTINGS.validate_every == 0:
            plan.validations.append((0.5, 0.5))
            progress.spend(0.5)
    return shares


def steady(update: int, now: float) -> float:
    return 0.02 + 0.001 * (update % 7)


def paused_at(number: int, seconds: float) -> Cost:
    return lambda update, now: steady(update, now) + seconds * (update == number)


MACHINES: dict[str, tuple[Cost, tuple[float, float]]] = {
    "steady": (steady, (0.5, 0.5)),
    "stopped in the first updates": (paused_at(15, 16.0), (0.5, 0.5)),
    "stopped twice": (lambda update, now: steady(update, now) + 9 * (update in (5, 40)), (0.5, 0.5)),
    "stopped in the middle": (paused_at(1100, 16.0), (0.5, 0.5)),
    "stopped late": (paused_at(1900, 6.0), (0.5, 0.5)),
    "stopped in the first validation": (steady, (16.0, 0.4)),
    "busy at first": (lambda update, now: steady(update, now) * (4 if now < 10 else 1), (0.5, 0.5)),
    "busy from the middle on": (lambda update, now: steady(update, now) * (1 if now < 30 else 2), (0.5, 0.5)),
    "now slow, now quick": (lambda update, now: steady(update, now) * (1 + int(now / 7) % 2), (0.5, 0.5)),
}


@pytest.mark.parametrize("machine", MACHINES)
def test_the_time_is_used_and_the_rate_falls_to_the_end(machine: str) -> None:
    progress = Progress()
    shares = go_on(progress, *MACHINES[machine])
    assert 0.88 * SECONDS <= progress.seconds <= SECONDS
    assert progress.update == progress.total_updates  # and not the clock has ended it
    assert shares[-1] < 0.01
    falling = shares[SETTINGS.warmup :]
    jumps = [before - after for before, after in itertools.pairwise(falling)]
    assert min(jumps) >= 0
    assert sorted(jumps)[-2] < 0.02  # the largest is that of the first plan


def test_a_steady_machine_is_planned_right_at_once() -> None:
    progress = Progress()
    go_on(progress, steady)
    assert (progress.first_total or progress.total_updates) == pytest.approx(progress.total_updates, rel=0.02)


def test_a_resumed_run_stands_where_it_stood() -> None:
    progress = Progress()
    go_on(progress, MACHINES["busy at first"][0], until=30)
    assert progress.first_total
    again = Progress(**json.loads(json.dumps(dataclasses.asdict(progress))))
    following = range(progress.update + 1, progress.total_updates + 1)
    assert [again.scheduled(one, again.total_updates) for one in following] == [
        progress.scheduled(one, progress.total_updates) for one in following
    ]
    go_on(again, steady)
    assert again.update == again.total_updates
    assert again.seconds > 0.9 * SECONDS


def test_another_limit_goes_by_its_own_count() -> None:
    progress = Progress(update=20, total_updates=100)
    progress.correct(200)
    assert progress.scheduled(30, 150) == (30, 150)
    assert progress.scheduled(110, 200) == (60.0, 100)  # half of what is left, in half of the time
    progress.begin(5.0)  # another budget
    assert progress.scheduled(30, 0) == (30, 0)
