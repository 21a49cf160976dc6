"""What a training run tells whoever shows it. Must not know how it is shown."""

from dataclasses import dataclass
from typing import Protocol

from mtkit.jobs.listener import Listener
from mtkit.jobs.validate import Sample
from mtkit.store.prepared import Prepared
from mtkit.train import loop
from mtkit.train.state import Progress


@dataclass(frozen=True)
class Facts:
    """What is known when training begins."""

    parameters: int
    train_pairs: int
    updates_per_epoch: int
    device: str
    precision: str
    resumed_at: int
    native: bool
    """Whether C forms are taken, where there are any; results differ from torch's in their last digits."""


class View(Listener, Protocol):
    """Whoever shows a training run."""

    def prepared(self, prepared: Prepared) -> None:
        """The text was prepared just now, since that was missing or stale."""

    def begin(self, facts: Facts) -> None:
        """Training begins."""

    def updated(self, event: loop.Updated, progress: Progress) -> None:
        """An update was made."""

    def validated(self, progress: Progress, best: bool, sample: Sample) -> None:
        """A validation was made."""

    def end(self) -> None:
        """Nothing more is shown."""


class Silent:
    """A view that shows nothing; for whoever wants some of what a run tells, or none of it."""

    def say(self, message: str, remedy: str = "") -> None:
        pass

    def warn(self, message: str) -> None:
        pass

    def prepared(self, prepared: Prepared) -> None:
        pass

    def begin(self, facts: Facts) -> None:
        pass

    def updated(self, event: loop.Updated, progress: Progress) -> None:
        pass

    def validated(self, progress: Progress, best: bool, sample: Sample) -> None:
        pass

    def end(self) -> None:
        pass
