"""The job of training: prepared corpus -> run folder with log, checkpoints and the best bundle.

The loop (`mtkit.train.loop`) makes updates and says what is due; here it is saved, logged, validated and
shown. A signal is noted and obeyed between two steps of work, after saving.
"""

import math
import time
from dataclasses import replace

import torch

from mtkit import files, registry
from mtkit.config import Loaded
from mtkit.corpus.batch import Batcher, FixedBatcher
from mtkit.corpus.sampler import Sampler
from mtkit.errors import DivergedError, Stopped
from mtkit.jobs import choosing, parent
from mtkit.jobs.best import Best
from mtkit.jobs.origin import resolved
from mtkit.jobs.preparing.inputs import Corpus, find
from mtkit.jobs.preprocess import preprocess, with_vocabulary
from mtkit.jobs.signals import Signals
from mtkit.jobs.validate import Validator
from mtkit.jobs.view import Facts, View
from mtkit.metrics.bleu import tokenizer_for
from mtkit.metrics.metric import LOSS
from mtkit.model.build import build
from mtkit.ops import native
from mtkit.ops.device import choose_device
from mtkit.schema import Config, chosen
from mtkit.store import bundle, checkpoint, log
from mtkit.store.board import Board
from mtkit.store.prepared import Prepared
from mtkit.store.run import Run
from mtkit.text.subwords import Subwords
from mtkit.text.tokenizer import Tokenizer
from mtkit.train import loop, precision
from mtkit.train.divergence import Divergence
from mtkit.train.graphs import Graphs
from mtkit.train.loss import Objective
from mtkit.train.state import Progress, Training
from mtkit.train.updates import Updates

SAVE_SECONDS = 60.0  # between checkpoints; validations save too
LOG_SECONDS = 1.0  # between the training steps that are logged


class _Cancelled(Exception):
    """A signal came inside a validation."""


def train(
    loaded: Loaded, view: View, *, device: str = "auto", fresh: bool = False, command: str = "mtkit train"
) -> Progress:
    """Train the model of a config, going on where an interrupted run stopped.

    Args:
        command: what was called, to be noted in the bundle.

    Raises:
        RunError: the run folder is in use, belongs to another config or lacks a part, or training diverged.
        Stopped: a signal came; all is saved.
    """
    loaded = resolved(loaded)
    chosen = choose_device(device)
    tokenizer_for(loaded.config.eval.tokenize, loaded.config.data.target_lang)
    folder = loaded.run_folder
    corpus = find(loaded) if fresh else going_on(loaded)
    prepared, made = preprocess(loaded, view, corpus)
    loaded = with_vocabulary(loaded, prepared)
    if made:
        view.prepared(prepared)
    signals = Signals()
    job = _Job(loaded, prepared, Run(folder), view, chosen, signals, command)
    if fresh:  # only now, when nothing of the user's is wrong any more
        with files.lock(folder):
            if aside := Run(folder).set_aside():
                view.say(f'kept the old run as {aside.name}; name = "{aside.name}" goes on with it')
    with files.lock(folder), signals.caught():
        progress = job.run()
    if progress.finished and progress.diverged:
        raise DivergedError(
            f"training has diverged: its best loss on dev is {progress.best_scores[LOSS]:,.2f}, no better than "
            "guessing; start anew with a lower train.lr",
            remedy="fresh",
        )
    return progress


