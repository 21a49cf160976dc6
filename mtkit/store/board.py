"""What a run logs, as events of TensorBoard (`tensorboard --logdir runs`), where that package is installed.

The log, `log.jsonl`, stays what is read again; these are for looking at. Must not know what trains.
"""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mtkit.store.log import Average, Directions, Event, Update, Validation

FOLDER = "tensorboard"
FLUSH_SECONDS = 10


class Board:
    """The events of one start of a run.

    Args:
        folder: of the run.
        update: the last one that counts; what an earlier start has written beyond it is taken back.
        warn: is told once if they cannot be written, which is no reason for a run to end.
    """

    def __init__(self, folder: Path, update: int, warn: Callable[[str], None]) -> None:
        self._folder, self._warn, self._writer = folder / FOLDER, warn, None
        if importlib.util.find_spec("tensorboard") is not None:
            self._writer = self._tried(_writer, self._folder, update)

    def write(self, event: Event) -> None:
        """The numbers of an update, a validation or an average; other events have none."""
        for tag, value in _scalars(event).items():
            if self._writer is not None:
                self._tried(self._writer.add_scalar, tag, value, event.update)  # type: ignore[union-attr]

    def close(self) -> None:
        """Write what is still held; nothing can be written afterwards."""
        if self._writer is not None:
            self._tried(self._writer.close)
            self._writer = None

    def _tried(self, do: Callable[..., Any], *arguments: object) -> Any:
        try:
            return do(*arguments)
        except Exception as error:  # a broken installation fails in any way, and no picture is worth a training
            self._writer = None
            self._warn(f"{self._folder} cannot be written ({error}); training goes on without it")
            return None


def _writer(folder: Path, update: int) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=update + 1, flush_secs=FLUSH_SECONDS)


def _scalars(event: Event) -> dict[str, float]:
    match event:
        case Update():
            return {f"train/{name}": getattr(event, name) for name in ("loss", "lr", "grad_norm", "tokens_per_second")}
        case Validation(scores=scores):
            return {f"dev/{name}": score for name, score in scores.items()}
        case Directions(scores=directions):
            return {f"dev/{name} {of}": score for of, scores in directions.items() for name, score in scores.items()}
        case Average(scores=scores):
            return {f"dev/average_{name}": score for name, score in scores.items()}
    return {}
