"""The log of a run, log.jsonl: one event a line, written and read here and nowhere else.

The first line says kind and version ("event": "format"); logs of before there were versions begin with an event.
Must not know torch, nor what trains.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, get_args

from mtkit import files, reading
from mtkit.errors import RunError
from mtkit.store.format import Format

LOG = Format("log", 2, error=RunError)
"""Version 1 did not say its version."""
LARGEST = 1 << 34  # bytes
FORMAT = "format"  # the event of the first line


@dataclass(frozen=True, kw_only=True)
class Begin:
    """A start of the run, with what is known then."""

    event: ClassVar[str] = "begin"
    update: int
    parameters: int
    train_pairs: int
    updates_per_epoch: int
    device: str
    precision: str
    resumed_at: int
    native: bool


@dataclass(frozen=True, kw_only=True)
class Inherited:
    """What another model has learnt was taken over."""

    event: ClassVar[str] = "inherited"
    update: int
    parent: str
    sha256: str
    """Of its weights."""
    took: str
    """In words."""


@dataclass(frozen=True, kw_only=True)
class Processes:
    """Several processes train from here on, or others than did so far."""

    event: ClassVar[str] = "processes"
    update: int
    processes: int
    before: int
    """How many made the updates so far."""


@dataclass(frozen=True, kw_only=True)
class Precision:
    """What matrix products are computed in was decided."""

    event: ClassVar[str] = "precision"
    update: int
    precision: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Update:
    """An update was made; not every one is logged."""

    event: ClassVar[str] = "update"
    update: int
    epoch: int
    seconds: float
    """Spent training and validating so far."""
    loss: float
    """A target token."""
    lr: float
    grad_norm: float
    target_tokens: int
    """So far."""
    tokens_per_second: float
    waited: float
    """Seconds spent on waiting for the batches."""


@dataclass(frozen=True, kw_only=True)
class Validation:
    """A validation was made."""

    event: ClassVar[str] = "validation"
    update: int
    epoch: int
    seconds: float
    scores: dict[str, float]
    """Metric -> score; keys of their own in the line."""


@dataclass(frozen=True, kw_only=True)
class Directions:
    """What the validation or the average before it is the mean of, where dev has several directions."""

    event: ClassVar[str] = "directions"
    update: int
    scores: dict[str, dict[str, float]]
    """Direction, "en-de" -> metric -> score; keys of their own in the line."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A time budget became a number of updates, or that was corrected."""

    event: ClassVar[str] = "planned"
    update: int
    updates: int


@dataclass(frozen=True, kw_only=True)
class Halved:
    """Memory ran out: batches are taken in so many parts."""

    event: ClassVar[str] = "halved"
    update: int
    parts: int


@dataclass(frozen=True, kw_only=True)
class Average:
    """The weights of some validations were averaged."""

    event: ClassVar[str] = "average"
    update: int
    of: list[int]
    """Their updates."""
    kept: bool
    """Whether it was better."""
    scores: dict[str, float]
    """Metric -> score; keys of their own in the line."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The run is over."""

    event: ClassVar[str] = "finished"
    update: int
    reason: str
    best: dict[str, float]
    """Scores of the best model."""


@dataclass(frozen=True, kw_only=True)
class Other:
    """An event that is none of these, or lacks what they have: as it stands there."""

    event: str
    values: dict[str, Any]


_Known = Begin | Inherited | Processes | Precision | Update | Validation | Directions | Planned | Halved | Average
Event = _Known | Finished | Other
_KINDS: dict[str, type[_Known | Finished]] = {kind.event: kind for kind in (*get_args(_Known), Finished)}


class Log:
    """The writer of a run's log.

    Attributes:
        heard: called with each event that was written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heard: list[Callable[[Event], None]] = []

    @property
    def bytes(self) -> int:
        try:
            return reading.size(self.path)
        except FileNotFoundError:
            return 0
        except reading.Unreadable as error:
            raise RunError(f"{error}: move it away") from None

    def write(self, event: Event) -> None:
        """Append an event; to a new log, first what it is."""
        lines = [] if self.bytes else [{"event": FORMAT, **LOG.head()}]
        lines.append(_table(event))
        with files.as_os_error(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
        for hear in self.heard:
            hear(event)

    def cut(self, length: int) -> None:
        """Forget what was written after the log had this length in bytes."""
        if self.bytes > length:
            os.truncate(self.path, length)


class Unwritten(Log):
    """The log of a process beside the one that writes."""

    def __init__(self) -> None:
        super().__init__(Path(os.devnull))

    @property
    def bytes(self) -> int:
        return 0

    def write(self, event: Event) -> None:
        pass


def read(path: Path, damaged: Callable[[str], None] | None = None) -> Iterator[Event]:
    """The events of a log, in order. A last line that was not written whole is left out.

    Args:
        damaged: is told of each line that is no event, which is then left out.

    Raises:
        RunError: there is no such log, a newer mtkit wrote it, or a line is no event and nobody is told.
    """
    number = 0
    try:
        with reading.opened(path, LARGEST) as file:
            while (text := file.readline(reading.LIMIT)).endswith(b"\n"):  # what has no line end is no whole line
                number += 1
                try:
                    yield from _events(text, f"{path}, line {number},", path)
                except reading.Unreadable as error:
                    if damaged is None:
                        raise
                    damaged(str(error))
    except FileNotFoundError:
        raise RunError(f"{path} cannot be read (there is none); expected the log.jsonl of a run") from None
    except reading.Unreadable as error:
        raise RunError(f"{error}; expected the log.jsonl of a run") from None


def _events(text: bytes, where: str, path: Path) -> Iterator[Event]:
    """The event of a line, unless it is the one that says what the file is."""
    table = reading.parse_json(text, where, finite=False)
    if not isinstance(table, dict) or not isinstance(name := table.pop("event", None), str):
        raise reading.Unreadable(f"{where} is no event, which is a JSON table with the key event")
    if name == FORMAT:
        LOG.check(table, path)
    else:
        yield _event(name, table)


def _table(event: Event) -> dict[str, Any]:
    """An event as its line has it."""
    if isinstance(event, Other):
        return {"event": event.event, **event.values}
    table: dict[str, Any] = {"event": event.event, **vars(event)}
    scores: dict[str, Any] = table.pop("scores", {})
    return table | scores


def _event(name: str, table: dict[str, Any]) -> Event:
    """The reverse of `_table`."""
    kind = _KINDS.get(name)
    if kind is None:
        return Other(event=name, values=table)
    names = {field.name for field in fields(kind)}
    given = {key: value for key, value in table.items() if key in names}
    rest = {key: value for key, value in table.items() if key not in names}
    if "scores" in names:
        given["scores"], rest = rest, {}
    if rest or given.keys() != names:
        return Other(event=name, values=table)
    return kind(**given)
