"""The job of adapting: a bundle made fit for a text in minutes, without forgetting what it was good at.

It is a run like any other, with a config made of the bundle's own and of the size of the text. What comes before
and after is here: whether the text can be right, and what the run has changed for better and for worse.
"""

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from mtkit import config as configs
from mtkit import files
from mtkit.config import Loaded
from mtkit.errors import RunError
from mtkit.jobs import parent
from mtkit.jobs.adapting import doubts, known, measuring, mixing, settings, text
from mtkit.jobs.adapting.known import Known
from mtkit.jobs.adapting.text import Text
from mtkit.jobs.listener import Listener
from mtkit.jobs.train import train
from mtkit.jobs.view import View
from mtkit.model.seq2seq import Seq2Seq
from mtkit.ops.device import choose_device
from mtkit.report.card import card
from mtkit.report.training import Measured, TrainingFacts
from mtkit.schema import Filter
from mtkit.store import bundle
from mtkit.store.bundle import Bundle
from mtkit.store.run import Run
from mtkit.text import filters
from mtkit.text.readers.reader import Pair, Reader, locate
from mtkit.train.group import ALONE, Group, by_first
from mtkit.translator import telling
from mtkit.translator.member import Member

MEASURED = 500  # pairs of a text, at most
SHARES = (1.0, 0.85, 0.7, 0.55, 0.4, 0.2, 0.0)  # of what was learnt that may be taken
SHARE = 0.7  # at most, where nothing is known of what the parent was good at
UNSAFE = re.compile(r"[\s/]+")
RULES = filters.TextRules(Filter().max_chars, Filter().drop_copies)


@dataclass(frozen=True)
class Adaptation:
    """An adaptation that can begin.

    Attributes:
        loaded: its config, and where it is.
        parent: the folder of the bundle that it begins from.
        texts: what is measured on, by name: what was held out or given, and what its parents were validated on; [] for
            all but the first of those who train together.
    """

    loaded: Loaded
    parent: Path
    texts: list[tuple[str, list[Pair]]]

    def run(self, view: View, *, device: str, fresh: bool, command: str, group: Group = ALONE) -> TrainingFacts | None:
        """Train, or go on with it, and measure; returns what the bundle says of it, to the first of a group.

        Raises:
            RunError: the run folder is in use, belongs to another config or lacks a part, or training diverged.
            Stopped: a signal came; all is saved.
        """
        train(self.loaded, view, device=device, fresh=fresh, command=command, group=group)
        facts = None
        if group.rank == 0:
            run = Run(self.loaded.run_folder)
            with files.lock(run.folder):
                facts = self._finish(run, choose_device(group.place(device)), view)
        group.gathered(None)  # nobody leaves before it is written
        return facts

    def _finish(self, run: Run, device: torch.device, listener: Listener) -> TrainingFacts:
        """Choose how much of what was learnt is taken, and write that with what it scores; once a run."""
        made = bundle.load(run.best, device)
        facts = made.config.training
        assert facts is not None, "training writes its facts"
        if facts.measured:
            return facts
        config = configs.parse(facts.config, str(run.best), whole=True)
        loaded = self.loaded.model_copy(update={"config": config})
        tokenizers = [made.source_tokenizer, made.target_tokenizer][: len(made.config.tokenizers)]
        told = parent.describe(loaded, tokenizers)
        if facts.parent is None or told.sha256 != facts.parent.sha256:
            raise RunError(
                f"{self.parent} has changed since {run.folder} was begun from it: put it back, or start anew",
                remedy="fresh",
            )
        start = copy.deepcopy(made.model)
        parent.take_over(start, loaded, tokenizers)
        listener.say("measuring, before and after")
        languages = made.source_lang, made.target_lang
        texts = [measuring.masked(made.config.spans, languages, pairs) for _, pairs in self.texts]
        share = self._share(start, made, texts)
        model = mixing.mixed(start, made.model, share)
        before, after = Member.of(bundle.load(self.parent, device)), replace(Member.of(made), model=model)
        asked = config.eval
        measured = []
        for name, pairs in self.texts:
            then, _ = measuring.everything(before, pairs, languages, config.decode, asked)
            now, signatures = measuring.everything(after, pairs, languages, config.decode, asked)
            measured.append(Measured(text=name, pairs=len(pairs), before=then, after=now, signatures=signatures))
        mine = measured[0]  # which is dev, of which the card speaks first
        changed = {"scores": facts.scores | mine.after, "signatures": facts.signatures | mine.signatures}
        facts = facts.model_copy(update={"share": share, "measured": measured} | (changed if share < 1 else {}))
        about = made.config.model_copy(update={"training": facts})
        bundle.write(run.best, model, tokenizers, about, card(config, facts))
        return facts

    def _share(self, start: Seq2Seq, made: Bundle, texts: Sequence[Sequence[Pair]]) -> float:
        """How much of what was learnt is taken: what makes its loss on its own text and on those of before small, of
        which the latter count as one."""
        tokenizers, head = (made.source_tokenizer, made.target_tokenizer), telling.first(Member.of(made))

        def total(share: float) -> float:
            model = mixing.mixed(start, made.model, share)
            own, *others = (measuring.loss(model, tokenizers, pairs, made.max_pieces, head) for pairs in texts)
            return own + sum(others) / max(1, len(others))

        return min((share for share in SHARES if len(texts) > 1 or share <= SHARE), key=total)


