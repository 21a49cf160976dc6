"""One process that trains, or several that train as one: which of them this is, and what they agree on.

Who is in a group is found by `mtkit.train.joining`. All of a group call the same methods in the same order, and each of
these waits for the others: who is gone is noticed there, and ends the rest. Must not know what is trained.
"""

import contextlib
import itertools
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from mtkit.errors import WorkerError, out_of_memory
from mtkit.train import gpus

if TYPE_CHECKING:
    from torch import Tensor
    from torch._C._distributed_c10d import Store

    T = TypeVar("T")

QUICK = timedelta(minutes=2)  # within an update; so long a link may be cut
PATIENT = timedelta(minutes=15)  # while one validates or writes
LONG = timedelta(days=7)  # while the first prepares the text
SETTLES, SETTLING = (2, 9), 0.5  # the first torch that surely ends well by itself; seconds that others are given
BUCKET = 1 << 22  # numbers that are summed at a time
PLACE = re.compile(r"^\[[^\]]*:\d+\] ")  # in whose source an error was made


class Group(Protocol):
    """Those that train as one.

    Attributes:
        rank: which of them this is, from 0; the first one writes, logs and shows.
        size: how many they are.
    """

    rank: int
    size: int

    def exchange(self, *numbers: float) -> list[tuple[float, ...]]:
        """What each says, in the order of ranks: some numbers, the same count from all."""

    def gathered(self, value: Any) -> list[Any]:
        """The same of what JSON can say, however long some take to say it."""

    def summed(self, numbers: "Tensor", narrow: bool = False) -> None:
        """Take the sum over all for each number of a row, in place, added up in the order of ranks.

        Args:
            numbers: (N), N divisible by `size`.
            narrow: send bf16 in place of fp32; sums are fp32.
        """

    def spread(self, tensors: "Sequence[Tensor]") -> None:
        """Take the values that the first one has, in place."""

    def begun(self) -> None:
        """The text is prepared: from here on nobody may take for ever."""

    def was_done(self, what: str) -> bool:
        """Whether this was noted, perhaps by processes that were killed since and started again."""

    def note_done(self, what: str) -> None:
        """Note that something was done that is not to be done again."""

    def place(self, device: str) -> str:
        """Which device is this one's, where a GPU was asked for."""

    def threads(self, asked: int | None) -> int | None:
        """How many to compute with; None: as torch finds best."""


class Alone:
    """A group of one."""

    rank, size = 0, 1

    def exchange(self, *numbers: float) -> list[tuple[float, ...]]:
        return [numbers]

    def gathered(self, value: Any) -> list[Any]:
        return [value]

    def summed(self, numbers: "Tensor", narrow: bool = False) -> None:
        pass

    def spread(self, tensors: "Sequence[Tensor]") -> None:
        pass

    def begun(self) -> None:
        pass

    def was_done(self, what: str) -> bool:
        return False

    def note_done(self, what: str) -> None:
        pass

    def place(self, device: str) -> str:
        return device

    def threads(self, asked: int | None) -> int | None:
        return asked


ALONE = Alone()


def by_first(group: Group, work: "Callable[[], T]") -> "T":
    """Have the first one do something, and all the others wait for what comes of it, which JSON can say."""
    return group.gathered(work() if group.rank == 0 else None)[0]  # type: ignore[no-any-return]