def going_on(loaded: Loaded) -> Corpus:
    """The text of a config, as the run that it names was begun on it.

    Raises:
        RunError: that run is in use, lacks a part, or was begun with other settings or on other text: it is refused
            before any work.
    """
    run = Run(loaded.run_folder)
    if not run.folder.is_dir():
        return find(loaded)
    with files.lock(run.folder):
        run.check()
        if not run.begun:
            return find(loaded)
        run.agree(loaded.config)
        corpus = find(loaded).known_as(run.identity)
        run.agree(loaded.config, corpus.identity)
    return corpus


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
    ) -> None:
        self.loaded = loaded
        self.config, self.run_folder, self.log, self.view = loaded.config, run, run.log, view
        self.device, self.signals = device, signals
        self.identity = prepared.manifest.identity
        tokenizers = [Tokenizer.read(path) for path in prepared.tokenizer_files]
        source, target = tokenizers[0], tokenizers[-1]
        batcher = Batcher(source.eos, target.bos, target.eos, device=device)
        self.validator = Validator(self.config, prepared, (source, target), batcher, self.check)
        self.tokenizers = tokenizers
        self.parent = parent.describe(loaded, tokenizers) if self.config.train.init_from else None
        self.best = Best(self.config, self.validator, run, tokenizers, prepared, view, command, self.parent)
        self.objective = Objective.of(self.config.train)
        self.batcher = replace(batcher, copies=self.objective.copies)
        self.shaped = is_shaped(device)
        if self.shaped:
            self.batcher = FixedBatcher(**vars(self.batcher), batch_tokens=self.config.train.batch_tokens)
        share = self.config.tokenizer.sample
        subwords = [Subwords(one, self.config.tokenizer.kind) for one in tokenizers if share]
        self.sampler = Sampler(
            prepared.split("train").within((source.vocab_size, target.vocab_size), self.config.filter.max_pieces),
            self.config.train.batch_tokens,
            self.config.seed,
            share,
            (subwords[0], subwords[-1]) if subwords else None,
            shaped=self.shaped,
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
        self.saved_at = self.logged_at = time.monotonic()

    def run(self) -> Progress:
        for warning in (*self.validator.warnings, relu_warning(self.config)):
            if warning:
                self.view.warn(warning)
        self.run_folder.check()
        if self.run_folder.begun:
            self.resume()
        else:
            self.run_folder.begin(self.config, self.identity)
        if self.config.train.init_from and not checkpoint.names(self.run_folder.checkpoints):
            self.begin_from()
        progress = self.training.progress
        measured = progress.validated == progress.update  # and what it said still stands
        if progress.finished and measured and (reached := loop.limit(progress, self.config.train)):
            self.view.say(f"this run is finished ({reached}): raise that limit to go on, or start anew", "fresh")
            return progress
        progress.reopen()
        if self.log.bytes < progress.log_bytes:
            self.view.warn(f"{self.log.path} has lost what was logged before update {progress.update:,}")
        self.log.cut(progress.log_bytes)
        board = Board(self.run_folder.folder, progress.update, self.view.warn)
        self.log.heard.append(board.write)
        self.divergence = Divergence(self.config.train, self.pieces, progress)
        if not progress.precision:
            if self.parent:
                told = {"parent": self.parent.name, "sha256": self.parent.sha256, "took": self.parent.took}
                self.log.write(log.Inherited(update=0, **told))
            self.choose_precision(progress)
            self.save()
        if progress.precision != (here := precision.on(self.device, progress.precision)):
            self.view.warn(f"this run computes in {progress.precision}, which is for CUDA devices; here in {here}")
        parameters = sum(p.numel() for p in self.training.model.parameters())
        per_epoch = math.ceil(self.sampler.batches(0) / self.config.train.accumulate)
        facts = Facts(
            parameters,
            len(self.sampler.split),
            per_epoch,
            str(self.device),
            progress.precision,
            progress.update,
            native=native.status().ready,
        )
        self.view.begin(facts)
        self.log.write(log.Begin(update=progress.update, **vars(facts)))
        try:
            for event in loop.train(self.updates(), self.sampler, self.batcher, per_epoch, self.unsaved):
                self.handle(event, progress)
        except _Cancelled:
            self.stop()
        finally:
            self.view.end()
            board.close()
        return progress

    def handle(self, event: loop.Event, progress: Progress) -> None:
        match event:
            case loop.Updated():
                self.view.updated(event, progress)
                self.log_update(event, progress)
                if warning := self.divergence.updated(event.losses):
                    self.view.warn(warning)
                if not event.settled:
                    return
                if time.monotonic() - self.saved_at >= SAVE_SECONDS:
                    self.save()
            case loop.Due():
                self.validate(progress)
            case loop.Planned(updates, before):
                self.log.write(log.Planned(update=progress.update, updates=updates))
                self.save()
                instead = f", not {before:,}" if before else ""
                minutes = f"{self.config.train.max_minutes:g} minutes"
                self.view.say(f"{minutes} are {updates:,} updates at this speed{instead}")
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
                if progress.update < self.config.train.warmup and not reason.startswith("max_updates"):
                    self.view.warn(
                        f"training ended at update {progress.update:,}, while its rate was rising (train.warmup = "
                        f"{self.config.train.warmup}), so little was learnt; set a lower train.warmup and train longer "
                        "(train.max_epochs, train.max_updates), or give more text"
                    )
        if self.signals.received and not progress.finished:
            self.stop()

    def updates(self) -> Updates:
        """What makes updates on this device."""
        if not self.shaped:
            return Updates(self.training, self.config.train, self.config.seed)
        made = Graphs(self.training, self.config.train, self.config.seed)
        made.recording = self.config.train.graphs
        return made

    def unsaved(self) -> bool:
        """Whether all should be looked at, to be saved."""
        return bool(self.signals.received) or time.monotonic() - self.saved_at >= SAVE_SECONDS

    def check(self) -> None:
        if self.signals.received:
            raise _Cancelled

    def stop(self) -> None:
        self.training.progress.reopen()  # if it ends inside the average, that is made when the run goes on
        self.save()
        raise Stopped(
            f"stopped at update {self.training.progress.update:,} by {self.signals.name}, all is saved; "
            f"{' '.join(self.best.command.split()[:2])} goes on from here",
            self.signals.received,
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
        progress.decide_precision(choice.name)
        self.view.say(f"precision {choice.name} ({choice.reason})")
        self.log.write(log.Precision(update=0, precision=choice.name, reason=choice.reason))

    def validate(self, progress: Progress) -> None:
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
        self.training.progress.note_log(self.log.bytes)
        checkpoint.save(self.run_folder.checkpoints, self.training)
        self.saved_at = time.monotonic()

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


def is_shaped(device: torch.device) -> bool:
    """Whether training takes batches of a few shapes there, and records what it does."""
    return device.type == "cuda"


def relu_warning(config: Config) -> str:
    """What to say of a recurrence without bounds; "" where there is none."""
    sides = (config.model.encoder, config.model.decoder)
    cells = [name for side in sides for _, kind, name in chosen(side) if kind == "cell"]
    unbounded = [name for name in cells if registry.choice("cell", name).unbounded]
    if not unbounded:
        return ""
    clips = {f"train.{key}": getattr(config.train, key) for key in ("clip_norm", "clip_value")}
    on = " and ".join(f"{key} = {value:g}" for key, value in clips.items() if value)
    bounded = registry.having("cell", unbounded="")[0]
    state = f"gradients are clipped ({on})" if on else f"clipping is off: set train.clip_norm, or use cell {bounded}"
    name = unbounded[0]
    return f"cell {name}: {registry.choice('cell', name).unbounded} have no bound and can explode; {state}"
