"""A time budget as updates, with a clock of numbers: whatever the machine does, the time is used and the rate falls."""

import dataclasses
import itertools
import json
from collections.abc import Callable

import pytest

from mtkit.schema import Train
from mtkit.train import loop, schedule
from mtkit.train.plan import Plan, is_news
from mtkit.train.state import Progress

SECONDS = 60.0
SETTINGS = Train.model_validate(
    {"max_minutes": SECONDS / 60, "max_epochs": 0, "patience": 0, "warmup": 10, "validate_every": 500}
)
Cost = Callable[[int, float], float]
"""Update, seconds so far -> seconds of that update."""


def go_on(
    progress: Progress,
    cost: Cost,
    validation: tuple[float, float] = (0.5, 0.5),
    until: float = 1e9,
    saving: float = 0.0,
    plans: list[int] | None = None,
) -> list[float]:
    """Train in numbers, from wherever the progress stands; returns the share of the peak at each update.

    Args:
        saving: seconds that it takes to write a plan down.
        plans: to which each is added.
    """
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
            if plan.make(progress):
                progress.spend(saving)
                if plans is not None:
                    plans.append(progress.total_updates)
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


def test_a_plan_that_takes_time_to_write_calls_for_no_other_one() -> None:
    """Near the end the 0.2 s of a checkpoint are ten updates, and each correction by ten cost as much again."""
    progress, plans = Progress(), list[int]()
    go_on(progress, lambda update, now: 0.02 + 0.0005 * (update % 7), saving=0.2, plans=plans)
    assert 1 <= len(plans) <= 3, plans
    assert progress.update == progress.total_updates
    assert 0.88 * SECONDS <= progress.seconds <= SECONDS


def test_what_of_a_plan_is_news() -> None:
    assert is_news(1738, 0)
    assert not is_news(1739, 1738)
    assert not is_news(1704, 1738)
    assert is_news(1703, 1738)
    assert is_news(1773, 1738)


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
