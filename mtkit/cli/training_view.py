"""What a training run looks like: live on a terminal, plain lines elsewhere. Must not change the run."""

import math
import time
from collections import deque
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from mtkit.cli import remedies
from mtkit.cli.options import Messages
from mtkit.cli.preprocess import show
from mtkit.cli.progress import duration
from mtkit.cli.streams import console, printable
from mtkit.metrics.metric import LOSS, shown, told

if TYPE_CHECKING:
    from mtkit.jobs.validate import Sample
    from mtkit.jobs.view import Facts
    from mtkit.schema import Config
    from mtkit.store.prepared import Prepared
    from mtkit.train.loop import Updated
    from mtkit.train.state import Progress as State

LINE_SECONDS = 10.0  # between plain lines
RECENT = 50  # updates that a speed and a loss are averaged over


class Recent:
    """Averages over the last updates."""

    def __init__(self) -> None:
        self._events: deque[Updated] = deque(maxlen=RECENT)

    def add(self, event: "Updated") -> None:
        self._events.append(event)

    @property
    def last(self) -> "Updated":
        return self._events[-1]

    @property
    def speed(self) -> float:
        """Target tokens a second."""
        events = list(self._events)  # the live view asks from a thread of its own
        return sum(e.target_tokens for e in events) / max(1e-9, sum(e.seconds for e in events))

    @property
    def loss(self) -> float:
        """A target token."""
        events = list(self._events)
        return sum(e.loss * e.target_tokens for e in events) / max(1, sum(e.target_tokens for e in events))


class PlainView:
    """A line every few seconds."""

    def __init__(self, messages: Messages, config: "Config") -> None:
        self.messages, self.config = messages, config
        self.recent = Recent()
        self.said = time.monotonic()
        self.per_epoch = 1

    def say(self, message: str, remedy: str = "") -> None:
        self.messages.say(message, remedy)

    def warn(self, message: str) -> None:
        self.messages.warn(message)

    def prepared(self, prepared: "Prepared") -> None:
        self.say("the prepared corpus was missing or stale: made it anew")
        if not self.messages.quiet:
            show(prepared, self.messages.verbose)

    def begin(self, facts: "Facts") -> None:
        self.per_epoch = facts.updates_per_epoch
        begun = f"going on from update {facts.resumed_at:,}" if facts.resumed_at else "training"
        self.say(
            f"{begun}: {facts.parameters:,} parameters, {facts.train_pairs:,} pairs, "
            f"{facts.updates_per_epoch:,} updates an epoch, on {facts.device} in {facts.precision}"
        )

    def updated(self, event: "Updated", progress: "State") -> None:
        from mtkit.train.loop import total_updates

        self.recent.add(event)
        if time.monotonic() - self.said < LINE_SECONDS and progress.update > 1:
            return
        self.said = time.monotonic()
        total = total_updates(progress, self.config.train, self.per_epoch)
        left = ""
        if total:
            seconds = progress.seconds / progress.update * (total - progress.update)
            left = f" of {total:,}, {duration(seconds)} left"
        self.say(
            f"update {progress.update:,}{left} | epoch {progress.epoch + 1} | loss {self.recent.loss:.3f} | "
            f"lr {event.lr:.2e} | gradient {event.grad_norm:.2f} | {self.recent.speed:,.0f} tokens/s"
        )

    def validated(self, progress: "State", best: bool, sample: "Sample") -> None:
        scores = progress.scores
        self.say(
            f"validation at update {progress.update:,} ({duration(progress.seconds)}): {told(scores)}"
            f"{', the best so far' if best else ''}"
        )
        self.say(f"  {sample.source}  ->  {sample.translation}")

    def end(self) -> None:
        pass


class LiveView(PlainView):
    """A panel that is redrawn twice a second (drawing takes time from training); messages scroll above it."""

    def __init__(self, messages: Messages, config: "Config") -> None:
        super().__init__(messages, config)
        self.console = console()
        self.live: Live | None = None
        self.bars = Progress(
            TextColumn("{task.description}"), BarColumn(bar_width=None), MofNCompleteColumn(), TimeRemainingColumn()
        )
        self.state: State | None = None
        self.sample: Sample | None = None
        self.facts: Facts | None = None

    def say(self, message: str, remedy: str = "") -> None:
        if not self.messages.quiet:
            self.console.print(remedies.told(message, remedy), soft_wrap=True)

    def warn(self, message: str) -> None:
        self.console.print(f"WARNING: {message}", style="bold red", soft_wrap=True)

    def begin(self, facts: "Facts") -> None:
        super().begin(facts)
        self.facts = facts
        self.epoch = self.bars.add_task("epoch", total=facts.updates_per_epoch)
        self.whole = self.bars.add_task("whole", total=None)
        self.live = Live(get_renderable=self.render, console=self.console, refresh_per_second=2, redirect_stdout=False)
        self.live.start()

    def updated(self, event: "Updated", progress: "State") -> None:
        from mtkit.train.loop import total_updates

        self.recent.add(event)
        self.state = progress
        made = math.ceil(progress.batch / self.config.train.accumulate)
        self.bars.update(self.epoch, completed=made, description=f"epoch {progress.epoch + 1}")
        total = total_updates(progress, self.config.train, self.per_epoch)
        self.bars.update(self.whole, completed=progress.update, total=total or None)

    def validated(self, progress: "State", best: bool, sample: "Sample") -> None:
        self.state, self.sample = progress, sample
        self.say(
            f"{duration(progress.seconds):>8}  update {progress.update:,}: {told(progress.scores)}"
            f"{' (best)' if best else ''}"
        )

    def end(self) -> None:
        if self.live:
            self.live.stop()
            self.live = None

    def render(self) -> Panel:
        """What stands at the bottom of the terminal now."""
        state = self.state
        if state is None or not state.update:
            return Panel("waiting for the first update", title=Text(printable(self.config.run_name)))
        table = Table.grid(padding=(0, 2))
        last, best = state.scores, state.best_scores
        metric = self.config.train.metric if self.config.train.metric != LOSS else "bleu"
        cells = [
            ("loss", f"{self.recent.loss:.3f}"),
            ("tokens/s", f"{self.recent.speed:,.0f}"),
            ("learning rate", f"{self.recent.last.lr:.2e}"),
            ("gradient", f"{self.recent.last.grad_norm:.2f}"),
            ("time", duration(state.seconds)),
            (f"dev {shown(metric)}", f"{last[metric]:.2f}, best {best[metric]:.2f}" if last and best else "not yet"),
        ]
        for start in range(0, len(cells), 3):
            row = [part for name, value in cells[start : start + 3] for part in (Text(name, style="dim"), Text(value))]
            table.add_row(*row)
        parts: list[Progress | Table] = [self.bars, table]
        if self.sample:
            lines = Table.grid(padding=(0, 2))
            lines.add_row(Text("source", style="dim"), Text(printable(self.sample.source)))
            lines.add_row(Text("now", style="dim"), Text(printable(self.sample.translation)))
            lines.add_row(Text("reference", style="dim"), Text(printable(self.sample.reference)))
            parts.append(lines)
        return Panel(Group(*parts), title=Text(printable(self.config.run_name)))
