"""The data report of a corpus that was encoded, and what of it is said at once."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mtkit.errors import DataError
from mtkit.jobs.listener import Listener
from mtkit.jobs.preparing.encode import Encoded
from mtkit.jobs.preparing.inputs import Corpus, shown
from mtkit.jobs.preparing.overlap import warning
from mtkit.jobs.preparing.plan import Plan, Reading
from mtkit.store import prepared
from mtkit.text import filters, quality

MUCH = 0.2  # share of pairs lost that is warned of


def make_report(
    corpus: Corpus,
    plan: Plan,
    train: Sequence[Encoded],
    dev: Sequence[Encoded],
    overlap: dict[str, prepared.Overlap],
    vocab_size: tuple[int, int],
    warnings: Sequence[str],
) -> prepared.Report:
    """What was read, dropped and written, in all and by entry.

    Raises:
        DataError: no pair is left to train on, or none for dev.
    """
    augmented = corpus.train.treatment.case_augment > 0
    parts = [
        _part(reading, duplicates, one, augmented)
        for reading, duplicates, one in zip(plan.readings, plan.duplicates, train, strict=True)
    ]
    dropped = sum((_dropped(*both) for both in zip(plan.readings, train, strict=True)), filters.Drops())
    repaired = sum((reading.repaired for reading in plan.readings), filters.Drops({}, {}))
    if empty := next((one.part.name for one in dev if not one.part.pairs), ""):
        raise DataError(f"no pair of {empty} is left after filter.max_pieces; set data.dev to other text")
    if not sum(part.pairs for part in parts):
        raise DataError(
            "no training pair is left after the filters: "
            + ", ".join(f"{rule} {count}" for rule, count in dropped.counts.items() if count)
            + "; loosen [filter] or check the text"
        )
    read = sum(part.pairs_read for part in parts)
    splits = {"train": train, "dev": dev}
    lengths = {name: quality.Lengths.merged([one.tally.lengths for one in split]) for name, split in splits.items()}
    return prepared.Report(
        **prepared.CORPUS_REPORT.head(),
        pairs_read=read,
        pairs={name: sum(one.part.pairs for one in split) for name, split in splits.items()},
        held_out=not corpus.dev,
        dropped=dropped.counts,
        dropped_samples=_samples(dropped),
        repaired=repaired.counts or None,
        repaired_samples=_samples(repaired) or None,
        share_dropped=dropped.total / read,
        duplicates=sum(plan.duplicates),
        crlf_lines={
            shown(Path(name)): count for entry in corpus.train.entries for name, count in entry.reader.crlf.items()
        },
        folded=sum(reading.changed for reading in plan.readings),
        splits={split: prepared.Lengths.model_validate(some.summary()) for split, some in lengths.items()},
        train_overlap=overlap,
        vocab_size=vocab_size,
        case_copies=_copies(train) if augmented else None,
        parts=tuple(parts),
        warnings=(
            *warnings,
            *_much_lost(dropped, read),
            *filter(None, (warning(name, counts) for name, counts in overlap.items())),
        ),
    )


def say_copies(report: prepared.Report, listener: Listener) -> None:
    """Say how many copies in other cases were added, if there were to be any."""
    if copies := report.case_copies:
        listener.say(
            f"copies added to train: {copies.upper:,} in upper case, {copies.title:,} in title case "
            f"({sum(copies.dropped.values()):,} dropped)"
        )


def say_folded(report: prepared.Report, listener: Listener) -> None:
    """Say how many pairs were read as others that look the same, if any."""
    if report.folded:
        listener.say(
            f"spaces, invisible characters and accents made uniform in {report.folded:,} of {report.pairs_read:,} pairs"
        )


def _much_lost(dropped: filters.Drops, read: int) -> Iterator[str]:
    """That a large share of the text was dropped, if it was."""
    if dropped.total > MUCH * read:
        worst = max(dropped.counts, key=dropped.counts.__getitem__)
        yield (
            f"{floored(dropped.total / read)} of the training pairs were dropped ({dropped.total:,} of {read:,}), "
            f"most by the rule {worst!r}; samples are in report.json"
        )


def floored(share: float) -> str:
    """A share in percent that says 100 only where it is all: with a decimal from 99 on, and never rounded up."""
    return f"{int(share * 1000) / 10:g}%" if 0.99 <= share < 1 else f"{share:.0%}"


def _part(reading: Reading, duplicates: int, one: Encoded, augmented: bool) -> prepared.PartReport:
    dropped = _dropped(reading, one)
    return prepared.PartReport(
        name=one.part.name,
        entry=one.part.entry,
        pairs_read=reading.read,
        pairs=one.part.pairs,
        held_out=len(one.tally.held_out),
        dropped=dropped.counts,
        dropped_samples=_samples(dropped),
        repaired=reading.repaired.counts or None,
        duplicates=duplicates,
        lengths=prepared.Lengths.model_validate(one.tally.lengths.summary()),
        case_copies=_copies([one]) if augmented else None,
    )


def _dropped(reading: Reading, one: Encoded) -> filters.Drops:
    """What both readings of an entry dropped."""
    return reading.dropped + one.tally.dropped


def _samples(dropped: filters.Drops) -> prepared.Samples:
    return {rule: [(left, right) for left, right in some] for rule, some in dropped.samples.items() if some}


def _copies(parts: Sequence[Encoded]) -> prepared.CaseCopies:
    dropped = sum((one.tally.copies_dropped for one in parts), filters.Drops())
    made = {name: sum(one.tally.copies[name] for one in parts) for name in parts[0].tally.copies}
    return prepared.CaseCopies(**made, dropped=dropped.counts)
