"""What an update is made of: the gradients of some batches, and a clipped step of the optimiser.

`Updates` is the plain form, one operation after the other as Python calls them; `mtkit.train.graphs` is another one,
for CUDA.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from mtkit.corpus.batch import Batch
from mtkit.errors import DivergedError, out_of_memory
from mtkit.ops import compute
from mtkit.schema import Train
from mtkit.train import precision
from mtkit.train.group import ALONE, Group
from mtkit.train.loss import Objective, batch_loss
from mtkit.train.outer import Outer
from mtkit.train.state import Training
from mtkit.train.together import Gradients, Statistics


def check(grad_norm: float, update: int, settings: Train) -> None:
    """Stop where there is no way to go.

    Raises:
        DivergedError: the norm of an update's gradient is not finite.
    """
    if not math.isfinite(grad_norm):
        clipped = settings.clip_norm or settings.clip_value
        raise DivergedError(
            f"the gradient of update {update} is not finite (its norm is {grad_norm}); "
            f"start anew with a lower train.lr{'' if clipped else ', or with train.clip_norm set'}",
            remedy="fresh",
        )


class Results:
    """Numbers that were made on the way, on the device perhaps, and are read later."""

    def __init__(self, numbers: Sequence[Tensor | float]) -> None:
        self.numbers = numbers

    def read(self) -> list[float]:
        return [float(number) for number in self.numbers]


def chance(seed: int, update: int, place: int) -> int:
    """What the randomness of a batch of an update is drawn from; its place is counted over all processes."""
    if not place:
        return (seed << 32) + update
    return int(np.random.SeedSequence([seed, update, place]).generate_state(1, np.uint64)[0]) >> 1


class Updates:
    """Makes the updates of a run.

    Args:
        seed: of the run; the randomness of an update is a function of (seed, update, which batch of it).
        group: whoever makes them together.

    Attributes:
        look: updates after which their results are asked for; where that makes a device wait, not after each.
        behind: so many times later they are read, by when they have come.
        once: seconds spent on what later updates need not do again.
        beside: whoever makes each single update together with this process: the group, or with local updates nobody.
        refused: why updates cannot be made as they were meant to be; "": they can.
    """

    look = 1
    behind = 0

    def __init__(self, training: Training, settings: Train, seed: int, group: Group = ALONE) -> None:
        self.training, self.settings, self.seed, self.group = training, settings, seed, group
        self.parameters = list(training.model.parameters())
        narrow = settings.reduce == "bf16"
        self.outer = Outer(training, group, settings.outer, narrow) if settings.sync_every > 1 else None
        self.beside = ALONE if self.outer else group
        self.summing = Gradients(self.parameters, self.beside, narrow)
        self.statistics = Statistics(training.model, self.beside)
        self.generator = torch.Generator()
        self.objective = Objective.of(settings)
        self.once = 0.0
        self.refused = ""

    def gradients(self, batches: list[list[Batch]], tokens: int) -> Tensor | float | None:
        """Form the gradients of the mean loss of all batches of the group; returns the sum of their losses.

        Args:
            batches: of this process, each in the parts that it is taken in.
            tokens: target tokens of all batches of the group, by which the gradients are normalised.

        Returns:
            None if memory ran out on the way, here or elsewhere.
        """
        training = self.training
        buffers = [(buffer, buffer.clone()) for buffer in training.model.buffers()]
        # Masks are drawn where nobody else draws: another thread does not change them.
        self.generator = torch.Generator()
        self.statistics.begin()
        training.model.train()
        loss_sum: Tensor | float | None = None
        try:
            with (
                precision.entered(precision.on(self.parameters[0].device, training.progress.precision)),
                compute.changed(kept=None, generator=self.generator),
            ):
                loss_sum = self.summed(batches, tokens)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
        loss_sum = self.together(loss_sum)
        if loss_sum is None:
            for buffer, before in buffers:  # running statistics know nothing of what failed
                buffer.copy_(before)
        return loss_sum

    def turns(self, batches: list[list[Batch]]) -> Iterator[Batch]:
        """The parts of batches, each batch with a randomness of its own, whichever process works on it."""
        for number, parts in enumerate(batches):
            place = number * self.group.size + self.group.rank
            drawn = chance(self.seed, self.training.progress.update, place)
            torch.manual_seed(drawn)
            self.generator.manual_seed(drawn)
            self.statistics.turn()
            for batch in parts:
                yield batch
                self.statistics.note()

    def together(self, loss_sum: Tensor | float | None) -> Tensor | float | None:
        """Sum over the group what each process has made."""
        if self.beside.size == 1:
            return loss_sum
        own = 0.0 if loss_sum is None or isinstance(loss_sum, Tensor) else loss_sum
        told = self.beside.exchange(loss_sum is None, own)
        if any(failed for failed, _ in told):
            return None
        self.summing.sum()
        self.statistics.fold()
        if isinstance(loss_sum, Tensor):  # on its device
            row = torch.zeros(self.group.size, device=loss_sum.device)
            row[0] = loss_sum
            self.beside.summed(row)
            return row[0].clone()
        total = 0.0
        for _, loss in told:
            total += loss
        return total

    def summed(self, batches: list[list[Batch]], tokens: int) -> Tensor | float:
        """Form the gradients of the batches of this process, in the precision that is entered."""
        loss_sum = 0.0
        for batch in self.turns(batches):
            loss, _ = batch_loss(self.training.model, batch, self.objective)
            torch.autograd.backward(loss / tokens)
            loss_sum += float(loss.detach())
            del loss  # and its graph, before the next one is made
        return loss_sum

    def apply(self, lr: float) -> Tensor:
        """Go the way that the clipped gradients show, and forget them; returns their norm before they were clipped.

        Raises:
            DivergedError: it is not finite; the model is as it was.
        """
        training = self.training
        norm = self.clip()
        check(float(norm), training.progress.update + 1, self.settings)
        for group in training.optimizer.param_groups:
            group["lr"] = lr
        training.optimizer.step()
        self.clear()
        if training.ema:
            training.ema.follow(training.ema.weight(training.progress.update + 1))
        return norm

    def clear(self) -> None:
        """Forget all gradients."""
        self.training.optimizer.zero_grad()

    def clip(self) -> Tensor:
        """Clip gradients by value, then by norm; returns their norm before both."""
        settings, parameters = self.settings, self.parameters
        at_most = settings.clip_norm or math.inf
        if not settings.clip_value:
            return torch.nn.utils.clip_grad_norm_(parameters, at_most)
        # Taken first: infinity would be clipped, too.
        norm = torch.nn.utils.clip_grad_norm_(parameters, math.inf)
        torch.nn.utils.clip_grad_value_(parameters, settings.clip_value)
        torch.nn.utils.clip_grad_norm_(parameters, at_most)
        return norm

    def results(self, numbers: Sequence[Tensor | float]) -> Results:
        """Ask for numbers."""
        return Results(numbers)