def prepare(
    model: Path,
    texts: Sequence[Path],
    *,
    name: str = "",
    dev: Path | None = None,
    minutes: float = 0,
    extend: int = 0,
    overrides: Sequence[str] = (),
    device: str = "auto",
    fresh: bool = False,
    listener: Listener,
    group: Group = ALONE,
) -> Adaptation:
    """Look at model and text, refuse what cannot be meant, and make a config of the rest. Relative paths start here.

    Args:
        name: of the run; "": by those of model and text.
        dev: text to measure on; None: some of the text is held out.
        minutes: to be spent at most; 0: by the size of the text.
        extend: pieces, at most, that its vocabulary gets for what it writes in many.
        overrides: KEY=VALUE, of keys of the config.
        fresh: the run is to start anew.
        group: whoever trains together: the first one does it, for all.

    Raises:
        BundleError: there is no such model, or it is damaged.
        DataError: a text cannot be read, is too short, or its sides are swapped.
        ConfigError: what is to be overridden cannot be.
    """
    here, texts_at = Path.cwd(), list[tuple[str, list[Pair]]]()

    def looked() -> tuple[dict[str, Any], str]:
        found = bundle.load(model, choose_device(group.place(device)))
        languages = (found.source_lang, found.target_lang)
        readers = [locate(_place(path), *languages) for path in texts]
        given = locate(_place(dev), *languages) if dev else None
        called = name or UNSAFE.sub("-", f"{_called(found)}-{text.called(readers[0])}").lstrip(".")
        run = Run(here / "runs" / called)
        begun = run.config.train if run.begun and not fresh else None
        if begun is None:
            _doubt(found, readers, " and ".join(map(str, texts)), listener)
        before = known.at_hand(found, str(model), here)
        tokenizers = dict(zip(found.config.tokenizers, (found.source_tokenizer, found.target_tokenizer), strict=False))
        division = text.Division(readers, given, before, RULES, tokenizers if extend else {}, extend)
        divided = division.gather(here / "prepared")
        listener.say(_told(divided, before))
        for what, pairs in ((divided.name, divided.dev), *before.dev.items()):
            texts_at.append((f"dev of {what}", pairs[:MEASURED]))
        table = settings.table(
            found,
            divided,
            name=called,
            init_from=str(model),
            minutes=minutes,
            processes=group.size,
            begun=begun,
        )
        return table, str(found.folder)

    table, parent_at = by_first(group, looked)
    return Adaptation(configs.made(table, list(overrides), "mtkit adapt", here), Path(parent_at), texts_at)


def _doubt(found: Bundle, readers: Sequence[Reader], what: str, listener: Listener) -> None:
    """Warn of a text that can hardly be meant."""
    some = text.sample(readers, doubts.ASKED, (), RULES)
    if len(some) >= text.LEAST and (warning := doubts.doubt(found, some, what)):
        listener.warn(warning)


def _place(path: Path) -> Path:
    """Where a text is: mtkit:NAME comes with mtkit, as in a config."""
    name = str(path)
    return configs.bundled(name.removeprefix(configs.BUNDLED)) if name.startswith(configs.BUNDLED) else path


def _called(found: Bundle) -> str:
    """What people call a bundle: its folder, or that of its run."""
    folder = found.folder.resolve()
    return folder.parent.name if folder.name == "best" else folder.name


def _told(divided: Text, before: Known) -> str:
    """What is done with the text, in a line."""
    if divided.again:
        again = f"{divided.again:,} of the parent's own are read again meanwhile"
    else:
        again = "no text of the parent is at hand to be read again"
    return f"{divided.pairs:,} pairs to learn from, {len(divided.dev):,} to measure on; {again}"
