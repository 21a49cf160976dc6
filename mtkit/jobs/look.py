"""The job of looking into models: what each does with each line, and a page of it. Must not know how a terminal is."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from mtkit.report import look as report
from mtkit.translator.looking import Look, look
from mtkit.translator.request import Line, Pair
from mtkit.translator.translator import Translator

MOST_LINES = 50  # of a page, which a browser has to hold


@dataclass(frozen=True)
class Looked:
    """A line as every model sees it.

    Attributes:
        number: of the line, from 0.
    """

    number: int
    looks: list[Look]

    @property
    def warnings(self) -> list[str]:
        """What cannot be seen, and why."""
        several = len(self.looks) > 1
        told = (f"{one.model}: {note}" if several else note for one in self.looks for note in one.notes)
        return list(dict.fromkeys(told))

    def as_json(self) -> dict[str, Any]:
        """Plain values, the line's number first."""
        return {"id": self.number, "looks": [asdict(one) for one in self.looks]}


def looked(translators: Sequence[Translator], lines: Iterable[Line | Pair]) -> Iterator[Looked]:
    """Look into each model with each line.

    Args:
        translators: each of one model, on a CPU.

    Raises:
        ConfigError: rules that leave nothing to say.
    """
    names = short_names([one.names[0] for one in translators])
    for line in lines:
        looks = [look(one, line) for one in translators]
        yield Looked(line.number, [replace(one, model=name) for one, name in zip(looks, names, strict=True)])


def page(seen: Sequence[Looked]) -> str:
    """One HTML file of it all."""
    return report.page([one.as_json() for one in seen])


def short_names(folders: list[str]) -> list[str]:
    """What models are called: their folders, without a run's "best" and without what these begin or end with alike."""
    parts = [[part for part in folder.split("/") if part not in ("", ".")] or [folder] for folder in folders]
    parts = [one[:-1] if one[-1] == "best" and len(one) > 1 else one for one in parts]
    if len(parts) == 1:
        return ["/".join(parts[0][-3:])]
    while all(len(one) > 1 for one in parts) and len({one[0] for one in parts}) == 1:
        parts = [one[1:] for one in parts]
    while all(len(one) > 1 for one in parts) and len({one[-1] for one in parts}) == 1:
        parts = [one[:-1] for one in parts]
    names = ["/".join(one[-3:]) for one in parts]
    return names if len(set(names)) == len(names) else folders
