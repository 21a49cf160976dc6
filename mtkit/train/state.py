"""All of a run that can be resumed, in one place."""

from dataclasses import dataclass, field

import torch

from mtkit.model.seq2seq import Seq2Seq
from mtkit.schema import Train
from mtkit.train import optimizer
from mtkit.train.ema import Ema

PLANNED = ("total_updates", "planned_minutes", "first_total", "corrected_at", "corrected_from")


@dataclass(frozen=True)
class Kept:
    """A validation whose weights are on disk, to be averaged at the end."""

    update: int
    score: float
    """More is better (of loss: its negative)."""
    loss: float


@dataclass
class Progress:
    """The part of a run's state that is not tensors. It is changed by its methods, and by nobody else.

    Every field has a default: a checkpoint that was written before there was such a field means that.
    """

    update: int = 0
    epoch: int = 0
    """The pass over the text that the next update belongs to, from 0."""
    batch: int = 0
    """Batches of that pass already used."""
    seconds: float = 0.0
    """Time spent training and validating, over all starts."""
    target_tokens: int = 0
    total_updates: int = 0
    """Where a time budget ends, in updates. 0: not decided yet, or no budget."""
    planned_minutes: float = 0.0
    """The time budget that this was decided for."""
    first_total: int = 0
    """Where it was to end before it was corrected; 0: it was not."""
    corrected_at: int = 0
    """The update of the last correction."""
    corrected_from: float = 0.0
    """Where that update stands in the schedule of the first plan."""
    processes: int = 1
    """How many made the last updates."""
    precision: str = ""
    """A name of `mtkit.train.precision`; decided once."""
    shaped: bool = False
    """Whether the batches of this pass have one of a few shapes; see `mtkit.corpus.shapes`."""
    parts: int = 1
    """How many parts a batch is taken in; more than one since memory ran out."""
    best: float | None = None
    """Best validation score (of loss: its negative)."""
    best_update: int = 0
    diverged: bool = False
    """Whether the best validation is that of a training which has diverged; see `mtkit.train.divergence`."""
    first_loss: float = 0.0
    """Of the first update, a target token; 0: not known."""
    without_gain: int = 0
    """Validations since the best one."""
    setbacks: int = 0
    """Validations without gain, in all."""
    validated: int = 0
    """The update of the last validation."""
    scores: dict[str, float] = field(default_factory=dict)
    """Of the last validation."""
    best_scores: dict[str, float] = field(default_factory=dict)
    kept: list[Kept] = field(default_factory=list)
    """Validations whose weights are on disk, oldest first."""
    finished: str = ""
    """Why the run ended; "": it has not."""
    begun_from: dict[str, str] = field(default_factory=dict)
    """File of the weights that the run began with -> sha256; {}: it began from nothing."""
    log_bytes: int = 0
    """Length of log.jsonl when this was saved: what follows is of updates that are done again."""

    def step(self, batches: int, target_tokens: int) -> None:
        """Enter an update, made of so many batches of the pass."""
        self.update += 1
        self.batch += batches
        self.target_tokens += target_tokens

    def count(self, target_tokens: int) -> None:
        """Enter target tokens that are known only now."""
        self.target_tokens += target_tokens

    def end_epoch(self) -> None:
        """The next update is of the next pass over the text."""
        self.epoch, self.batch = self.epoch + 1, 0

    def shape(self, shaped: bool) -> None:
        """Enter how the batches of the pass that begins are made."""
        self.shaped = shaped

    def spend(self, seconds: float) -> None:
        """Count time."""
        self.seconds += seconds

    def plan(self, updates: int, minutes: float) -> None:
        """Enter where a time budget ends."""
        self.total_updates, self.planned_minutes = updates, minutes
        self.first_total, self.corrected_at, self.corrected_from = 0, 0, 0.0

    @property
    def planned(self) -> dict[str, float]:
        """All that a plan has entered."""
        return {key: getattr(self, key) for key in PLANNED}

    def enter(self, **told: float) -> None:
        """Enter what another process has entered, as the one whose clock counts."""
        for key, value in told.items():
            setattr(self, key, value)

    def correct(self, updates: int) -> None:
        """Enter that a time budget ends elsewhere: from here on what is left of the schedule is stretched to that."""
        at, total = self.scheduled(self.update, self.total_updates)
        self.first_total, self.corrected_at, self.corrected_from = total, self.update, at
        self.total_updates = updates

    def scheduled(self, update: int, total: int) -> tuple[float, int]:
        """Where an update stands in a schedule, and where that ends, so that no correction makes the rate jump.

        Args:
            total: the last update by the first limit that is reached.
        """
        if not self.first_total or total != self.total_updates:
            return update, total
        share = (update - self.corrected_at) / (self.total_updates - self.corrected_at)
        return self.corrected_from + share * (self.first_total - self.corrected_from), self.first_total

    def begin(self, minutes: float) -> None:
        """Enter a start of the run, which has this time budget: what was planned for another one is void."""
        if self.planned_minutes != minutes:
            self.plan(0, 0.0)

    def halve(self) -> None:
        """From now on a batch is taken in twice as many parts."""
        self.parts *= 2

    def begin_with(self, loss: float) -> None:
        """Enter the loss of an update, if it is the first."""
        self.first_loss = self.first_loss or loss

    def forget_best(self) -> None:
        """The best model is not there any more: the next validation is the best one, and is due."""
        self.best, self.best_update, self.best_scores, self.validated = None, 0, {}, 0

    def judge(self, diverged: bool) -> None:
        """Enter whether the best validation is that of a training which has diverged."""
        self.diverged = diverged

    def is_gain(self, score: float, scores: dict[str, float]) -> bool:
        """Whether a validation (of a score where more is better) is better than the best so far."""
        if self.best is None or score > self.best:
            return True
        # At the start BLEU is 0.0 for a while: as long as it is no better, a lower loss is a gain.
        return score == self.best and scores["loss"] < self.best_scores["loss"]

    def enter_best(self, score: float, scores: dict[str, float]) -> None:
        """Note the best so far, whether a validation or an average of several."""
        self.best, self.best_update, self.best_scores = score, self.update, scores

    def record(self, score: float, scores: dict[str, float], warmup: int = 0) -> bool:
        """Enter a validation (of a score where more is better); returns whether it is the best so far.

        Until `warmup` updates are made the rate still rises, and a validation without gain tries nobody's patience.
        """
        self.validated, self.scores = self.update, scores
        if self.is_gain(score, scores):
            self.enter_best(score, scores)
            self.without_gain = 0
            return True
        self.without_gain += self.update > warmup
        self.setbacks += 1
        return False

    def keep(self, kept: list[Kept]) -> None:
        """Note which validations' weights are on disk, oldest first."""
        self.kept = kept

    def group(self, processes: int) -> None:
        """Enter how many make the updates from here on."""
        self.processes = processes

    def decide_precision(self, precision: str) -> None:
        """Enter it, for the whole run."""
        self.precision = precision

    def finish(self, reason: str) -> None:
        """Enter why the run ended."""
        self.finished = reason

    def reopen(self) -> None:
        """The run goes on, or has to do its end again."""
        self.finished = ""

    def note_log(self, length: int) -> None:
        """Note how long log.jsonl is, right before this is saved."""
        self.log_bytes = length


