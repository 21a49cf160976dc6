"""When a run saves, and whether a signal ends it: in all processes of a group at the same update."""

import time

from mtkit.jobs.signals import Signals
from mtkit.jobs.validate import Cancelled
from mtkit.train.group import Group

SAVE_SECONDS = 60.0  # between checkpoints; validations save too


class Pauses:
    """Asked after each update. The clock is that of the first process; a signal to one is a signal to all."""

    def __init__(self, signals: Signals, group: Group) -> None:
        self.signals, self.group = signals, group
        self.saved_at = time.monotonic()
        self._told: tuple[int, bool] | None = None

    @property
    def saving(self) -> bool:
        """Whether it is time to save."""
        return self._told[1] if self._told else time.monotonic() - self.saved_at >= SAVE_SECONDS

    @property
    def ending(self) -> int:
        """The signal that ends this run; 0: none, or none that all processes know of yet."""
        if self._told:
            return self._told[0]
        return self.signals.received if self.group.size == 1 else 0

    def ask(self) -> bool:
        """Ask all; returns whether there is something to do."""
        self._told = None
        if self.group.size > 1:
            told = self.group.exchange(self.signals.received, self.saving)
            self._told = (int(max(number for number, _ in told)), bool(told[0][1]))
        return bool(self.ending or self.saving)

    def received(self) -> int:
        """The signal that came, to whichever process."""
        return int(max(number for (number,) in self.group.exchange(self.signals.received)))

    def check(self) -> None:
        """End a validation, if there is a signal.

        Raises:
            Cancelled: there is.
        """
        if self.signals.received:
            raise Cancelled

    def saved(self) -> None:
        """All is saved."""
        self.saved_at = time.monotonic()
