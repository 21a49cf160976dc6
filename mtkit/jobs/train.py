"""The job of training: prepared corpus -> run folder with log, checkpoints and the best bundle.

The loop (`mtkit.train.loop`) makes updates and says what is due; here it is saved, logged, validated and
shown. A signal is noted and obeyed between two steps of work, after saving.
"""

import contextlib
import math
import signal
import time
from dataclasses import replace

import torch

from mtkit import files
from mtkit.config import Loaded
from mtkit.corpus.batch import Batcher, FixedBatcher
from mtkit.corpus.sampler import Sampler
from mtkit.errors import DivergedError, RunError, Stopped
from mtkit.jobs import agreement, augmenting, choosing, mixed, parent, run_text
from mtkit.jobs.best import Best
from mtkit.jobs.cautions import little_learnt, relu_warning
from mtkit.jobs.origin import resolved
from mtkit.jobs.pauses import Pauses
from mtkit.jobs.preprocess import with_vocabulary
from mtkit.jobs.signals import Signals
from mtkit.jobs.validate import Cancelled, Validator
from mtkit.jobs.view import Facts, View
from mtkit.metrics.bleu import tokenizer_for
from mtkit.metrics.metric import LOSS
from mtkit.model.build import build
from mtkit.ops import native
from mtkit.ops.device import choose_device
from mtkit.store import bundle, checkpoint, log
from mtkit.store.board import Board
from mtkit.store.prepared import Prepared
from mtkit.store.run import Run
from mtkit.text.subwords import Subwords
from mtkit.text.tokenizer import Tokenizer
from mtkit.train import loop, precision, together
from mtkit.train.divergence import Divergence
from mtkit.train.graphs import Graphs
from mtkit.train.group import ALONE, Group, by_first
from mtkit.train.loss import Objective
from mtkit.train.plan import is_news
from mtkit.train.state import Progress, Training
from mtkit.train.updates import Updates

LOG_SECONDS = 1.0  # between the training steps that are logged


def train(
    loaded: Loaded,
    view: View,
    *,
    device: str = "auto",
    fresh: bool = False,
    command: str = "mtkit train",
    group: Group = ALONE,
) -> Progress:
    """Train the model of a config, going on where an interrupted run stopped.

    Args:
        command: what was called, to be noted in the bundle.
        group: whoever trains together; each of them calls this, with a view of its own.

    Raises:
        RunError: the run folder is in use, belongs to another config or lacks a part, or training diverged; or those
            who train together do not agree.
        Stopped: a signal came; all is saved.
    """
    loaded = resolved(loaded)
    chosen = choose_device(group.place(device))
    agreement.begin(group, loaded, chosen)
    for tag in loaded.config.data.directions:
        tokenizer_for(loaded.config.eval.tokenize, tag.languages[1])
    folder = loaded.run_folder
    prepared, made = run_text.prepared(loaded, view, fresh, group)
    loaded = with_vocabulary(loaded, prepared)
    if made:
        view.prepared(prepared)
    signals = Signals()
    job = _Job(loaded, prepared, Run(folder), view, chosen, signals, command, group)
    # Only now, when nothing of the user's is wrong any more, and once, however often torchrun starts it again.
    if fresh and group.rank == 0 and not group.was_done("fresh"):
        with files.lock(folder):
            if aside := Run(folder).set_aside():
                view.say(f'kept the old run as {aside.name}; name = "{aside.name}" goes on with it')
        group.note_done("fresh")
    with contextlib.ExitStack() as held:
        if group.rank == 0:
            held.enter_context(files.lock(folder))
        held.enter_context(signals.caught())
        progress = job.run()
    if progress.finished and progress.diverged:
        raise DivergedError(
            f"training has diverged: its best loss on dev is {progress.best_scores[LOSS]:,.2f}, no better than "
            "guessing; start anew with a lower train.lr",
            remedy="fresh",
        )
    return progress


