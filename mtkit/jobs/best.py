"""The best model of a run: what a validation says of it, its bundle, and the average of several at the end."""

import copy
import time

from mtkit import files
from mtkit.errors import BundleError, RunError
from mtkit.jobs.listener import Listener
from mtkit.jobs.validate import Sample, Validator
from mtkit.metrics.metric import gain as metric_gain
from mtkit.metrics.metric import told
from mtkit.model import tensors
from mtkit.model.seq2seq import Seq2Seq
from mtkit.report.card import card
from mtkit.report.training import Parent, TrainingFacts
from mtkit.schema import Config
from mtkit.store import bundle, bundle_config
from mtkit.store.log import Average, Directions, Validation
from mtkit.store.prepared import Prepared
from mtkit.store.run import Run
from mtkit.text.tokenizer import Tokenizer
from mtkit.train import averaging
from mtkit.train.group import ALONE, Group, by_first
from mtkit.train.state import Kept, Progress, Training


class Best:
    """Keeps the best bundle of a run, and the weights that may be averaged into a better one.

    Args:
        tokenizers: of both sides, or of source and target.
        prepared: what is trained on.
        listener: is told of the average.
        command: what was called.
        parent: the model that the run was begun from, if there is one.
        group: whoever trains together; the first one writes.
    """

    def __init__(
        self,
        config: Config,
        validator: Validator,
        run: Run,
        tokenizers: list[Tokenizer],
        prepared: Prepared,
        listener: Listener,
        command: str,
        group: Group = ALONE,
        parent: Parent | None = None,
    ) -> None:
        self.parent = parent
        self.config, self.validator, self.run_folder, self.group = config, validator, run, group
        self.tokenizers, self.prepared, self.listener, self.command = tokenizers, prepared, listener, command
        self.later: Progress | None = None

    def find(self, progress: Progress) -> None:
        """Look for the best bundle that the progress speaks of, and whether there is one of later updates.

        The checkpoint may be older than the bundle: the run was killed in between, or its newest ones are lost.

        Raises:
            RunError: it is damaged.
        """
        folder = self.run_folder.best
        if not folder.exists():
            if progress.best_scores:
                self.listener.warn(f"{folder} is missing, the best model so far: the next validation makes it anew")
                progress.forget_best()
            return
        try:
            files.verify(folder, "bundle")
            facts = bundle_config.read(folder).training
        except BundleError as error:
            raise RunError(
                f"{error}.\nIt is the best model of this run: put it back, or remove {folder} so that the next "
                "validation makes it anew",
            ) from None
        if facts and facts.updates > progress.update and self.config.train.metric in facts.scores:
            self.later = Progress(update=facts.updates)
            self.later.enter_best(self._score(facts.scores), facts.scores)

    def validate(self, training: Training) -> tuple[bool, Sample]:
        """Validate, log it and write what is to be kept of it; returns whether it is the best so far, and a sample."""
        settings, progress, model = self.config.train, training.progress, training.measured
        scores, sample = self.validator.measure(model)
        gain = progress.record(self._score(scores), scores, settings.warmup)
        if gain:
            self._write(model, scores, progress)
        this = Kept(update=progress.update, score=self._score(scores), loss=scores["loss"])
        progress.keep(averaging.choose([*progress.kept, this], settings.average, settings.average_of))
        if this in progress.kept and self.group.rank == 0:
            averaging.keep(self.run_folder.kept, model, progress.update)
        seconds = round(progress.seconds, 3)
        self.run_folder.log.write(
            Validation(update=progress.update, epoch=progress.epoch, seconds=seconds, scores=scores)
        )
        self._tell_directions(progress)
        return gain, sample

    def _tell_directions(self, progress: Progress) -> None:
        """Log and say what the scores are the means of, if there are several directions."""
        if directions := self.validator.directions:
            self.run_folder.log.write(Directions(update=progress.update, scores=directions))
            self.listener.say("; ".join(f"{name}: {told(scores)}" for name, scores in directions.items()))

    def prune(self, progress: Progress) -> None:
        """Remove kept weights that the checkpoint on disk does not speak of."""
        if self.group.rank == 0:
            averaging.prune(self.run_folder.kept, progress.kept)

    def average(self, training: Training) -> None:
        """Average the kept weights, and make that the best bundle if it is better.

        Nothing that this depends on is changed on disk: killed in here, the run comes here again and does the same.
        """
        began, settings, progress = time.monotonic(), self.config.train, training.progress
        chosen = averaging.choose(progress.kept, settings.average, settings.average_of)
        updates, wrong = by_first(self.group, lambda: self._whole(chosen, training.measured))
        kept = [one for one in chosen if one.update in updates]
        for problem in wrong:
            self.listener.warn(f"{problem}; averaging without it")
        if len(kept) < 2:
            self.listener.say(f"nothing to average: it takes the weights of 2 validations, and there are {len(kept)}")
            return
        model = copy.deepcopy(training.measured)
        if self.group.rank == 0:
            tensors.assign(model, averaging.mean(self.run_folder.kept, kept))
        self.group.gathered(None)  # it reads all of them, which may take longer than a link is waited for
        self.group.spread([tensor.detach() for tensor in tensors.named(model).values()])
        scores, _ = self.validator.measure(model)
        gain, before = progress.is_gain(self._score(scores), scores), progress.best_scores
        if gain:
            progress.enter_best(self._score(scores), scores)
            self._write(model, scores, progress, averaged=len(kept))
        progress.spend(time.monotonic() - began)
        self.run_folder.log.write(Average(update=progress.update, of=updates, kept=gain, scores=scores))
        self._tell_directions(progress)
        now, then = (told({settings.metric: some[settings.metric]}) for some in (scores, before))
        self.listener.say(
            f"average of {len(kept)} {settings.average_of} validations: {now} (best so far {then}): "
            f"{'kept' if gain else 'not kept'}"
        )

    def _whole(self, chosen: list[Kept], model: Seq2Seq) -> tuple[list[int], list[str]]:
        """The updates whose weights are whole, and what is wrong with others."""
        kept, wrong = averaging.whole(self.run_folder.kept, chosen, model)
        return [one.update for one in kept], wrong

    def _score(self, scores: dict[str, float]) -> float:
        """What "best" goes by: more is better."""
        metric = self.config.train.metric
        return metric_gain(metric, scores[metric])

    def _write(self, model: Seq2Seq, scores: dict[str, float], progress: Progress, averaged: int = 0) -> None:
        if self.group.rank:
            return
        if self.later and not self.later.is_gain(self._score(scores), scores):
            if progress.update < self.later.update:
                self.listener.warn(
                    f"{self.run_folder.best} is of update {self.later.update:,}, from before a checkpoint was lost, "
                    "and better: it stays until this run is better"
                )
            return
        self.later = None
        languages = (self.config.data.source_lang, self.config.data.target_lang)
        longest = self.prepared.split("train").longest_source
        if self.parent and not self.config.train.init_parts:  # what it has learnt of longer ones it knows still
            longest = max(longest, self.parent.max_pieces)
        facts = TrainingFacts(
            command=self.command,
            seed=self.config.seed,
            updates=progress.update,
            minutes=progress.seconds / 60,
            precision=progress.precision,
            parameters=sum(p.numel() for p in model.parameters()),
            averaged=averaged,
            scores=scores,
            signatures=self.validator.signatures,
            hashes=self.prepared.manifest.inputs | progress.begun_from,
            config=self.config.model_dump(mode="json"),
            parent=self.parent,
            directions=self.validator.directions,
        )
        about = bundle.describe(
            self.config.model,
            self.config.decode,
            self.tokenizers,
            languages,
            longest,
            facts,
            self.config.data.hidden,
            self.prepared.tags,
        )
        bundle.write(self.run_folder.best, model, self.tokenizers, about, card(self.config, facts))
