"""What is kept of studies: what was measured of each run, and the results. Must not know how either is made."""

from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

from mtkit import files, reading
from mtkit.errors import DataError
from mtkit.report.results import Measured, Record, Results
from mtkit.store.format import Format
from mtkit.store.typed import parsed

STUDY = Format("study", 1, error=DataError)
LARGEST = 64 << 20  # bytes
R = TypeVar("R", bound=Record)


def write(path: Path, record: Record) -> None:
    """Write a record as JSON, atomically; the same record gives the same bytes."""
    files.write_json(path, record.model_dump(mode="json"))


def measured(path: Path) -> Measured | None:
    """What was measured of a run, if it was."""
    try:
        return _read(path, Measured)
    except (FileNotFoundError, reading.Unreadable):
        return None


def results(path: Path) -> Results:
    """The results of a study.

    Raises:
        DataError: there are none, they are damaged, or a newer mtkit wrote them.
    """
    try:
        STUDY.check(reading.read_json(path, LARGEST), path)
        return _read(path, Results)
    except FileNotFoundError:
        raise DataError(f"{path} is not there; expected the results of mtkit study") from None
    except reading.Unreadable as error:
        raise DataError(f"{reading.line(str(error))}; move it away, or make the study again") from None


def _read(path: Path, kind: type[R]) -> R:
    return parsed(TypeAdapter(kind), reading.read_json(path, LARGEST), path)
