"""A time budget as a number of updates: planned once from the usual pace, and corrected while the run goes on.

What counts are medians, so that a pause (a stopped process, a busy minute) does not pass for the pace. Time is that of
the monotonic clock: it runs on while a process is stopped, as that of whoever gave the budget does, and not while the
machine sleeps. The numbers are logged and kept in the progress; nothing else depends on the clock but the hard stop.
"""

import statistics
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from mtkit.schema import Train
from mtkit.train.state import Progress

# A time budget becomes a number of updates after PLAN_AFTER updates or PLAN_SHARE of it, whichever is later. What does
# not fit is cut off before the learning rate has fallen; and machines that are shared run a tenth faster or slower from
# one minute to the next (data/results/LOG.md, 2026-11-26).
PLAN_AFTER = 50
PLAN_SHARE = 0.05
PLAN_WARM = 10  # updates, the first, which are not timed
PLAN_RESERVE = 0.95  # of the budget is planned for: the rest is for the last validation, for saving, for slower minutes
LOOKS = 16  # at the pace in a budget, at least; and LOOKS_AHEAD in the updates that are left, should these be too few
LOOKS_AHEAD = 8
WRONG = 0.05  # of the updates that are left: a plan that is wrong by less is kept
# And so is one that is wrong by less than this share of all updates: writing a new one to disk takes as long as some
# updates, and near the end each correction would call for the next one.
SLIGHT = 0.005
NEWS = 0.02  # of what was told last: whoever watches need not hear of a smaller change
TOGETHER = 5  # updates that are timed as one: batches differ
RECENT = 64  # such times, of which the median counts


class Plan:
    """Turns a time budget into a number of updates.

    Args:
        mean_tokens: target tokens of an update.
        per_epoch: about how many updates an epoch has.
        together: updates of which the times only mean something together.
    """

    def __init__(self, settings: Train, mean_tokens: float, per_epoch: int, together: int) -> None:
        self.settings, self.mean_tokens, self.per_epoch = settings, mean_tokens, per_epoch
        self.budget = 60 * settings.max_minutes
        self.together = max(TOGETHER, together)
        self.timed = 0
        self.count, self.tokens, self.seconds = 0, 0, 0.0
        self.paces: deque[float] = deque(maxlen=RECENT)  # seconds a token
        self.validations: deque[tuple[float, float]] = deque(maxlen=RECENT)  # seconds, and the processor's among them
        self.next_seconds, self.next_update = 0.0, 0

    def wanted(self, progress: Progress, tokens: int, seconds: float) -> bool:
        """Note an update; whether it is time to plan, or to look at the plan again."""
        if not self.budget:
            return False
        self._note(tokens, seconds)
        if not progress.total_updates:
            early = progress.update < PLAN_AFTER or progress.seconds < self.budget * PLAN_SHARE
            return not early and self.timed >= 2 * PLAN_WARM
        if not self.next_update:
            self._next(progress)
        due = progress.seconds >= self.next_seconds or progress.update >= self.next_update
        known = len(self.paces) >= 4 and len(self.validations) > 0
        late = progress.seconds > self.budget * (1 - 1 / LOOKS)
        return due and known and not late and progress.update > self.settings.warmup

    def spent(self, seconds: float) -> None:
        """Note what the last update cost besides: logging, showing."""
        self.seconds += seconds if self.count else 0.0

    @contextmanager
    def validating(self) -> Iterator[None]:
        """Note what a validation costs."""
        wall, processor = time.monotonic(), time.process_time()
        yield
        self.validations.append((time.monotonic() - wall, time.process_time() - processor))

    def make(self, progress: Progress) -> bool:
        """Enter the plan, or correct it where it is wrong; returns whether there was anything to enter."""
        price = self._price()
        an_update = self.mean_tokens * self._pace() + price / (self.settings.validate_every or self.per_epoch)
        ends = 3 if self.settings.average else 2  # validations at the end, and one for safety
        left = max(1, int((self.budget * PLAN_RESERVE - progress.seconds - ends * price) / an_update))
        fits = progress.update + left
        if not progress.total_updates:
            progress.plan(fits, self.settings.max_minutes)
        else:
            others = (self.settings.max_updates, self.settings.max_epochs * self.per_epoch)
            fits = max(progress.update + 1, min([fits, *(limit for limit in others if limit)]))
            enough = max(WRONG * (progress.total_updates - progress.update), SLIGHT * progress.total_updates)
            if abs(fits - progress.total_updates) <= enough:
                self._next(progress)
                return False
            progress.correct(fits)
        self._next(progress)
        return True

    def _note(self, tokens: int, seconds: float) -> None:
        self.timed += 1
        if self.timed <= PLAN_WARM:
            return
        if self.count == self.together:
            self.paces.append(self.seconds / self.tokens)
            self.count, self.tokens, self.seconds = 0, 0, 0.0
        self.count, self.tokens, self.seconds = self.count + 1, self.tokens + tokens, self.seconds + seconds

    def _pace(self) -> float:
        return statistics.median(self.paces) if self.paces else self.seconds / self.tokens

    def _price(self) -> float:
        """Seconds of a validation; of the first ones those of the processor, since one may have been paused."""
        if len(self.validations) < 3:
            return min((min(both) for both in self.validations), default=0.0)
        return statistics.median(wall for wall, _ in self.validations)

    def _next(self, progress: Progress) -> None:
        self.next_seconds = progress.seconds + self.budget / LOOKS
        self.next_update = progress.update + max(1, (progress.total_updates - progress.update) // LOOKS_AHEAD)


def is_news(updates: int, told: int) -> bool:
    """Whether a plan differs from what was told last (0: nothing was) by so much that it should be told, too."""
    return abs(updates - told) >= NEWS * told
