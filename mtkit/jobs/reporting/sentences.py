"""Which sentences a report shows, and where models looked in them."""

from collections.abc import Callable, Sequence

from mtkit import reading
from mtkit.errors import MtkitError
from mtkit.jobs.reporting.runs import RunFolder
from mtkit.jobs.reporting.scored import Scored, samples
from mtkit.jobs.reporting.systems import TestSet
from mtkit.metrics import faults as faulty
from mtkit.report.findings import Attention, Sentence

SHOWN = 8  # sentences of each kind
CELLS = 250_000  # of all pictures of attention: more would make a page of some megabytes
LONGEST = 1000  # characters of a text that are shown

Attend = Callable[[RunFolder, Sequence[tuple[str, str]]], list[Attention | None]]
"""A run, and pairs of source and translation, to where its model looked in each."""


def sentences(
    scored: Sequence[Scored], test: TestSet, attend: Attend | None, notes: list[str]
) -> dict[str, tuple[Sentence, ...]]:
    """The worst, the best, and those on which systems differ most; and those that stand for faults."""
    lines = range(len(test.references[0]))
    mean = [sum(one.chrf[line] for one in scored) / len(scored) for line in lines]
    length = [len(test.references[0][line]) for line in lines]
    spread = [max(one.chrf[line] for one in scored) - min(one.chrf[line] for one in scored) for line in lines]
    # Of equals the longer ones: a short line is easily right, and easily wrong.
    orders = {
        "worst": sorted(lines, key=lambda line: (mean[line], -length[line])),
        "best": sorted(lines, key=lambda line: (-mean[line], -length[line])),
    }
    if len(scored) > 1:
        orders["most different"] = sorted(lines, key=lambda line: (-spread[line], -length[line]))
    chosen = {kind: order[:SHOWN] for kind, order in orders.items()}
    faulted = {
        number - 1
        for one in scored
        for fault in faulty.FAULTS
        for number in samples([n for n, names in enumerate(one.faults, 1) if fault in names], one, len(scored))
    }
    chosen["faults"] = sorted(faulted)
    wanted = list(dict.fromkeys(line for some in chosen.values() for line in some))
    looked = _attention(scored, test, wanted, attend, notes) if attend else {}
    made = {line: _sentence(line, scored, test, looked.get(line, {})) for line in wanted}
    return {kind: tuple(made[line] for line in some) for kind, some in chosen.items()}


def _attention(
    scored: Sequence[Scored], test: TestSet, lines: Sequence[int], attend: Attend, notes: list[str]
) -> dict[int, dict[str, Attention]]:
    """Line -> system -> where its model looked."""
    found: dict[int, dict[str, Attention]] = {line: {} for line in lines}
    for one in scored:
        name, run = one.system.name, one.system.run
        if run is None or test.sources is None or not (run.folder / "best").is_dir():
            continue
        try:
            seen = attend(run, [(test.sources[line], one.system.hypotheses[line]) for line in lines])
        except MtkitError as error:
            notes.append(f"where {name} looked is not shown: {reading.line(str(error))}")
            continue
        for line, attention in zip(lines, seen, strict=True):
            if attention:
                found[line][name] = attention
    return _within(found, notes)


def _within(found: dict[int, dict[str, Attention]], notes: list[str]) -> dict[int, dict[str, Attention]]:
    """The first lines, as many as a page can hold."""
    cells = 0
    for number, pictures in enumerate(found.values()):
        cells += sum(len(one.source) * len(one.target) for one in pictures.values())
        if cells > CELLS:
            notes.append(f"attention is shown of {number:,} lines alone: of all {len(found):,} it would be too much")
            return {line: found[line] for line in list(found)[:number]}
    return found


def _sentence(line: int, scored: Sequence[Scored], test: TestSet, attention: dict[str, Attention]) -> Sentence:
    return Sentence(
        line + 1,
        _short(test.sources[line]) if test.sources else None,
        tuple(_short(one[line]) for one in test.references),
        {one.system.name: _short(one.system.hypotheses[line]) for one in scored},
        {one.system.name: one.chrf[line] for one in scored},
        {one.system.name: tuple(one.faults[line]) for one in scored},
        attention,
    )


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"
