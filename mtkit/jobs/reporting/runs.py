"""What a report says of a run: its curves, its model in words, and what it was trained on."""

import errno
import math
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from mtkit import files, reading
from mtkit.config import Loaded
from mtkit.corpus.shards import Split
from mtkit.errors import MtkitError
from mtkit.jobs.texts import used
from mtkit.metrics.metric import LOSS, gain, shown
from mtkit.registry import CHOICES
from mtkit.report.description import architecture
from mtkit.report.findings import (
    Bars,
    Curve,
    Dropped,
    Overlap,
    RunFacts,
    SideLengths,
    SplitFacts,
    TextFacts,
)
from mtkit.store import log
from mtkit.store.prepared import Overlap as Shared
from mtkit.store.prepared import Prepared
from mtkit.store.prepared import SideLengths as Lengths
from mtkit.store.run import Run

POINTS = 150  # of a curve at most: losses of single batches go up and down, and hide where they go together
SAMPLES = 5  # pairs of each rule
SAID = 3  # damaged lines that are told one by one
EDGES = (0, 5, 10, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200)  # of sentences, in pieces


@dataclass
class RunFolder:
    """A run as it was found.

    Attributes:
        config: what it was begun with; None: that cannot be read.
        notes: what is missing or damaged.
    """

    folder: Path
    name: str
    config: Loaded | None = None
    identity: str = ""
    notes: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, folder: Path, name: str) -> "RunFolder":
        """Read what a run notes of itself."""
        found = cls(folder, name)
        try:
            run = Run(folder)
            root = folder.absolute().parent.parent  # of what the paths of its config start at
            found.config = Loaded(config=run.config, folder=root, origin=str(folder))
            found.identity = run.identity
        except MtkitError as error:
            found.notes.append(reading.line(str(error)))
        return found


def is_run(folder: Path) -> bool:
    """Whether a folder is one of a run, whole or not."""
    return (folder / "log.jsonl").exists() or (
        (folder / "config.json").exists() and not (folder / "model.safetensors").exists()
    )


def run_facts(run: RunFolder) -> RunFacts:
    """All that a report says of a run but its translations; what cannot be read is a note."""
    notes = list(run.notes)
    about = dict[str, str]()
    if run.config:
        config = run.config.config
        about["languages"] = ", ".join(" to ".join(tag.languages) for tag in config.data.directions)
        about["training text"] = ", ".join(dict.fromkeys(text.path for text in config.data.train))
        about |= architecture(config.model)
        about["seed"] = str(config.seed)
    metric = run.config.config.train.metric if run.config else ""
    told = _Told(about, metric if metric in (LOSS, *CHOICES["metric"]) else "")
    odd = 0
    for event in _events(run.folder / "log.jsonl", notes):
        try:
            told.take(event)
        except (TypeError, ValueError, AttributeError, OverflowError):
            odd += 1
    if odd:
        notes.append(f"{odd:,} lines of the log hold something else than numbers where numbers are expected")
    rows = told.rows
    if rows and not any(name.startswith("dev ") for name in rows):
        notes.append("no validation is finished: nothing is known of dev yet")
    if not rows:
        notes.append("the log says of no update: there are no curves")
    curves = {name: curve for name, points in rows.items() if (curve := _curve(name, points, notes)).updates}
    return RunFacts(run.name, about, curves, told.best, told.ended, told.minutes, _text(run, notes), tuple(notes))


class _Told:
    """What the events of a log say together."""

    def __init__(self, about: dict[str, str], metric: str) -> None:
        self.about, self.metric = about, metric
        self.rows: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
        self.best: dict[str, float] = {}
        self.ended = ""
        self.minutes: float | None = None

    def take(self, event: log.Event) -> None:
        """Note what an event says.

        Raises:
            TypeError, ValueError, AttributeError, OverflowError: somebody has written it who is not mtkit.
        """
        match event:
            case log.Begin():
                self.about["parameters"] = f"{event.parameters:,}"
                self.about |= {"device": str(event.device), "precision": str(event.precision)}
            case log.Update():
                self.minutes = event.seconds / 60
                for key in ("loss", "lr", "grad_norm", "tokens_per_second"):
                    self.rows[key].append((int(event.update), float(getattr(event, key))))
            case log.Validation():
                self.minutes, self.ended = event.seconds / 60, ""
                for metric, score in event.scores.items():
                    self.rows[f"dev {_shown(metric)}"].append((int(event.update), float(score)))
                scores = {metric: float(score) for metric, score in event.scores.items()}
                if self.metric in scores and (
                    not self.best or gain(self.metric, scores[self.metric]) > gain(self.metric, self.best[self.metric])
                ):
                    self.best = scores
            case log.Finished():
                self.best = {metric: float(score) for metric, score in event.best.items()}
                self.ended = str(event.reason)


