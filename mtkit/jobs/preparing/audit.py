"""The training text before anything is made of it: what each rule drops, and what those that are off would find."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mtkit.config import Loaded
from mtkit.jobs.listener import Listener
from mtkit.jobs.origin import resolved
from mtkit.jobs.preparing.chunks import usual_workers
from mtkit.jobs.preparing.inputs import find
from mtkit.jobs.preparing.looking import TWICE, EntryLooked, Found, Look, look_at
from mtkit.jobs.preprocess import check_rules
from mtkit.jobs.sharing import Processes, Share
from mtkit.report.audit import AuditFacts, RuleFacts, Sample
from mtkit.schema import Filter, described
from mtkit.schema.cleaning import PRESETS
from mtkit.store.prepared import PartReport, Prepared
from mtkit.text.cleaning import language
from mtkit.text.cleaning.rules import REPAIRS, RULES

OWN = {"min_score": "The text gives it a score below the corpus's min_score.", "empty": "A side is empty."}
"""Rules that are no keys of [filter], and what they are."""
SIMPLE = (*OWN, "max_chars", "drop_copies")
BY_PIECES = ("max_pieces", "max_ratio")
LANGUAGE_UP_TO = 1 << 24  # bytes of text on disk up to which languages are guessed though nobody asked for it
Counted = Iterable[tuple[int, tuple[Sample, ...]]]
"""Of each entry how many pairs, and some of them."""


def audit(
    loaded: Loaded, listener: Listener, share: Share | None = None, prepared: Prepared | None = None
) -> AuditFacts:
    """Look at the training text of a config.

    Args:
        share: who shares the work; None: as many processes as pay.
        prepared: what was made of it, for the rules on pieces; None: nothing was.

    Raises:
        DataError: the text, or what a model says of it, cannot be read.
        ConfigError: a rule cannot work here.
        WorkerError: a process has died.
    """
    loaded = resolved(loaded)
    config, text = loaded.config, find(loaded).train
    check_rules(text, config)
    on = config.filter.cleaning()
    might = {key: value for key, value in PRESETS["web"].items() if key in RULES or key in REPAIRS}
    notes = [oddity for entry in text.entries for oddity in entry.reader.oddities()]
    if not language.available():
        del might["language"]
    elif "language" not in on and sum(path.stat().st_size for path in text.files) > LANGUAGE_UP_TO:
        del might["language"]
        notes.append("language was not tried: on so much text it takes minutes; filter.language = 0.5 tries it")
    off = {key: value for key, value in might.items() if key not in on}
    look = Look(text.treatment, tuple(off.items()))
    listener.say("looking at " + ", ".join(path.name for path in text.files))
    with TemporaryDirectory() as scratch:
        entries = look_at(text, look, Path(scratch), share or Processes(usual_workers(text.files)))
    rules = _Rules(config.filter, entries)
    dropped = [*rules.dropped(on, bool(config.filter.score))]
    if prepared:
        dropped += rules.by_pieces(prepared.report().parts)
    return AuditFacts(
        tuple(entry.tag.languages for entry in text.entries),
        tuple(entry.name for entry in text.entries),
        tuple(entry.read for entry in entries),
        tuple(dropped),
        tuple(rules.repaired(on)),
        tuple(rules.off(off)),
        prepared is not None,
        tuple(notes),
    )


class _Rules:
    """What rules find, in the words of the page."""

    def __init__(self, table: Filter, entries: Sequence[EntryLooked]) -> None:
        self._table, self._entries = table, entries
        self._lines = described.lines(Filter)

    def dropped(self, on: dict[str, Any], scored: bool) -> Iterator[RuleFacts]:
        """The rules that are on, in their order."""
        names = [*SIMPLE, *(name for name in (*REPAIRS, *RULES) if name in on), *(["score"] if scored else [])]
        for name in names:
            if name == "drop_copies" and not self._table.drop_copies:
                continue
            yield self._facts(name, self._of(lambda entry: entry.dropped, name))
        for name in TWICE:
            if getattr(self._table, name):
                yield self._facts(name, self._twice(name))

    def by_pieces(self, parts: Sequence[PartReport]) -> Iterator[RuleFacts]:
        """Those on lengths in pieces, as they were found when the text was prepared."""
        for name in BY_PIECES:
            samples = [tuple((pair,) for pair in part.dropped_samples.get(name, ())) for part in parts]
            yield self._facts(name, zip((part.dropped[name] for part in parts), samples, strict=True))

    def repaired(self, on: dict[str, Any]) -> Iterator[RuleFacts]:
        """What puts pairs right."""
        for name in REPAIRS:
            if on.get(name) == "repair":
                yield self._facts(name, self._of(lambda entry: entry.repaired, name))

    def off(self, settings: dict[str, Any]) -> Iterator[RuleFacts]:
        """The rules that are off, with values that they might have."""
        for name, value in settings.items():
            yield self._facts(name, self._of(lambda entry: entry.off, name), value)
        for name in TWICE:
            if not getattr(self._table, name):
                yield self._facts(name, self._twice(name), True)

    def _facts(self, name: str, counted: Counted, value: Any = None) -> RuleFacts:
        pairs, samples = zip(*counted, strict=True)
        if name in OWN:
            return RuleFacts(name, "", OWN[name], pairs, samples)
        said = getattr(self._table, name) if value is None else value
        shown = str(said).lower() if isinstance(said, bool) else f'"{said}"' if isinstance(said, str) else str(said)
        return RuleFacts(name, f"{name} = {shown}", self._lines[name], pairs, samples)

    def _of(self, which: Callable[[EntryLooked], Found], name: str) -> Counted:
        return [(which(entry).counts[name], which(entry).samples(name)) for entry in self._entries]

    def _twice(self, name: str) -> Counted:
        return [entry.twice.get(name, (0, ())) for entry in self._entries]