class _Job:
    """One start of a run."""

    def __init__(
        self,
        loaded: Loaded,
        prepared: Prepared,
        run: Run,
        view: View,
        device: torch.device,
        signals: Signals,
        command: str,
        group: Group,
    ) -> None:
        self.loaded, self.group = loaded, group
        if group.rank:
            run.log = log.Unwritten()
        self.config, self.run_folder, self.log, self.view = loaded.config, run, run.log, view
        self.device, self.pauses = device, Pauses(signals, group)
        self.identity = prepared.manifest.identity
        tokenizers = [Tokenizer.read(path) for path in prepared.tokenizer_files]
        source, target = tokenizers[0], tokenizers[-1]
        batcher = Batcher(source.eos, target.bos, target.eos, device=device)
        self.validator = Validator(self.config, prepared, (source, target), batcher, self.pauses.check, group)
        self.tokenizers = tokenizers
        self.parent = parent.describe(loaded, tokenizers) if self.config.train.init_from else None
        self.best = Best(self.config, self.validator, run, tokenizers, prepared, view, command, group, self.parent)
        self.objective = Objective.of(self.config.train)
        self.batcher = replace(batcher, copies=self.objective.copies)
        self.shaped = is_shaped(device)
        if self.shaped:
            self.batcher = FixedBatcher(**vars(self.batcher), batch_tokens=self.config.train.batch_tokens)
        share = self.config.tokenizer.sample
        subwords = [Subwords(one, self.config.tokenizer.kind) for one in tokenizers if share]
        text = prepared.split("train").within((source.vocab_size, target.vocab_size), self.config.filter.max_pieces)
        self.sampler = Sampler(
            text,
            self.config.train.batch_tokens,
            self.config.seed,
            share,
            (subwords[0], subwords[-1]) if subwords else None,
            rank=group.rank,
            world=group.size,
            shaped=self.shaped,
            augmented=augmenting.of(self.config, text, (source, target)),
            shares=mixed.shares(self.config.data, text),
        )
        # A process without a batch would have no state of an optimiser to average with the others.
        if self.config.train.sync_every > 1 and self.sampler.batches(0) < group.size:
            raise RunError(
                "an epoch has fewer batches than there are processes, and with train.sync_every each needs one: use "
                "fewer processes or a lower train.batch_tokens"
            )
        torch.manual_seed(self.config.seed)
        model = build(
            self.config.model,
            source.vocab_size,
            target.vocab_size,
            shared=len(tokenizers) == 1,
            bptt_steps=self.config.train.bptt_steps,
        )
        model.to(device)
        choosing.refuse(self.config.train.precision, device, model)
        self.training = Training.begin(model, self.config.train, Progress())
        self.pieces = target.vocab_size
        self.logged_at = time.monotonic()
        self.told = 0  # of a time budget, how many updates it was said to be

    def run(self) -> Progress:
        for warning in (*self.validator.warnings, relu_warning(self.config)):
            if warning:
                self.view.warn(warning)
        by_first(self.group, self.begin)
        together.begin_alike(self.training, self.group)
        progress = self.training.progress
        measured = progress.validated == progress.update  # and what it said still stands
        if progress.finished and measured and (reached := loop.limit(progress, self.config.train)):
            self.view.say(f"this run is finished ({reached}): raise that limit to go on, or start anew", "fresh")
            return progress
        progress.reopen()
        if self.log.bytes < progress.log_bytes:
            self.view.warn(f"{self.log.path} has lost what was logged before update {progress.update:,}")
        self.log.cut(progress.log_bytes)
        self.regroup(progress)
        board = None
        if self.group.rank == 0:
            board = Board(self.run_folder.folder, progress.update, self.view.warn)
            self.log.heard.append(board.write)
        self.divergence = Divergence(self.config.train, self.pieces, progress)
        if not progress.precision:
            if self.parent:
                told = {"parent": self.parent.name, "sha256": self.parent.sha256, "took": self.parent.took}
                self.log.write(log.Inherited(update=0, **told))
            for line in augmenting.told(self.sampler.augmented):
                self.view.say(line)
            self.choose_precision(progress)
            self.save()
        if progress.precision != (here := precision.on(self.device, progress.precision)):
            self.view.warn(f"this run computes in {progress.precision}, which is for CUDA devices; here in {here}")
        parameters = sum(p.numel() for p in self.training.model.parameters())
        per_epoch = math.ceil(self.sampler.batches(0) / (self.config.train.accumulate * self.group.size))
        facts = Facts(
            parameters,
            len(self.sampler.split),
            per_epoch,
            str(self.device),
            progress.precision,
            progress.update,
            native=native.status().ready,
        )
        if drawn := mixed.told(self.sampler):
            self.view.say(drawn)
        self.view.begin(facts)
        self.log.write(log.Begin(update=progress.update, **vars(facts)))
        try:
            for event in loop.train(self.updates(), self.sampler, self.batcher, per_epoch, self.pauses.ask):
                self.handle(event, progress)
        except Cancelled:
            self.stop()
        finally:
            self.view.end()
            if board:
                board.close()
        return progress

    def begin(self) -> None:
        """Begin the run's folder, or go on with what it holds."""
        self.run_folder.check()
        if self.run_folder.begun:
            self.resume()
        else:
            self.run_folder.begin(self.config, self.identity)
        if self.config.train.init_from and not checkpoint.names(self.run_folder.checkpoints):
            self.begin_from()

    def regroup(self, progress: Progress) -> None:
        """Note how many train from here on, where it is not one, as it was."""
        before, size, threads = progress.processes, self.group.size, torch.get_num_threads()
        if size > 1:
            each = f"{threads} threads" if threads > 1 else "1 thread"
            self.view.say(f"{size} processes train together, {each} each")
        if before == size:
            return
        progress.group(size)
        self.log.write(log.Processes(update=progress.update, processes=size, before=before))
        if progress.update:
            batches = self.config.train.accumulate
            self.view.say(
                f"{_processes(before)} made this run's {progress.update:,} updates, {_processes(size)} will make the "
                f"next ones: of {batches * size} batches each, not {batches * before}"
            )

    def handle(self, event: loop.Event, progress: Progress) -> None:
        match event:
            case loop.Updated():
                self.view.updated(event, progress)
                self.log_update(event, progress)
                if warning := self.divergence.updated(event.losses):
                    self.view.warn(warning)
                if not event.settled:
                    return
                if self.pauses.saving:
                    self.save()
            case loop.Due():
                self.validate(progress)
            case loop.Planned(updates, before):
                self.log.write(log.Planned(update=progress.update, updates=updates))
                self.save()
                told = self.told or before
                if is_news(updates, told):
                    instead = f", not {told:,}" if told else ""
                    minutes = f"{self.config.train.max_minutes:g} minutes"
                    self.view.say(f"{minutes} are {updates:,} updates at this speed{instead}")
                    self.told = updates
            case loop.Halved(parts):
                self.log.write(log.Halved(update=progress.update, parts=parts))
                tokens, batches = self.config.train.batch_tokens // parts, self.config.train.accumulate * parts
                self.view.warn(
                    f"memory ran out at update {progress.update + 1:,}; from now on each batch is taken in "
                    f"{parts} parts, as with train.batch_tokens = {tokens} and train.accumulate = {batches}"
                )
            case loop.Refused(reason):
                self.view.warn(f"updates are made kernel by kernel, which is slower: {reason}")
            case loop.Finished(reason):
                if self.config.train.average:
                    self.best.average(self.training)
                self.log.write(log.Finished(update=progress.update, reason=reason, best=progress.best_scores))
                self.save()
                self.view.say(f"finished: {reason} reached")
                if warning := little_learnt(self.config, progress.update, reason):
                    self.view.warn(warning)
        if self.pauses.ending and not progress.finished:
            self.stop()

    def updates(self) -> Updates:
        """What makes updates on this device."""
        if not self.shaped:
            return Updates(self.training, self.config.train, self.config.seed, self.group)
        made = Graphs(self.training, self.config.train, self.config.seed, group=self.group)
        made.recording = self.config.train.graphs
        return made

    def stop(self) -> None:
        self.training.progress.reopen()  # if it ends inside the average, that is made when the run goes on
        self.save()
        received = self.pauses.received()
        raise Stopped(
            f"stopped at update {self.training.progress.update:,} by {signal.Signals(received).name}, all is saved; "
            f"{' '.join(self.best.command.split()[:2])} goes on from here",
            received,
        )

    def begin_from(self) -> None:
        """Take the weights of another model, with a fresh optimiser."""
        assert self.parent is not None
        one, languages = self.parent, (self.config.data.source_lang, self.config.data.target_lang)
        parent.take_over(self.training.model, self.loaded, self.tokenizers)
        progress = Progress(begun_from={f"{one.name}: {bundle.WEIGHTS}": one.sha256})
        self.training = Training.begin(self.training.model, self.config.train, progress)
        if languages != one.languages:
            pairs = [" to ".join(pair) for pair in (one.languages, languages)]
            self.view.warn(f"train.init_from translates {pairs[0]}, and this run {pairs[1]}")
        took = f": {one.took}" if self.config.train.init_parts else ""
        self.view.say(f"beginning with the weights of {one.name}{took}")

    def resume(self) -> None:
        changed = self.run_folder.resume(self.config, self.identity)
        for key, (old, new) in changed.items():
            self.view.say(f"changed since the last start: {key}: {old!r} -> {new!r}")
        # Only here: the others are told what stands there.
        for wrong in checkpoint.load(self.run_folder.checkpoints, self.training):
            self.view.warn(f"{wrong}; going on from the checkpoint before")
        progress = self.training.progress
        if self.parent and progress.begun_from and self.parent.sha256 not in progress.begun_from.values():
            self.view.warn(f"{self.parent.name} has changed since this run was begun from it: what it was is not told")
            self.best.parent = None
        self.best.find(progress)
        self.best.prune(progress)
        progress.begin(self.config.train.max_minutes)

    def choose_precision(self, progress: Progress) -> None:
        choice = choosing.choice(self.config.train.precision, self.device, self.training.model)
        name, reason = by_first(self.group, lambda: (choice.name, choice.reason))
        progress.decide_precision(name)
        self.view.say(f"precision {name} ({reason})")
        self.log.write(log.Precision(update=0, precision=name, reason=reason))

    def validate(self, progress: Progress) -> None:
        if together.differs(self.training, self.group):
            self.view.warn("processors that round otherwise have led weights apart: all go on with those of the first")
            together.level(self.training, self.group)
        gain, sample = self.best.validate(self.training)
        diverged, warning = self.divergence.validated(progress.scores[LOSS])
        if warning:
            self.view.warn(warning)
        if gain:
            progress.judge(diverged)
        # The bundle and kept weights stand before the checkpoint that speaks of them, and old weights go only after it:
        # killed in between, the run comes here again.
        self.save()
        self.best.prune(progress)
        self.view.validated(progress, gain and not diverged, sample)

    def save(self) -> None:
        if self.group.rank == 0:
            self.training.progress.note_log(self.log.bytes)
            checkpoint.save(self.run_folder.checkpoints, self.training)
        self.group.gathered(None)  # nobody goes on before it is written
        self.pauses.saved()

    def log_update(self, event: loop.Updated, progress: Progress) -> None:
        if time.monotonic() - self.logged_at < LOG_SECONDS and progress.update > 1:
            return
        self.logged_at = time.monotonic()
        self.log.write(
            log.Update(
                update=progress.update,
                epoch=progress.epoch,
                seconds=round(progress.seconds, 3),
                loss=event.loss,
                lr=event.lr,
                grad_norm=event.grad_norm,
                target_tokens=progress.target_tokens,
                tokens_per_second=round(event.target_tokens / event.seconds, 1),
                waited=round(event.waited, 5),
            )
        )


def _processes(count: int) -> str:
    return f"{count} processes" if count > 1 else "one process"


def is_shaped(device: torch.device) -> bool:
    """Whether training takes batches of a few shapes there, and records what it does."""
    return device.type == "cuda"
