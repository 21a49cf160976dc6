"""How a process finds the group that it was started in, and how a group says once what went wrong.

By the variables that torchrun sets, or whoever else starts processes: nothing else asks for them.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from mtkit.errors import MtkitError, RunError
from mtkit.train.group import ALONE, Gone, Group, Processes, short

if TYPE_CHECKING:
    from torch._C._distributed_c10d import Store

JOINING = timedelta(minutes=10)  # until all have started: machines of a cluster do so one after another
ANSWER = 5.0  # seconds, whether somebody has said what went wrong
LINGER = 2.0  # seconds that the first one stays for those who ask
GIVEN = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@contextlib.contextmanager
def joined(device: str = "cpu") -> Iterator[Group]:
    """The group that this process was started in; what goes wrong in it is said once.

    Args:
        device: auto, cpu, cuda or cuda:N.

    Raises:
        RunError: there is no telling which group that is.
        WorkerError: one of it is gone.
    """
    if _number("WORLD_SIZE", "1") < 2:
        yield ALONE
        return
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # that a peer is gone is said by us, in one line
    kept, rank, size = _store(), _number("RANK"), _number("WORLD_SIZE")
    start, group = _Start(kept), None
    try:
        start.meet(rank, size)
        here = (_number("LOCAL_RANK", "0"), _number("LOCAL_WORLD_SIZE", "1"))
        group = Processes(kept, rank, size, here, device, start.name)
        yield group
        group.leave()
    except (MtkitError, KeyboardInterrupt) as error:
        # Of those who only see that somebody has gone, or that all were interrupted, one says so, if nobody said more.
        plain = isinstance(error, Gone | KeyboardInterrupt)
        first = _says(start.store, "" if plain else str(error))
        if group and not plain:
            group.let_go()
        if not first:
            code = 130 if isinstance(error, KeyboardInterrupt) else 1
            raise SystemExit(getattr(error, "exit_code", code)) from None
        raise
    except BaseException:
        _says(start.store, "")
        raise
    finally:
        if sys.exc_info()[0]:
            with contextlib.suppress(ValueError):  # not the main thread
                signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun's, to those whose end has begun
            if _keeps():
                _linger(start.store, size)


def _keeps() -> bool:
    """Whether this process keeps the store; else torchrun does, or the first one."""
    return _number("RANK") == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"


def _number(name: str, default: str | None = None) -> int:
    given = os.environ.get(name, default)
    try:
        return int(str(given))
    except ValueError:
        raise RunError(f"{name} = {given!r} is set, which is no number: start it with torchrun, or unset it") from None


def _store() -> "Store":
    """Where the processes of a group find one another: kept by torchrun, or else by the first of them."""
    from torch._C._distributed_c10d import PrefixStore, TCPStore

    if missing := [name for name in GIVEN if name not in os.environ]:
        raise RunError(
            f"WORLD_SIZE = {os.environ['WORLD_SIZE']}, but {', '.join(missing)} is not set: start it with torchrun, or "
            "unset WORLD_SIZE to train with one process"
        )
    address, port, size = os.environ["MASTER_ADDR"], _number("MASTER_PORT"), _number("WORLD_SIZE")
    try:
        store = TCPStore(address, port, size, _keeps(), timeout=JOINING, wait_for_workers=False, multi_tenant=True)
    except RuntimeError as error:
        raise Gone(
            f"the processes that train together cannot meet at {address}:{port} ({short(error)}): give an address "
            "and a free port that all machines reach"
        ) from None
    return PrefixStore("mtkit", store)


class _Start:
    """A start of the group, of those that share what is kept: of all processes, the first one says which it is.

    How often torchrun has started them each machine counts by itself, and a machine that came later counts fewer.
    """

    def __init__(self, kept: "Store") -> None:
        self.kept, self.number = kept, 0

    @property
    def name(self) -> str:
        """Of what is said in this start; until the first one has come, each machine has its own."""
        return str(self.number or f"before {os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}")

    @property
    def store(self) -> "Store":
        """What is said in this start."""
        from torch._C._distributed_c10d import PrefixStore

        return PrefixStore(f"start {self.name}", self.kept)

    def meet(self, rank: int, size: int) -> None:
        """Wait until all are there, with signals being heard.

        Raises:
            Gone: they do not come.
        """
        if rank == 0:
            self.kept.add("start", 1)
        place = there = 0
        began = time.monotonic()
        while True:
            if (number := self.kept.add("start", 0)) != self.number:
                self.number = number
                place = self.store.add("there", 1)
            if self.number:
                there = self.store.add("there", 0)
                if rank == 0 and there >= size:
                    self.store.add("met", 1)
                # One place too many: the start is one that has ended, and the first one has not come to the next yet.
                if place <= size and self.store.add("met", 0):
                    return
            if time.monotonic() - began > JOINING.total_seconds():
                raise Gone(f"only {there} of {size} processes have come to train together: start the others, too")
            time.sleep(0.02)


def _says(store: "Store", message: str) -> bool:
    """Whether this is the first process to say so; of nothing in particular, the first to say anything."""
    answers: list[bool] = []

    def ask() -> None:
        with contextlib.suppress(RuntimeError):  # whoever keeps it is gone, too
            said = store.add("said", 1)
            if message:
                said = store.add(f"said {message}", 1)
            answers.append(said == 1)

    asking = threading.Thread(target=ask, daemon=True)  # over a link that is cut there is no answer for long
    asking.start()
    asking.join(ANSWER)
    return all(answers)


def _linger(store: "Store", size: int) -> None:
    """Keep the store until all others have asked it, or are gone."""
    began = time.monotonic()
    while store.add("said", 0) < size and time.monotonic() - began < LINGER:
        time.sleep(0.02)
