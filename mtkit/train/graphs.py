"""Updates on CUDA: the pass of a batch is recorded once a shape and played back (CUDA graphs).

A pass of a recurrent model is two thousand small kernels; started one by one from Python they leave a GPU idle for
three quarters of the time. So batches have a few shapes (`mtkit.corpus.shapes`), each of which is worked on kernel by
kernel when it is first met, and recorded when it comes again. All recordings share one pool of memory, since only one
is played at a time. Randomness goes on to be a function of (seed, update): each time a recording asks the device's
generator anew.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from mtkit.corpus.batch import Batch, FixedBatch
from mtkit.corpus.shapes import Shape
from mtkit.errors import out_of_memory
from mtkit.ops.recording import CudaRecorder, Recorded, Recorder
from mtkit.schema import Train
from mtkit.train import precision
from mtkit.train.group import ALONE, Group
from mtkit.train.loss import Objective, batch_loss
from mtkit.train.state import Training
from mtkit.train.updates import Results, Updates

MOST = 64  # shapes that are recorded at a time; those that were not met for longest go
LOOK = 8  # updates
EAGER = 2  # steps of the optimiser before one is recorded: the first ones make its state


class CudaResults(Results):
    """Results on their way from a device."""

    def __init__(self, numbers: Sequence[Tensor | float]) -> None:
        self.numbers = numbers
        self.come = torch.cuda.Event()
        together = torch.stack([number for number in numbers if isinstance(number, Tensor)])
        self.host = torch.empty(together.shape, dtype=together.dtype, pin_memory=True)
        self.host.copy_(together, non_blocking=True)
        self.come.record()

    def read(self) -> list[float]:
        self.come.synchronize()
        found = iter(self.host.tolist())
        return [next(found) if isinstance(number, Tensor) else number for number in self.numbers]


class Pass:
    """The loss of a batch and its gradients; with activations in bf16 they are those of copies of the parameters.

    The copies are made anew from the parameters for each pass (mixed precision with master weights, Micikevicius et al.
    2018).
    """

    def __init__(self, model: nn.Module, objective: Objective, activations: bool) -> None:
        self.loss = _Loss(model, objective)
        self.masters = dict(self.loss.named_parameters())
        self.copies = {
            name: one.detach().bfloat16().requires_grad_(one.requires_grad)
            for name, one in (self.masters.items() if activations else ())
        }

    def gradients(self, batch: Batch, tokens: Tensor) -> tuple[Tensor, list[Tensor | None]]:
        """The summed loss of a batch, and the gradients of loss / tokens to each parameter (None: none)."""
        if not self.copies:
            loss = self.loss(batch)
            found = torch.autograd.grad(loss / tokens, list(self.masters.values()), allow_unused=True)
            return loss.detach(), list(found)
        with torch.no_grad():
            torch._foreach_copy_(list(self.copies.values()), list(self.masters.values()))
        loss = functional_call(self.loss, self.copies, (batch,), tie_weights=True)
        found = torch.autograd.grad(loss / tokens, list(self.copies.values()), allow_unused=True)
        return loss.detach(), list(found)


class _Loss(nn.Module):
    def __init__(self, model: nn.Module, objective: Objective) -> None:
        super().__init__()
        self.model, self.objective = model, objective

    def forward(self, batch: Batch) -> Tensor:
        return batch_loss(self.model, batch, self.objective)[0]  # type: ignore[arg-type]


@dataclass(frozen=True)
class _Recording:
    numbers: Tensor
    """Where its batch is to be put."""
    graph: Recorded


class Graphs(Updates):
    """Updates whose passes are recorded; see `Updates`.

    Args:
        recorder: default: CUDA graphs.
    """

    look = LOOK
    behind = 1

    def __init__(
        self,
        training: Training,
        settings: Train,
        seed: int,
        recorder: Recorder | None = None,
        group: Group = ALONE,
    ) -> None:
        super().__init__(training, settings, seed, group)
        self.summing.in_place = True
        self.device = self.parameters[0].device
        self.recorder = recorder or CudaRecorder(self.device)
        activations = precision.WAYS[training.progress.precision].activations
        self.work = Pass(training.model, self.objective, activations)
        self.totals = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.loss_sum, self.tokens = (torch.zeros((), device=self.device) for _ in range(2))
        self.norm, self.weight = (torch.zeros((), device=self.device) for _ in range(2))
        self.fixes_rate = self._prepare()
        self.applied = 0
        self.applying: Recorded | None = None
        self.recordings: OrderedDict[Shape, _Recording] = OrderedDict()
        self.met: set[Shape] = set()
        self.recording = True

    def summed(self, batches: list[list[Batch]], tokens: int) -> Tensor:
        """See Updates.summed."""
        self.loss_sum.zero_()
        self.tokens.fill_(tokens)
        try:
            for batch in self.turns(batches):
                self._one(batch)
        except (RuntimeError, MemoryError) as error:
            if out_of_memory(error):
                self.recordings.clear()
                self.met.clear()
                self.applying, self.applied = None, 0
                self.recorder.forget()
                if self.device.type == "cuda":
                    torch.cuda.empty_cache()
            raise
        for parameter, total in zip(self.parameters, self.totals, strict=True):
            parameter.grad = total
        return self.loss_sum.clone()

    def clear(self) -> None:
        """See Updates.clear."""
        torch._foreach_zero_(self.totals)

    def apply(self, lr: float) -> Tensor:
        """See Updates.apply; that a gradient is not finite is seen later, when results are read."""
        training = self.training
        for group in training.optimizer.param_groups:
            group["lr"] = lr if self.fixes_rate else group["lr"].fill_(lr)
        if training.ema:
            self.weight.fill_(training.ema.weight(training.progress.update + 1))
        if self.applied >= EAGER and self.recording and not self.fixes_rate and self.applying is None:
            self.applying = self._recorded(self._apply)
        if self.applying is None:
            self.recorder.eagerly(self._apply)
        else:
            self.applying.replay()
        self.applied += 1
        return self.norm.clone()

    def _apply(self) -> None:
        self.norm.copy_(self.clip())
        self.training.optimizer.step()
        self.clear()
        if self.training.ema:
            self.training.ema.follow(self.weight)

    def _prepare(self) -> bool:
        """Have the optimiser read its rate from the device; whether it is one that takes a number alone."""
        optimizer = self.training.optimizer
        if "capturable" not in optimizer.defaults and not isinstance(optimizer, torch.optim.SGD):
            return True
        for group in optimizer.param_groups:
            group["lr"] = torch.tensor(float(group["lr"]), device=self.device)
            if "capturable" in group:
                group["capturable"] = self.device.type == "cuda"
        for values in optimizer.state.values():
            if "step" in values and self.device.type == "cuda":
                values["step"] = values["step"].to(self.device)
        return False

    def _recorded(self, work: Callable[[], None]) -> Recorded | None:
        """None: it cannot be recorded, and from now on nothing is."""
        try:
            return self.recorder.record(work)
        except RuntimeError as error:
            if out_of_memory(error):
                raise
            self.recording = False
            self.refused = str(error).strip().split("\n")[0]
            return None

    def results(self, numbers: Sequence[Tensor | float]) -> Results:
        """See Updates.results."""
        return CudaResults(numbers) if self.device.type == "cuda" else super().results(numbers)

    def _one(self, batch: Batch) -> None:
        """Add the gradients of a batch to the totals."""
        assert isinstance(batch, FixedBatch), "what is recorded has a shape that comes again"
        began, new = time.monotonic(), batch.shape not in self.recordings
        if new and batch.shape in self.met and self.recording:
            self._record(batch)
        if batch.shape in self.recordings:
            self._play(batch)
        else:
            here = batch.to(self.device)
            self.recorder.eagerly(lambda: self._add(here))
            self.met.add(batch.shape)
        if new:
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            self.once += time.monotonic() - began

    def _play(self, batch: FixedBatch) -> None:
        self.recordings.move_to_end(batch.shape)
        recording = self.recordings[batch.shape]
        recording.numbers.copy_(batch.numbers, non_blocking=True)
        recording.graph.replay()

    def _record(self, batch: FixedBatch) -> None:
        while len(self.recordings) >= MOST:
            self.recordings.popitem(last=False)
        numbers = batch.numbers.to(self.device, copy=True)

        def work() -> None:  # all that depends on lengths is made in it, and so made anew when it is played
            self._add(FixedBatch.of(numbers, batch.shape))

        recorded = self._recorded(work)
        if recorded is not None:
            self.recordings[batch.shape] = _Recording(numbers, recorded)

    def _add(self, batch: Batch) -> None:
        loss, gradients = self.work.gradients(batch, self.tokens)
        with torch.no_grad():
            self.loss_sum += loss
            found = [(total, one) for total, one in zip(self.totals, gradients, strict=True) if one is not None]
            torch._foreach_add_([total for total, _ in found], _like([one for _, one in found], self.totals))


def _like(gradients: list[Tensor], totals: Iterable[Tensor]) -> list[Tensor]:
    """Gradients in the type of their totals, in few kernels."""
    (wanted,) = {total.dtype for total in totals}
    if all(gradient.dtype == wanted for gradient in gradients):
        return gradients
    made = [torch.empty_like(gradient, dtype=wanted) for gradient in gradients]
    torch._foreach_copy_(made, gradients)
    return made