@dataclass
class Training:
    """A run: its model, its optimiser, its progress, and the running mean of its weights where there is one.

    Attributes:
        outer: momenta of an outer optimiser by parameter; None: there is none.
    """

    model: Seq2Seq
    optimizer: torch.optim.Optimizer
    progress: Progress
    ema: Ema | None = None
    outer: dict[str, torch.Tensor] | None = None

    @classmethod
    def begin(cls, model: Seq2Seq, settings: Train, progress: Progress) -> "Training":
        """With a fresh optimiser for a model that is on its device."""
        ema = Ema(model, settings.ema) if settings.ema else None
        outer = optimizer.momenta(model) if settings.sync_every > 1 else None
        return cls(model, optimizer.make(model, settings), progress, ema, outer)

    @property
    def measured(self) -> Seq2Seq:
        """The model that is validated and kept: the running mean, where there is one."""
        return self.ema.model if self.ema else self.model

    def tensors(self) -> dict[str, torch.Tensor]:
        """All tensors of the optimiser's state, as PARAMETER:KEY; some have no dimension."""
        names = {id(parameter): name for name, parameter in self.model.named_parameters()}
        return {
            f"{names[id(parameter)]}:{key}": value
            for parameter, values in self.optimizer.state.items()
            for key, value in values.items()
            if isinstance(value, torch.Tensor)
        }

    def restore_tensors(self, tensors: dict[str, torch.Tensor]) -> None:
        """The reverse of `tensors`; torch knows which of them must be on which device."""
        by_parameter: dict[str, dict[str, torch.Tensor]] = {}
        for name, value in tensors.items():
            parameter_name, _, key = name.rpartition(":")
            by_parameter.setdefault(parameter_name, {})[key] = value
        names = {id(parameter): name for name, parameter in self.model.named_parameters()}
        numbered = [names[id(parameter)] for group in self.optimizer.param_groups for parameter in group["params"]]
        state = {number: by_parameter[name] for number, name in enumerate(numbered) if name in by_parameter}
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})
