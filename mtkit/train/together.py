"""What the processes of a group do with a training: sum gradients, share running statistics, begin alike, stay alike.

All of it comes to nothing in a group of one. Must not know how processes talk to one another.
"""

import zlib
from dataclasses import asdict

import torch
from torch import Tensor, nn

from mtkit.model import tensors
from mtkit.model.norm import MOMENTUM, BatchNorm
from mtkit.train.group import Group
from mtkit.train.state import Kept, Progress, Training


class Gradients:
    """Sums the gradients of a group's processes.

    Args:
        narrow: send them in bf16.

    Attributes:
        in_place: whether a gradient stays where it is, since others know that place.
    """

    def __init__(self, parameters: list[nn.Parameter], group: Group, narrow: bool) -> None:
        self.parameters, self.group, self.narrow = parameters, group, narrow
        self.sizes = [parameter.numel() for parameter in parameters]
        self.row: Tensor | None = None
        self.in_place = False

    def sum(self) -> None:
        """Give each parameter the sum of its gradients; one that has none anywhere keeps none."""
        if self.group.size == 1:
            return
        row = self._row()
        *parts, there, _ = row.split([*self.sizes, len(self.sizes), len(row) - sum(self.sizes) - len(self.sizes)])
        places = [part.view_as(one) for part, one in zip(parts, self.parameters, strict=True)]
        found = [(place, one.grad) for place, one in zip(places, self.parameters, strict=True) if one.grad is not None]
        if len(found) < len(places):
            row.zero_()
        for place, grad in found:
            place.copy_(grad)
        there.copy_(torch.tensor([float(one.grad is not None) for one in self.parameters]))
        self.group.summed(row, self.narrow)
        # Where updates are recorded each has one; and whoever asked the device would wait for it.
        marks = there.tolist() if there.device.type == "cpu" else [1.0] * len(there)
        for place, one, some in zip(places, self.parameters, marks, strict=True):
            if not some:
                continue
            if self.in_place and one.grad is not None:
                one.grad.copy_(place)
            else:
                one.grad = place

    def _row(self) -> Tensor:
        """All gradients in a row, and whether there are any; its length is one that a group can share out."""
        if self.row is None:
            count = sum(self.sizes) + len(self.sizes)
            self.row = self.parameters[0].new_zeros(-(-count // self.group.size) * self.group.size)
        return self.row.detach()


class Statistics:
    """The running statistics of batch norms: those of the batches of all processes, one after the other in their order.

    Each process notes what its batches make of them; what comes of all is folded in float64, so that it is that of one
    process but for the last digit.
    """

    def __init__(self, model: nn.Module, group: Group) -> None:
        norms = [one for one in model.modules() if isinstance(one, BatchNorm)] if group.size > 1 else []
        self.group = group
        self.buffers = [buffer for norm in norms for buffer in norm.buffers()]
        self.start = self.before = torch.zeros(0)
        self.turns: list[list[Tensor]] = []

    def begin(self) -> None:
        """An update begins."""
        if not self.buffers:
            return
        self.start = self.before = self._all()
        self.turns = []

    def turn(self) -> None:
        """The next batch begins; it may be taken in parts."""
        if self.buffers:  # else nobody empties the list
            self.turns.append([])

    def note(self) -> None:
        """A part of it was worked on."""
        if not self.buffers:
            return
        after = self._all()
        if not torch.equal(after, self.before):  # one position alone has none
            self.turns[-1].append(after - (1 - MOMENTUM) * self.before)
        self.before = after

    def fold(self) -> None:
        """Take the batches of all processes in."""
        if not self.buffers:
            return
        counts = [[int(count) for count in row] for row in self.group.exchange(*(len(turn) for turn in self.turns))]
        mine = torch.zeros(max(sum(row) for row in counts), len(self.start), dtype=torch.float64)
        for place, added in zip(mine, (one for turn in self.turns for one in turn), strict=False):
            place.copy_(added)
        told = [
            torch.tensor(row, dtype=torch.float64).view_as(mine) for row in self.group.exchange(*mine.ravel().tolist())
        ]
        rows = [iter(one) for one in told]
        total = self.start
        for turn in zip(*counts, strict=True):
            for row, count in zip(rows, turn, strict=True):
                for _ in range(count):
                    total = (1 - MOMENTUM) * total + next(row)
        for buffer, part in zip(self.buffers, total.split([one.numel() for one in self.buffers]), strict=True):
            buffer.copy_(part)

    def _all(self) -> Tensor:
        return torch.cat([buffer.detach().cpu() for buffer in self.buffers]).double()


def begin_alike(training: Training, group: Group) -> None:
    """Give all processes the state that the first one has read: weights, means, optimiser and progress."""
    if group.size == 1:
        return
    state = training.tensors()
    specs = {name: (list(one.shape), str(one.dtype).removeprefix("torch.")) for name, one in state.items()}
    told, progress = group.gathered([specs, asdict(training.progress)] if group.rank == 0 else None)[0]
    if group.rank:
        training.progress = Progress(**progress | {"kept": [Kept(**one) for one in progress["kept"]]})
        state = {name: torch.empty(shape, dtype=getattr(torch, dtype)) for name, (shape, dtype) in told.items()}
    on_cpu = {name: one.cpu() for name, one in state.items()}
    group.spread([*values(training), *on_cpu.values()])
    if group.rank:
        training.restore_tensors(on_cpu)


def level(training: Training, group: Group) -> None:
    """Give all processes, which were alike, the weights, means and optimiser of the first one."""
    group.spread([*values(training), *training.tensors().values()])


def mean(some: list[Tensor], group: Group, narrow: bool) -> None:
    """Give each of these tensors its mean over the group, in place."""
    if group.size == 1:
        return
    row = torch.cat([one.reshape(-1) for one in some])
    whole = nn.functional.pad(row, (0, -len(row) % group.size))
    group.summed(whole, narrow)
    for one, part in zip(some, whole[: len(row)].split([one.numel() for one in some]), strict=True):
        one.copy_((part / group.size).view_as(one))


def differs(training: Training, group: Group) -> bool:
    """Whether the weights of processes are not alike any more: processors of other kinds round otherwise."""
    if group.size == 1:
        return False
    total = 0
    for tensor in tensors.named(training.model).values():
        total = zlib.crc32(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data, total)
    return len(set(group.exchange(total))) > 1


def values(training: Training) -> list[Tensor]:
    """Weights and buffers, those of the running mean, and the momenta of the outer optimiser."""
    models = [training.model, *([training.ema.model] if training.ema else [])]
    found = [tensor.detach() for model in models for tensor in tensors.named(model).values()]
    return found + list((training.outer or {}).values())
