"""Which precision a run takes: what cannot be is refused, and what is best here is measured on its first batches."""

from collections.abc import Callable
from dataclasses import replace

import torch

from mtkit.corpus.batch import Batch
from mtkit.errors import ConfigError, out_of_memory
from mtkit.model.seq2seq import Seq2Seq
from mtkit.schema import Train
from mtkit.train import precision
from mtkit.train.graphs import Graphs
from mtkit.train.loss import Objective, batch_loss
from mtkit.train.state import Progress, Training


def refuse(wanted: str, device: torch.device, model: Seq2Seq) -> None:
    """Refuse a precision that is not for this device or model.

    Raises:
        ConfigError: says which one would be.
    """
    if wanted != precision.on(device, wanted):
        raise ConfigError(f"train.precision = {wanted} is for CUDA devices; on a CPU use fp32, bf16 or auto")
    if precision.WAYS.get(wanted, precision.Way()).activations and not model.rounds:
        raise ConfigError(
            f"train.precision = {wanted} is for Transformers, since states of a recurrence add up what rounding loses; "
            "use bf16 or auto"
        )


class Choosing:
    """The choice for a run that has not begun.

    Args:
        shaped: whether batches have one of a few shapes, so that updates will be recorded.
    """

    def __init__(self, training: Training, settings: Train, seed: int, device: torch.device, shaped: bool) -> None:
        self.training, self.settings, self.seed = training, settings, seed
        self.device, self.shaped = device, shaped
        self.objective = Objective.of(settings)

    def choice(self, batches: list[Batch]) -> precision.Choice | None:
        """As asked, or measured; None: memory ran out on these batches."""
        if self.settings.precision != "auto":
            return precision.Choice(self.settings.precision, "as asked")
        buffers = [(buffer, buffer.clone()) for buffer in self.training.model.buffers()]
        try:
            if self.shaped:
                return self._of_recorded(sorted(batches, key=lambda batch: batch.target_tokens)[len(batches) // 2])
            return precision.choose(self.device, self._probe, batches)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            return None
        finally:  # what was only measured leaves no trace in gradients and running statistics
            self.training.optimizer.zero_grad()
            for buffer, before in buffers:
                buffer.copy_(before)

    def _of_recorded(self, batch: Batch) -> precision.Choice:
        """The pass of a batch as training will make it, in each precision that there is."""
        works = {}
        for name in ("tf32", *(["bf16"] if precision.has_bf16(self.device) else ())):
            works[name] = self._recorded(name, batch)
        if "bf16" in works and self.training.model.rounds:
            works["amp"] = self._recorded("amp", batch)
        return precision.choose_on_gpu(self.device, works)

    def _recorded(self, name: str, batch: Batch) -> Callable[[], None]:
        updates = Graphs(replace(self.training, progress=Progress(precision=name)), self.settings, self.seed)

        def work() -> None:
            if updates.gradients([batch], batch.target_tokens) is None:
                raise MemoryError("out of memory")

        for _ in range(2):  # once kernel by kernel, once to record
            work()
        return work

    def _probe(self, batch: Batch) -> None:
        loss, count = batch_loss(self.training.model, batch, self.objective)
        torch.autograd.backward(loss / count)
        self.training.optimizer.zero_grad()
