"""What a report says of groups: lines by length and by words never seen, words by how often training had them."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mtkit import reading
from mtkit.errors import MtkitError
from mtkit.jobs.reporting.scored import Scored
from mtkit.jobs.reporting.systems import TestSet
from mtkit.metrics import words as wording
from mtkit.metrics.metric import shown
from mtkit.metrics.words import Words
from mtkit.report.findings import Buckets

LENGTHS = (0, 6, 11, 16, 21, 31, 51)  # of sources, in words, at least
UNSEEN = (0, 1, 2, 3)  # words of a source that training never had, at least


@dataclass(frozen=True)
class Vocabulary:
    """How often training had the words of each side."""

    source: Counter[str]
    target: Counter[str]


def buckets(
    scored: Sequence[Scored],
    test: TestSet,
    words: Words,
    vocabulary: Callable[[Words, Words], Vocabulary | None],
    notes: list[str],
) -> list[Buckets]:
    """Lines by length and by words never seen, and words by how often training had them."""
    given = test.sources or test.references[0]
    apart = wording.words_of(given)
    taken = [apart(line) for line in given]
    unit = "characters" if apart is wording.characters else "words"
    by = f"length of the {'source' if test.sources else 'reference'}"
    made = _of_lines(scored, by, unit, LENGTHS, [len(line) for line in taken])
    try:
        seen = vocabulary(apart, words)
    except (MtkitError, OSError) as error:
        notes.append(f"nothing is said of words that training never had: {reading.line(str(error))}")
        return made
    if seen is None:
        notes.append("the training text is not known: nothing is said of words that it never had")
        return made
    if test.sources:
        unseen = [sum(word not in seen.source for word in line) for line in taken]
        made += _of_lines(scored, f"{unit} of the source never seen in training", unit, UNSEEN, unseen)
    found = {
        one.system.name: wording.accuracy(one.system.hypotheses, test.references[0], seen.target, words)
        for one in scored
    }
    of = "characters" if words is wording.characters else "words"
    counts = [band.reference for band in next(iter(found.values()))]
    made.append(
        Buckets(
            "frequency in training",
            "times in training",
            f"F1 of {of}",
            f"{of} of the reference",
            tuple(wording.band_names()),
            tuple(counts),
            {name: tuple(band.f1 for band in bands) for name, bands in found.items()},
        )
    )
    return made


def _of_lines(scored: Sequence[Scored], by: str, unit: str, edges: Sequence[int], values: list[int]) -> list[Buckets]:
    """Scores of the lines between each two edges, by each metric that can say them; groups without lines are none."""
    groups: dict[str, list[int]] = {}
    for number, edge in enumerate(edges):
        end = edges[number + 1] if number + 1 < len(edges) else None
        name = f"{edge}+" if end is None else f"{edge}" if end == edge + 1 else f"{edge}–{end - 1}"
        if lines := [line for line, value in enumerate(values) if value >= edge and (end is None or value < end)]:
            groups[name] = lines
    return [
        Buckets(
            by,
            unit,
            shown(metric),
            "lines",
            tuple(groups),
            tuple(map(len, groups.values())),
            {
                one.system.name: tuple(one.result.measured[metric].of(lines) for lines in groups.values())
                for one in scored
            },
        )
        for metric in scored[0].result.measured
    ]
