"""What a report says of systems on a test set: scores and tests, groups of lines and words, faults, sentences."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mtkit import reading
from mtkit.errors import MtkitError
from mtkit.jobs.evaluate import Result, Watcher, score_lines, with_confidence
from mtkit.jobs.reporting.runs import RunFolder
from mtkit.jobs.reporting.systems import System, TestSet
from mtkit.metrics import faults as faulty
from mtkit.metrics import words as wording
from mtkit.metrics.calibration import calibration
from mtkit.metrics.chrf import chrf
from mtkit.metrics.metric import Texts, shown
from mtkit.metrics.significance import between
from mtkit.metrics.words import Words
from mtkit.report.findings import (
    Attention,
    Buckets,
    CalibrationFacts,
    Difference,
    Fault,
    ScoreFacts,
    Sentence,
    SystemFacts,
    TestFacts,
)

SHOWN = 8  # sentences of each kind
SAMPLES = 4  # of each fault of each system
LONGEST = 1000  # characters of a text that are shown
LENGTHS = (0, 6, 11, 16, 21, 31, 51)  # of sources, in words, at least
UNSEEN = (0, 1, 2, 3)  # words of a source that training never had, at least


@dataclass(frozen=True)
class Vocabulary:
    """How often training had the words of each side."""

    source: Counter[str]
    target: Counter[str]


Attend = Callable[[RunFolder, Sequence[tuple[str, str]]], list[Attention | None]]
"""A run, and pairs of source and translation, to where its model looked in each."""


@dataclass(frozen=True)
class _Scored:
    """A system with all that is computed of its lines."""

    system: System
    result: Result
    chrf: list[float]
    faults: list[list[str]]


def compare(
    test: TestSet,
    *,
    metrics: Sequence[str],
    tokenize: str,
    vocabulary: Callable[[Words, Words], Vocabulary | None],
    attend: Attend | None,
    watcher: Watcher,
) -> TestFacts:
    """Look at systems from all sides.

    Args:
        test: with one system at least.
        vocabulary: counts the words of the training text, taken apart as lines of source and target are; None: it is
            not known.
        attend: finds out where models looked; None: nobody wants to know.

    Raises:
        DataError: a metric cannot be computed.
    """
    results: list[Result] = []
    for system in test.systems:
        results.append(
            score_lines(
                system.name,
                system.hypotheses,
                test.references,
                test.sources,
                metrics=list(metrics),
                tokenize=tokenize,
                target_lang=test.target_lang,
                watcher=watcher,
                like=results[0] if results else None,
            )
        )
    results = with_confidence(results, watcher)
    words = wording.words_of(test.references[0])
    scored = [
        _Scored(system, result, _by_line(system, result, test), _faults(system, test, words))
        for system, result in zip(test.systems, results, strict=True)
    ]
    notes = [*test.notes, *dict.fromkeys(warning for result in results for warning in result.warnings)]
    if test.sources is None:
        kinds = ", ".join(faulty.NEED_SOURCE)
        notes.append(f"the sources are not known: lengths are the reference's, and nothing is said of {kinds}")
    return TestFacts(
        test.name,
        len(test.references[0]),
        tuple(_system(one, test, words) for one in scored),
        tuple(_differences(results, watcher)),
        tuple(_buckets(scored, test, words, vocabulary, notes)),
        _sentences(scored, test, attend, notes),
        tuple(notes),
    )


def _by_line(system: System, result: Result, test: TestSet) -> list[float]:
    """chrF of each line: of one line it says more than BLEU."""
    measured = result.measured.get("chrf") or chrf.measured(Texts(system.hypotheses, test.references))
    return [measured.of([line]) for line in range(len(system.hypotheses))]


def _faults(system: System, test: TestSet, words: Words) -> list[list[str]]:
    sources: Sequence[str | None] = test.sources or [None for _ in system.hypotheses]
    texts = zip(sources, zip(*test.references, strict=True), system.hypotheses, strict=True)
    return [faulty.faults(faulty.Line(*text), words) for text in texts]


def _system(one: _Scored, test: TestSet, words: Words) -> SystemFacts:
    scores = {}
    for score in one.result.scores:
        known = one.result.confidence.get(score.name)
        scores[score.name] = ScoreFacts(score.score, score.signature)
        if known:
            interval, tests = (known.mean, known.half_width), (known.p_bootstrap, known.p_randomization)
            scores[score.name] = ScoreFacts(score.score, known.signature, *interval, *tests, known.differs)
    lines = len(one.faults)
    possible = [fault for fault in faulty.FAULTS if test.sources is not None or fault not in faulty.NEED_SOURCE]
    found = []
    for fault in possible:
        numbers = [number for number, names in enumerate(one.faults, 1) if fault in names]
        found.append(Fault(fault, len(numbers), len(numbers) / lines, tuple(_worst(numbers, one)[:SAMPLES])))
    run = one.system.run
    return SystemFacts(
        one.system.name,
        scores,
        faulty.length_ratio(one.system.hypotheses, test.references[0], words),
        tuple(found),
        _calibration(one),
        min(os.path.relpath(run.folder), str(run.folder), key=len) if run and (run.folder / "best").is_dir() else "",
    )


def _worst(numbers: list[int], one: _Scored) -> list[int]:
    return sorted(numbers, key=lambda number: one.chrf[number - 1])


def _calibration(one: _Scored) -> CalibrationFacts | None:
    known = [
        (probability, quality)
        for probability, quality in zip(one.system.probabilities or [], one.chrf, strict=False)
        if probability is not None
    ]
    found = calibration(*map(list, zip(*known, strict=True))) if known else None
    if found is None:
        return None
    bins = [(one.probability, one.quality) for one in found.bins]
    probabilities, qualities = zip(*bins, strict=True)
    return CalibrationFacts(probabilities, qualities, found.correlation)


def _differences(results: list[Result], watcher: Watcher) -> list[Difference]:
    """Each two of three systems or more; of two, the tests against the baseline say all."""
    if len(results) < 3 or not results[0].confidence:
        return []
    metrics = list(results[0].confidence)
    return [
        Difference(metric, results[one].name, results[other].name, p_value)
        for metric in watcher.follow("testing each two", metrics, len(metrics), "metrics")
        for one, other, p_value in between([result.measured[metric] for result in results])
    ]


def _buckets(
    scored: Sequence[_Scored],
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


def _of_lines(scored: Sequence[_Scored], by: str, unit: str, edges: Sequence[int], values: list[int]) -> list[Buckets]:
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


def _sentences(
    scored: Sequence[_Scored], test: TestSet, attend: Attend | None, notes: list[str]
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
        for number in _worst([n for n, names in enumerate(one.faults, 1) if fault in names], one)[:SAMPLES]
    }
    chosen["faults"] = sorted(faulted)
    wanted = sorted({line for some in chosen.values() for line in some})
    looked = _attention(scored, test, wanted, attend, notes) if attend else {}
    made = {line: _sentence(line, scored, test, looked.get(line, {})) for line in wanted}
    return {kind: tuple(made[line] for line in some) for kind, some in chosen.items()}


def _attention(
    scored: Sequence[_Scored], test: TestSet, lines: Sequence[int], attend: Attend, notes: list[str]
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
    return found


def _sentence(line: int, scored: Sequence[_Scored], test: TestSet, attention: dict[str, Attention]) -> Sentence:
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
