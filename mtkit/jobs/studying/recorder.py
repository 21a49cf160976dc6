"""Every update of a run, a line each in a file; the log has one a second. Lines stand there before any checkpoint knows
of their update, so that a run that went on has them all."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from mtkit.jobs.view import Silent
from mtkit.train import loop
from mtkit.train.state import Progress


class Updated(NamedTuple):
    """What an update told."""

    loss: float
    """A target token."""
    grad_norm: float
    """Before clipping."""
    target_tokens: int
    seconds: float


class Recorder(Silent):
    """A view that writes down updates.

    Args:
        warn: is told what there is to warn of.
    """

    def __init__(self, path: Path, warn: Callable[[str], None]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._warn = path, warn
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def warn(self, message: str) -> None:
        self._warn(message)

    def updated(self, event: loop.Updated, progress: Progress) -> None:
        told = Updated(event.loss, event.grad_norm, event.target_tokens, event.seconds)
        self._file.write(" ".join(map(repr, (progress.update, *told))) + "\n")

    def end(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """Nothing more is written."""
        self._file.close()


def read(path: Path, last: int) -> list[Updated]:
    """The updates up to the last one, in order.

    What was written twice, since a run went on from before it, counts as it was written last; a line that was not
    written whole is left out.
    """
    found: dict[int, Updated] = {}
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    for line in text.split("\n")[:-1]:
        words = line.split()
        if len(words) == 1 + len(Updated._fields):
            found[int(words[0])] = Updated(float(words[1]), float(words[2]), int(words[3]), float(words[4]))
    return [found[update] for update in sorted(found) if update <= last]