def _shown(metric: str) -> str:
    try:
        return shown(metric)
    except KeyError:  # of a plug-in that is not here
        return metric


def _events(path: Path, notes: list[str]) -> list[log.Event]:
    """What of a log can be read."""
    damaged, events = list[str](), list[log.Event]()
    try:
        for event in log.read(path, damaged.append):
            events.append(event)
    except MtkitError as error:
        damaged.append(str(error))
    notes.extend(reading.line(one) for one in damaged[:SAID])
    if len(damaged) > SAID:
        notes.append(f"{len(damaged) - SAID:,} more lines of {path} like that")
    return events


def _curve(name: str, points: list[tuple[int, float]], notes: list[str]) -> Curve:
    """Points of numbers only, and means of some each where there are many."""
    finite = [(update, value) for update, value in points if math.isfinite(value)]
    if len(finite) < len(points):
        notes.append(f"{name} is no finite number in {len(points) - len(finite):,} of {len(points):,} lines of the log")
    step = max(1, math.ceil(len(finite) / POINTS))
    if step > 1:
        parts = [finite[start : start + step] for start in range(0, len(finite), step)]
        finite = [(part[-1][0], sum(value for _, value in part) / len(part)) for part in parts]
    return Curve(tuple(update for update, _ in finite), tuple(value for _, value in finite))


def prepared_of(run: RunFolder) -> Prepared:
    """The text that a run was prepared on.

    Raises:
        FileNotFoundError: it is not there.
        DataError: it is damaged or of a newer version.
    """
    assert run.config, "whoever asks has looked"
    data = run.config.config.data
    folder = run.config.folder / "prepared" / f"{data.source_lang}-{data.target_lang}-{run.identity}"
    if not folder.exists():
        raise FileNotFoundError(errno.ENOENT, "it is not there", str(folder))
    return Prepared.open(folder)


def _text(run: RunFolder, notes: list[str]) -> TextFacts | None:
    if run.config is None:
        return None
    try:
        prepared = prepared_of(run)
        report = prepared.report()
    except FileNotFoundError as error:
        notes.append(f"nothing is said of the training text: it does not lie prepared in {error.filename} any more")
        return None
    except MtkitError as error:
        notes.append(f"what it was trained on is not known: {reading.line(str(error))}")
        return None
    try:
        lengths = _lengths(prepared.split("train"))
    except MtkitError as error:
        notes.append(reading.line(str(error)))
        lengths = None
    splits = [SplitFacts(name, one.pairs, _side(one.source), _side(one.target)) for name, one in report.splits.items()]
    dropped = [
        Dropped(rule, pairs, tuple(report.dropped_samples.get(rule, ())[:SAMPLES]))
        for rule, pairs in sorted(report.dropped.items(), key=lambda item: -item[1])
        if pairs
    ]
    overlap = [_overlap(name, one) for name, one in (report.train_overlap | _of_tests(run.config, prepared)).items()]
    return TextFacts(
        prepared.folder.name,
        report.pairs_read,
        tuple(splits),
        tuple(dropped),
        report.duplicates,
        tuple(overlap),
        lengths,
        report.warnings,
    )


def _overlap(name: str, one: Shared) -> Overlap:
    return Overlap(name, one.found if one.of else one.pair, one.found_source if one.of else one.source, one.of)


def _of_tests(config: Loaded, prepared: Prepared) -> dict[str, Shared]:
    """What the test sets of a config have in common with train, if that was found out for the files that are there."""
    try:
        readers = [use.reader for use in used(config, config.config.data.test)]
        there = sorted(files.sha256(path) for reader in readers for path in reader.files)
    except (MtkitError, OSError):
        return {}  # that they are missing is said where they are wanted
    reports = (prepared.test_report(path.name) for path in sorted(prepared.folder.glob("test-*.json")))
    # Not by their names: folders may have been moved.
    return next((report.overlap for report in reports if report and sorted(report.inputs.values()) == there), {})


def _side(one: Lengths) -> SideLengths:
    return SideLengths(
        one.mean_pieces,
        one.median_pieces,
        one.p95_pieces,
        one.max_pieces,
        one.pieces_per_word,
        one.share_of_byte_pieces,
    )


def _lengths(split: Split) -> Bars:
    """How many sentences are how long.

    Raises:
        DataError: a file is missing or damaged.
    """
    import numpy as np

    edges = [*EDGES, np.iinfo(np.int64).max]
    counts = np.zeros((2, len(EDGES)), np.int64)
    for number in range(len(split.shards)):
        shard = split.map(number)
        for side, one in enumerate((shard.source, shard.target)):
            counts[side] += np.histogram(one.lengths, edges)[0]
    return Bars(EDGES, tuple(counts[0].tolist()), tuple(counts[1].tolist()))
