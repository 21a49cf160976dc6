"""What an update is made of: the gradients of some batches, and a clipped step of the optimiser.

`Updates` is the plain form, one operation after the other as Python calls them; `mtkit.train.graphs` is another one,
for CUDA.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from mtkit.corpus.batch import Batch
from mtkit.errors import DivergedError, out_of_memory
from mtkit.ops import compute
from mtkit.schema import Train
from mtkit.train import precision
from mtkit.train.loss import Objective, batch_loss
from mtkit.train.state import Training


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


class Updates:
    """Makes the updates of a run.

    Args:
        seed: of the run; the randomness of an update is a function of (seed, update).

    Attributes:
        look: updates after which their results are asked for; where that makes a device wait, not after each.
        behind: so many times later they are read, by when they have come.
        once: seconds spent on what later updates need not do again.
        refused: why updates cannot be made as they were meant to be; "": they can.
    """

    look = 1
    behind = 0

    def __init__(self, training: Training, settings: Train, seed: int) -> None:
        self.training, self.settings, self.seed = training, settings, seed
        self.parameters = list(training.model.parameters())
        self.objective = Objective.of(settings)
        self.once = 0.0
        self.refused = ""

    def gradients(self, batches: list[Batch], tokens: int) -> Tensor | float | None:
        """Form the gradients of the mean loss of all batches; returns its sum, or None if memory ran out on the way.

        Args:
            tokens: target tokens of all batches, by which the gradients are normalised.
        """
        training = self.training
        buffers = [(buffer, buffer.clone()) for buffer in training.model.buffers()]
        chance = (self.seed << 32) + training.progress.update
        torch.manual_seed(chance)
        # Masks are drawn where nobody else draws: another thread does not change them.
        generator = torch.Generator().manual_seed(chance)
        training.model.train()
        try:
            with (
                precision.entered(precision.on(self.parameters[0].device, training.progress.precision)),
                compute.changed(kept=None, generator=generator),
            ):
                return self.summed(batches, tokens)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            for buffer, before in buffers:  # running statistics know nothing of what failed
                buffer.copy_(before)
            return None

    def summed(self, batches: list[Batch], tokens: int) -> Tensor | float:
        """The same, in the precision that is entered."""
        loss_sum = 0.0
        for batch in batches:
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
