"""The training loop: from batches to updates, as a stream of events.

Saving, logging, validating and showing are work of whoever iterates. Nothing here depends on the clock but
the plan of a time budget (`mtkit.train.plan`) and its hard stop; the randomness of an update is a function of
(seed, update), the order of the data one of (seed, epoch).

Each process of a group runs this loop, on its own batches of the same updates, and all take the same way: what they
know by themselves only (their tokens, their memory, the time) they agree on.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

from torch import Tensor

from mtkit.corpus.batch import Batch
from mtkit.corpus.sampler import Pairs, Sampler
from mtkit.errors import RunError
from mtkit.registry import resolve
from mtkit.schema import Train
from mtkit.train.group import ALONE, Group, by_first
from mtkit.train.plan import Plan
from mtkit.train.state import Progress
from mtkit.train.updates import Results, Updates, check


@dataclass(frozen=True)
class Updated:
    """An update was made; where looking at each would make a device wait, several."""

    loss: float
    """A target token, label smoothing and consistency included."""
    lr: float
    """Of the last of them, as is grad_norm."""
    grad_norm: float
    """Before clipping."""
    target_tokens: int
    seconds: float
    waited: float
    """Seconds of those spent on waiting for the batches."""
    losses: tuple[float, ...] = ()
    """Of each update, a target token."""
    settled: bool = True
    """Whether all updates made so far have been looked at, and are sound: only then may the model be saved."""


@dataclass(frozen=True)
class Due:
    """The model should be validated now; whoever does so calls `Progress.record`."""


@dataclass(frozen=True)
class Planned:
    """The time budget has become a number of updates, or that number was corrected."""

    updates: int
    before: int = 0
    """What was planned until now; 0: nothing."""


@dataclass(frozen=True)
class Halved:
    """Memory ran out: from this update on each batch is taken in so many parts, one after the other."""

    parts: int


@dataclass(frozen=True)
class Refused:
    """Updates are not made in the quickest way."""

    reason: str


@dataclass(frozen=True)
class Finished:
    """The run is over."""

    reason: str


Event = Updated | Due | Planned | Halved | Refused | Finished


def never() -> bool:
    """Nobody asks."""
    return False


def train(
    updates: Updates,
    sampler: Sampler,
    batcher: Callable[..., Batch],
    per_epoch: int,
    settle: Callable[[], bool] = never,
) -> Iterator[Event]:
    """Train until a limit is reached, from wherever the progress stands.

    Args:
        updates: makes them.
        sampler: yields the batches of this process.
        batcher: (sources, targets) -> batch, with as many copies of a pair as the objective wants.
        per_epoch: about how many updates an epoch has.
        settle: asked after each update, whether all that was made should now be looked at; it has one answer in all
            processes.

    Raises:
        RunError: a gradient is not finite, or there is no memory for a single sentence.
    """
    progress, settings, group, beside = updates.training.progress, updates.settings, updates.group, updates.beside
    schedule = resolve("schedule", settings.schedule)
    mean_tokens = sampler.target_tokens / per_epoch
    plan = Plan(settings, mean_tokens, per_epoch, updates.look)
    made = _Made(updates, progress)
    refused = ""
    if progress.update and _is_due(progress, settings) and progress.validated != progress.update:
        yield Due()  # the run was interrupted inside this validation
    clock = time.monotonic()
    while not (reason := limit(progress, settings)):
        if not progress.batch:
            progress.shape(sampler.shaped)
        batches = replace(sampler, shaped=progress.shaped).epoch(progress.epoch, skip=progress.batch)
        following = list(islice(batches, settings.accumulate))
        if progress.batch and not following:
            raise RunError(
                f"the checkpoint has used {progress.batch:,} batches of a pass over the text, which has fewer: it is "
                "damaged; start anew",
                remedy="fresh",
            )
        while following:
            pairs = following
            together = in_parts(pairs, progress.parts, batcher)
            following = list(islice(batches, settings.accumulate))  # looked at ahead, to know the last of an epoch
            waited = time.monotonic() - clock
            total = total_updates(progress, settings, per_epoch)
            at, end = progress.scheduled(progress.update + 1, total)
            lr = settings.lr * schedule(at, settings.warmup, end, progress.setbacks)
            own = sum(batch.target_tokens for parts in together for batch in parts)
            tokens = round(sum(told for (told,) in beside.exchange(own)))  # normalised once, by all of them
            once = updates.once
            while (loss_sum := updates.gradients(together, tokens)) is None:
                updates.clear()
                halve(progress, pairs, beside)
                yield Halved(progress.parts)
                together = in_parts(pairs, progress.parts, batcher)
            if updates.refused != refused:
                refused = updates.refused
                yield Refused(refused)
            made.add(loss_sum, updates.apply(lr), lr, tokens)
            progress.step(len(pairs) * group.size, 0 if updates.outer else tokens)
            if not following:
                progress.end_epoch()
            seconds, clock = time.monotonic() - clock, time.monotonic()
            progress.spend(seconds)
            made.spent(seconds, waited)
            others = group.size // beside.size  # they have about as many tokens
            planning = plan.wanted(progress, tokens * others, seconds - (updates.once - once))
            if updates.outer:
                if not _comes_together(progress, settings):
                    continue
                group.gathered(None)  # others may be slower by many updates
                updates.outer.step()
                progress.count(made.come_together(group))
            if settings.max_minutes:  # the clock and the pace that count are those of the first process
                planning = bool(agree(progress, group, planning))
            over, asked = bool(limit(progress, settings)), settle()
            yield from made.events(planning or over or asked or _is_due(progress, settings))

            # A validation has a price too: before there is a plan it is paid once, to know it.
            if (planning and not progress.total_updates) or _is_due(progress, settings):
                with plan.validating():
                    yield Due()
            else:
                plan.spent(time.monotonic() - clock)
            if planning:
                progress.spend(time.monotonic() - clock)
                clock, before = time.monotonic(), progress.total_updates
                changed, planned = by_first(group, lambda: (plan.make(progress), progress.planned))
                progress.enter(**planned)
                if changed:
                    yield Planned(progress.total_updates, before)
            progress.spend(time.monotonic() - clock)
            clock = time.monotonic()
            if settings.max_minutes:
                agree(progress, group)
            if limit(progress, settings):
                break
    if progress.validated != progress.update:
        yield Due()
    progress.finish(reason)
    yield Finished(reason)


def agree(progress: Progress, group: Group, number: float = 0.0) -> float:
    """Enter the time by the clock of the first process; returns its number."""
    seconds, number = group.exchange(progress.seconds, number)[0]
    progress.enter(seconds=seconds)
    return number


class _Asked(NamedTuple):
    """Updates whose results are on their way."""

    results: Results
    last: int
    """The number of the last of them."""
    tokens: list[int]
    told: Updated


class _Made:
    """Updates that were made, up to the events that tell of them."""

    def __init__(self, updates: Updates, progress: Progress) -> None:
        self.updates, self.progress = updates, progress
        self.numbers: list[Tensor | float] = []  # of each its loss, summed, and the norm of its gradient
        self.lr = 0.0
        self.tokens: list[int] = []
        self.seconds = self.waited = 0.0
        self.asked: deque[_Asked] = deque()

    def add(self, loss_sum: Tensor | float, grad_norm: Tensor, lr: float, tokens: int) -> None:
        """Note an update."""
        self.numbers += [loss_sum, grad_norm]
        self.lr = lr
        self.tokens.append(tokens)

    def come_together(self, group: Group) -> int:
        """Of updates that each process has made by itself, those of all; returns their tokens."""
        told = group.exchange(*(float(number) for number in self.numbers), *self.tokens, self.progress.parts)
        *totals, _ = (sum(some) for some in zip(*told, strict=True))
        count = len(self.numbers)
        # Norms are their mean: where one is not finite, it is so in all, and none goes on with such weights.
        norms = zip(self.numbers[1::2], totals[1:count:2], strict=True)
        self.numbers[1::2] = [
            own.new_tensor(total / group.size) if isinstance(own, Tensor) else total / group.size
            for own, total in norms
        ]
        self.numbers[::2], self.tokens = totals[:count:2], [round(tokens) for tokens in totals[count:]]
        self.progress.enter(parts=max(int(row[-1]) for row in told))
        return sum(self.tokens)

    def spent(self, seconds: float, waited: float) -> None:
        """Note the time that it took."""
        self.seconds, self.waited = self.seconds + seconds, self.waited + waited

    def events(self, settle: bool) -> Iterator[Updated]:
        """Tell of the updates of which the results have come, or of all."""
        if len(self.tokens) >= self.updates.look or (settle and self.tokens):
            told = Updated(0.0, self.lr, 0.0, sum(self.tokens), self.seconds, self.waited)
            self.asked.append(_Asked(self.updates.results(self.numbers), self.progress.update, self.tokens, told))
            self.numbers, self.tokens, self.seconds, self.waited = [], [], 0.0, 0.0
        ready: list[Updated] = []
        while len(self.asked) > (0 if settle else self.updates.behind):
            one = self.asked.popleft()
            numbers = one.results.read()
            sums, norms = numbers[::2], numbers[1::2]
            for update, norm in enumerate(norms, one.last - len(norms) + 1):
                check(norm, update, self.updates.settings)
            ready.append(
                replace(
                    one.told,
                    loss=sum(sums) / one.told.target_tokens,
                    grad_norm=norms[-1],
                    losses=tuple(loss / tokens for loss, tokens in zip(sums, one.tokens, strict=True)),
                    settled=not self.asked and not self.tokens,
                )
            )
        yield from ready


def in_parts(pairs: list[Pairs], parts: int, batcher: Callable[..., Batch]) -> list[list[Batch]]:
    """Batches, each in `parts` parts of about the same lengths."""
    return [
        [batcher(sources[part::parts], targets[part::parts]) for part in range(min(parts, len(sources)))]
        for sources, targets in pairs
    ]


def halve(progress: Progress, pairs: list[Pairs], group: Group = ALONE) -> None:
    """Take batches in twice as many parts, since memory ran out on these, or on those of another process.

    Raises:
        RunError: they are single sentences already.
    """
    if progress.parts >= max(told[0] for told in group.exchange(max(len(sources) for sources, _ in pairs))):
        raise RunError(
            f"memory ran out at update {progress.update + 1}, even with one sentence at a time; "
            "use a smaller model, or leave out long sentences (filter.max_pieces)",
            remedy="fresh",
        )
    progress.halve()


def _comes_together(progress: Progress, settings: Train) -> bool:
    """Whether the processes of a group do so after an update of each by itself: the same in all of them."""
    ends = {settings.max_updates, progress.total_updates} - {0}
    return progress.batch == 0 or progress.update % settings.sync_every == 0 or progress.update in ends


def _is_due(progress: Progress, settings: Train) -> bool:
    if settings.validate_every:
        return progress.update % settings.validate_every == 0
    return progress.batch == 0


def limit(progress: Progress, settings: Train) -> str:
    """The limit that a run has reached; "": none yet."""
    if settings.max_updates and progress.update >= settings.max_updates:
        return f"max_updates = {settings.max_updates}"
    if settings.max_epochs and progress.epoch >= settings.max_epochs:
        return f"max_epochs = {settings.max_epochs}"
    if progress.total_updates and progress.update >= progress.total_updates:
        return f"max_minutes = {settings.max_minutes:g} ({progress.total_updates} updates)"
    if settings.max_minutes and progress.seconds >= 60 * settings.max_minutes:
        return f"max_minutes = {settings.max_minutes:g}"
    if settings.patience and progress.without_gain >= settings.patience:
        return f"patience = {settings.patience}"
    return ""


def total_updates(progress: Progress, settings: Train, per_epoch: int) -> int:
    """The update at which the first limit is reached; 0 while a time budget has not become a number of updates."""
    if settings.max_minutes and not progress.total_updates:
        return 0
    limits = (settings.max_updates, settings.max_epochs * per_epoch, progress.total_updates)
    return min((limit for limit in limits if limit), default=0)
