"""Whether a training has diverged: its losses are far above that of guessing, and above what it began with.

Guessing, with every piece as likely as any other, costs the logarithm of their number a piece, whatever label smoothing
asks for. The loss of dev alone says little: it rises above that, too, where a small text is learnt by heart. Must not
know who is told.
"""

import math
import statistics
from collections import deque
from collections.abc import Sequence

from mtkit.schema import Train
from mtkit.train.state import Progress

RISEN = 2.0  # times the loss of guessing, over so many updates in a row, is worth a warning
UPDATES = 10
FAR = 1.5  # times the loss of guessing on dev is that of no young model, ...
YOUNG = 200  # ... and from this update on guessing itself is none to be content with
RECENT = 50  # updates of which the loss is asked for


class Divergence:
    """Looks at the losses of a run.

    Args:
        pieces: of the target's vocabulary.

    Attributes:
        guessing: what guessing costs a piece.
    """

    def __init__(self, settings: Train, pieces: int, progress: Progress) -> None:
        self.progress, self.pieces, self.guessing = progress, pieces, math.log(pieces)
        self.old = max(YOUNG, 2 * settings.warmup)
        agreeing = settings.consistency_weight if settings.consistency != "none" else 0.0
        self.risen = RISEN * (1 + agreeing)  # a loss may hold the divergence of two passes, too
        self.recent: deque[float] = deque(maxlen=RECENT)
        self.told: set[str] = set()

    def updated(self, losses: Sequence[float]) -> str:
        """Note the losses of updates, a target token; returns what to warn of, once."""
        if not losses:
            return ""
        self.progress.begin_with(losses[0])
        self.recent.extend(losses)
        if len(self.recent) < UPDATES or min(list(self.recent)[-UPDATES:]) <= self.risen * self._worst:
            return ""
        return self._once("training", self.recent[-1])

    def validated(self, loss: float) -> tuple[bool, str]:
        """Whether a loss on dev, a target token, says that training has diverged, and what to warn of, once."""
        limit = self.guessing * (FAR if self.progress.update < self.old else 1.0)
        diverged = loss > limit and (not self.recent or statistics.median(self.recent) > self._worst)
        return diverged, self._once("dev", loss) if diverged else ""

    @property
    def _worst(self) -> float:
        """The loss of a training that has learnt nothing: what is drawn at first may be worse than guessing."""
        return max(self.guessing, self.progress.first_loss)

    def _once(self, where: str, loss: float) -> str:
        if where in self.told:
            return ""
        self.told.add(where)
        return (
            f"the loss on {where} is {loss:,.2f} at update {self.progress.update:,}, and guessing among "
            f"{self.pieces:,} pieces has {self.guessing:.2f}: training has diverged; start anew with a lower train.lr"
        )