class Processes:
    """A group of processes, on one machine or several.

    Args:
        store: where they find one another, and what outlives them.
        start: how often they were started before.
        local: which of those on this machine this one is, and how many they are.
    """

    def __init__(
        self, store: "Store", rank: int, size: int, local: tuple[int, int], device: str = "cpu", start: str = "0"
    ) -> None:
        import torch
        import torch.distributed as dist
        from torch._C._distributed_c10d import PrefixStore

        self.rank, self.size, self.local, self._store = rank, size, local, store
        self.cuda = device != "cpu" and torch.cuda.is_available() and dist.is_nccl_available()
        this = PrefixStore(f"start {start}", store)
        with self._all_there():
            mine = gpus.take(self.place(device)) if self.cuda else gpus.NONE
            gpus.refuse_shared(gpus.told(this, rank, size, mine, QUICK))
            backend = "cpu:gloo,cuda:nccl" if self.cuda else "gloo"
            dist.init_process_group(backend, store=this, rank=rank, world_size=size, timeout=QUICK)
            self._patient = dist.new_group(timeout=PATIENT, backend="gloo")
            self._long = dist.new_group(timeout=LONG, backend="gloo")
        self._waiting = self._long
        self._rooms: dict[torch.dtype, Tensor] = {}

    def begun(self) -> None:
        self._waiting = self._patient

    def was_done(self, what: str) -> bool:
        return bool(self._store.add(f"done {what}", 0))

    def note_done(self, what: str) -> None:
        self._store.add(f"done {what}", 1)

    def leave(self) -> None:
        """Have done with it."""
        import torch.distributed as dist

        _settle()
        dist.destroy_process_group()

    def let_go(self) -> None:
        """Let those who wait for this one, which will not come any more, notice it before its process has ended."""
        import torch.distributed as dist

        groups = (self._patient, self._long)
        _settle()
        del self._patient, self._long, self._waiting  # what nobody holds closes its connections
        for one in groups:
            dist.destroy_process_group(one)

    def exchange(self, *numbers: float) -> list[tuple[float, ...]]:
        import torch
        import torch.distributed as dist

        mine = torch.tensor(numbers, dtype=torch.float64)
        told = [torch.empty_like(mine) for _ in range(self.size)]
        with self._all_there():
            dist.all_gather(told, mine)
        return [tuple(one.tolist()) for one in told]

    def gathered(self, value: Any) -> list[Any]:
        import torch

        mine = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
        lengths = [int(one) for one in self._patiently(torch.tensor([len(mine)]))]
        padded = torch.zeros(max(lengths), dtype=torch.uint8)
        padded[: len(mine)] = mine
        told = self._patiently(padded)
        return [json.loads(bytes(one[:length].tolist())) for one, length in zip(told, lengths, strict=True)]

    def summed(self, numbers: "Tensor", narrow: bool = False) -> None:
        import torch
        import torch.distributed as dist

        gather = getattr(dist, "all_gather_single", None) or dist.all_gather_into_tensor  # as torch calls it since 2.12
        for bucket in numbers.split(BUCKET // self.size * self.size):
            # Each adds up a share of the bucket, in the order of ranks as one process adds batch to batch; a ring would
            # add in another order.
            mine = bucket.bfloat16().view(torch.uint8) if narrow else bucket
            shares = self._room(mine)
            with self._all_there():
                dist.all_to_all_single(shares, mine)
            if narrow:
                total, *others = (share.view(torch.bfloat16).float() for share in shares.chunk(self.size))
            else:
                total, *others = shares.chunk(self.size)
            for other in others:
                total += other
            with self._all_there():
                gather(mine, total.bfloat16().view(torch.uint8) if narrow else total)
            if narrow:
                bucket.copy_(mine.view(torch.bfloat16))

    def _room(self, like: "Tensor") -> "Tensor":
        """A tensor to receive another one of these, kept for the next time: a fresh one costs as much as sending it."""
        kept = self._rooms.get(like.dtype)
        if kept is None or len(kept) < len(like):
            kept = self._rooms[like.dtype] = like.new_empty(len(like))
        return kept[: len(like)]

    def spread(self, tensors: "Sequence[Tensor]") -> None:
        import torch.distributed as dist

        with self._all_there():
            for tensor in tensors:
                # Gloo is the one for what lies on a CPU, as an optimiser's counts may.
                whole = tensor.contiguous()
                dist.broadcast(whole, 0)
                if whole is not tensor:
                    tensor.copy_(whole)

    def place(self, device: str) -> str:
        import torch

        if not self.cuda or device not in ("auto", "cuda"):
            return device
        return f"cuda:{self.local[0] % torch.cuda.device_count()}"  # schedulers may show each process its own one only

    def threads(self, asked: int | None) -> int | None:
        from mtkit.ops.device import whole_cores

        if asked is None and os.environ.get("OMP_NUM_THREADS", "1") == "1":  # which torchrun sets where nobody did
            return max(1, whole_cores() // self.local[1])
        return asked

    def _patiently(self, mine: "Tensor") -> "list[Tensor]":
        """What each has, with signals being heard while it is waited for."""
        import torch
        import torch.distributed as dist

        told = [torch.empty_like(mine) for _ in range(self.size)]
        with self._all_there():
            work = dist.all_gather(told, mine, group=self._waiting, async_op=True)
            for pause in itertools.chain((0.0002, 0.001, 0.005), itertools.repeat(0.02)):
                if work.is_completed():
                    break
                time.sleep(pause)
            work.wait()
        return told

    @contextlib.contextmanager
    def _all_there(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            if out_of_memory(error):  # of this process: the others are there
                raise
            raise Gone(
                f"one of the {self.size} processes that train together is gone or cannot be reached (seen by number "
                f"{self.rank}: {short(error)}); the same command goes on from the last checkpoint"
            ) from None


def _settle() -> None:
    """Wait until torch's threads have let go of the tensors that they carried, for which they need Python's lock.

    Before torch 2.8 a group that ends holds that lock while it waits for its threads: for ever, if one still wants it.
    """
    from torch import __version__ as version

    if tuple(map(int, version.split(".")[:2])) < SETTLES:
        time.sleep(SETTLING)


class Gone(WorkerError):
    """Another process of the group has ended, or cannot be reached."""


def short(error: RuntimeError) -> str:
    """What torch says, without its source and its advice."""
    return PLACE.sub("", str(error).strip()).partition(". ")[0].partition("\n")[0][:160]
