"""What a report says of systems on a test set: scores and tests, groups of lines and words, faults, sentences."""

import os
from collections.abc import Callable, Sequence

from mtkit.jobs.evaluate import Result, Watcher, score_lines, with_confidence
from mtkit.jobs.reporting.groups import Vocabulary, buckets
from mtkit.jobs.reporting.scored import Scored, samples
from mtkit.jobs.reporting.sentences import Attend, sentences
from mtkit.jobs.reporting.systems import System, TestSet
from mtkit.metrics import faults as faulty
from mtkit.metrics import words as wording
from mtkit.metrics.calibration import calibration
from mtkit.metrics.chrf import chrf
from mtkit.metrics.metric import Texts
from mtkit.metrics.significance import between
from mtkit.metrics.words import Words
from mtkit.report.findings import (
    CalibrationFacts,
    Difference,
    Fault,
    ScoreFacts,
    SystemFacts,
    TestFacts,
)


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
        Scored(system, result, _by_line(system, result, test), _faults(system, test, words))
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
        tuple(buckets(scored, test, words, vocabulary, notes)),
        sentences(scored, test, attend, notes),
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


def _system(one: Scored, test: TestSet, words: Words) -> SystemFacts:
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
        found.append(Fault(fault, len(numbers), len(numbers) / lines, tuple(samples(numbers, one, len(test.systems)))))
    run = one.system.run
    return SystemFacts(
        one.system.name,
        scores,
        faulty.length_ratio(one.system.hypotheses, test.references[0], words),
        tuple(found),
        _calibration(one),
        min(os.path.relpath(run.folder), str(run.folder), key=len) if run and (run.folder / "best").is_dir() else "",
    )


def _calibration(one: Scored) -> CalibrationFacts | None:
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
