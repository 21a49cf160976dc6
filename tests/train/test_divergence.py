"""What says that a training has diverged, and what does not; by hand for 100 pieces, of which guessing has 4.61."""

import pytest

from mtkit.schema import Train
from mtkit.train.divergence import Divergence
from mtkit.train.state import Progress


def watch(update: int = 300, **settings: object) -> Divergence:
    return Divergence(Train.model_validate({"warmup": 10} | settings), 100, Progress(update=update))


def test_training_that_rises_far_above_guessing_is_warned_of_once() -> None:
    seen = watch()
    assert seen.updated([4.6, 50.0, 5.0]) == ""  # a spike
    assert seen.updated([9.5] * 9) == ""
    assert "the loss on training is 9.50 at update 300, and guessing among 100 pieces has 4.61" in seen.updated([9.5])
    assert seen.updated([9.5] * 20) == ""


def test_what_is_drawn_badly_and_learns_is_no_divergence() -> None:
    seen = watch(update=30)
    assert seen.updated([30.0 - one for one in range(20)]) == ""
    assert seen.validated(20.0) == (False, "")


def test_the_divergence_of_two_passes_counts_in_a_loss() -> None:
    assert watch(consistency="rdrop").updated([4.6] + [12.0] * 20) == ""
    assert watch(consistency="rdrop").updated([4.6] + [40.0] * 20) != ""


@pytest.mark.parametrize(
    ("update", "losses", "dev", "diverged"),
    [
        (5, [4.61, 4.65, 4.63], 4.7, False),  # young
        (5, [4.6, 80.0, 90.0], 75.0, True),
        (300, [4.6, 4.9, 4.9], 4.8, True),  # old enough to be better
        (300, [4.6, 1.2, 1.2], 9.0, False),  # learnt by heart
        (300, [4.6, 3.0, 3.0], 3.1, False),
        (300, [], 9.0, True),  # nothing is known of training
    ],
)
def test_validations(update: int, losses: list[float], dev: float, diverged: bool) -> None:
    seen = watch(update)
    seen.updated(losses)
    found, warning = seen.validated(dev)
    assert (found, bool(warning)) == (diverged, diverged)
    assert seen.validated(dev) == (diverged, "")


def test_what_a_run_began_with_is_kept() -> None:
    progress = Progress()
    for loss in (6.0, 4.0):
        Divergence(Train(), 100, progress).updated([loss])
    assert progress.first_loss == 6.0
