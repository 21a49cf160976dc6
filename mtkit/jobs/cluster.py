"""Pieces shared among the machines of a Ray cluster: a pool of actors, each of which makes ready once, and stays.

Ray starts again what has died, on another machine if need be; which piece is done again, and how often, is decided
here, since only here is it known which one was being worked on. The one place that knows Ray. Must not know what is
done.
"""

import contextlib
import importlib.util
import io
import re
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from mtkit.errors import ConfigError, MtkitError, WorkerError
from mtkit.jobs import signals
from mtkit.jobs.sharing import Each, in_order
from mtkit.version import __version__

AHEAD = 2  # pieces given to an actor at a time: it never waits for the next
TRIES = 3
ANSWERS = 10.0  # seconds in which a cluster does, or is not there
PATIENCE = 60.0  # seconds between two words about a cluster that has no room

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass
class _Actor(Generic[In]):
    handle: Any
    begun: bool = False
    given: dict[Any, In] = field(default_factory=dict)
    """References to results, and the pieces that they are of; the first one is worked on."""


def need() -> None:
    """Say before any work that Ray is not there.

    Raises:
        ConfigError: it is not installed.
    """
    if importlib.util.find_spec("ray") is None:
        raise ConfigError("a Ray cluster needs the ray package: pip install 'mtkit[ray]'")


class Cluster:
    """A connection to a Ray cluster.

    Args:
        address: "auto": the one that runs here; or HOST:PORT; `local`: one that ends with this process.
        say: is told what the user may want to know meanwhile.

    Raises:
        ConfigError: Ray is not installed, or no cluster answers.
    """

    def __init__(self, address: str, say: Callable[[str], None] = lambda message: None) -> None:
        need()
        import ray

        self._ray: Any = ray
        self._say = say
        try:
            if found := re.fullmatch(r"([^/\s]+):(\d{1,5})", address):  # Ray itself would wait for it for minutes
                socket.create_connection((found[1], int(found[2])), ANSWERS).close()
            with contextlib.redirect_stderr(io.StringIO()):
                ray.init(address, logging_level="ERROR", log_to_driver=False, include_dashboard=None)
        except (OSError, RuntimeError, ValueError) as error:
            why = str(error).strip().split("\n")[0]
            raise ConfigError(
                f"no Ray cluster can be reached at {address!r} ({why}); begin one, or name another", "ray"
            ) from None
        signals.raised()  # Ray has its own ideas of SIGTERM

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: object) -> None:
        self._ray.shutdown()

    def room(self, cpus: int, gpus: int) -> int:
        """How many actors of so many processors each it has room for, one at least."""
        there = self._ray.cluster_resources()
        rooms = [there.get(name, 0) // count for name, count in (("CPU", cpus), ("GPU", gpus)) if count]
        return max(1, int(min(rooms)))

    @contextlib.contextmanager
    def pool(
        self,
        make: Callable[[Any], Callable[[In], Out]],
        shipped: Any,
        failed: Callable[[In, str], Out],
        actors: int,
        cpus: int = 1,
        gpus: int = 0,
    ) -> Iterator[Each[In, Out]]:
        """Give a function from pieces to each of them with what became of it, in the order in which they are done.

        No more pieces are asked for than the actors can be busy with.

        Args:
            make: what an actor does first, with what was shipped to it: makes what does a piece, and never gives None.
            shipped: goes to each machine once.
            failed: what became of a piece that could not be done, and why; may raise instead.
        """
        ray = self._ray
        kind = ray.remote(_Worker).options(num_cpus=cpus, num_gpus=gpus, max_restarts=-1)
        there = ray.put(shipped)
        pool: list[_Actor[In]] = [_Actor(kind.remote()) for _ in range(actors)]
        try:
            yield _Sharing(ray, pool, (__version__, make, there), failed, self._say).each
        finally:
            for actor in pool:
                ray.kill(actor.handle)


@dataclass(frozen=True)
class Actors:
    """Some actors of a cluster, of a processor each, as those who share work (`mtkit.jobs.sharing.Share`)."""

    cluster: Cluster
    count: int

    @contextlib.contextmanager
    def __call__(self, work: Callable[[In], Out]) -> Iterator[Each[In, Out]]:
        with self.cluster.pool(_as_it_is, work, _given_up, self.count) as each:
            yield in_order(each)


def _as_it_is(work: Callable[[In], Out]) -> Callable[[In], Out]:
    return work


def _given_up(piece: In, why: str) -> Any:
    raise WorkerError(f"{piece}: {why}")


class _Sharing(Generic[In, Out]):
    """Who has which piece."""

    def __init__(
        self,
        ray: Any,
        pool: list[_Actor[In]],
        first: tuple[Any, ...],
        failed: Callable[[In, str], Out],
        say: Callable[[str], None],
    ) -> None:
        self._ray, self._pool, self._first, self._given_up, self._say = ray, list(pool), first, failed, say
        self._waiting: dict[Any, _Actor[In]] = {}
        """What is waited for -> who says it."""
        self._again: deque[In] = deque()
        self._tries: dict[int, int] = {}
        """How often each has failed that is not done yet, by the identity of the object."""
        self._through = False
        """Whether all have been asked for."""
        for actor in self._pool:
            self._begin(actor)

    def _begin(self, actor: _Actor[In]) -> None:
        """Have an actor make ready, however often Ray must start it for that."""
        actor.begun = False
        self._waiting[actor.handle.make_ready.options(max_task_retries=-1).remote(*self._first)] = actor

    def each(self, pieces: Iterable[In]) -> Iterator[tuple[In, Out]]:
        """See `Cluster.pool`."""
        self._through = False
        source, began = iter(pieces), time.monotonic()
        while True:
            while self._give(source):
                pass
            if not self._again and not any(actor.given for actor in self._pool) and self._through:
                return
            ready, _ = self._ray.wait(list(self._waiting), num_returns=1, timeout=PATIENCE)
            for reference in ready:
                yield from self._heard(reference)
            if not ready and not any(actor.begun for actor in self._pool):
                self._say(
                    f"waiting for the cluster, {time.monotonic() - began:,.0f} s by now: it has no room yet for any of "
                    f"{len(self._pool)} workers, or their machines are gone"
                )

    def _give(self, source: Iterator[In]) -> bool:
        """Give a piece to an actor, if there are both; what comes again goes to one that has nothing else to do.

        So that nothing stands behind a piece that has failed, and it is known whose fault it is if that actor dies.
        """
        free = [actor for actor in self._pool if actor.begun and len(actor.given) < AHEAD]
        free = [actor for actor in free if not any(id(piece) in self._tries for piece in actor.given.values())]
        if not free or (self._through and not self._again):
            return False
        actor = min(free, key=lambda one: len(one.given))
        if self._again and actor.given:
            return False
        piece = self._again.popleft() if self._again else next(source, None)
        if piece is None:
            self._through = True
            return False
        reference = actor.handle.work.remote(piece)
        self._waiting[reference] = actor
        actor.given[reference] = piece
        return True

    def _heard(self, reference: Any) -> Iterator[tuple[In, Out]]:
        """What an actor has to say."""
        from ray.exceptions import ActorDiedError, RayError, RayTaskError

        actor = self._waiting.pop(reference)
        beginning = not actor.begun
        try:
            said = self._ray.get(reference)
        except (ActorDiedError, RayTaskError) as error:
            if beginning:
                self._leave_out(actor, error)
            elif isinstance(error, RayTaskError):  # the piece's own, and the actor lives
                yield from self._failed(actor.given.pop(reference), _why(error))
            else:
                yield from self._lost(actor, error)
        except RayError as error:
            yield from self._lost(actor, error)
        else:
            if beginning:
                actor.begun = True
            elif said is None:  # Ray has started it again while it had nothing to do
                self._again.extend(self._anew(actor))
            else:
                piece = actor.given.pop(reference)
                self._tries.pop(id(piece), None)
                yield piece, said

    def _leave_out(self, actor: _Actor[In], error: Exception) -> None:
        self._pool.remove(actor)
        if not self._pool:
            raise WorkerError(f"no worker can begin: {_why(error)}; is mtkit on all machines of the cluster?") from None
        self._say(f"a worker cannot begin and is left out, {len(self._pool)} are left: {_why(error)}")

    def _lost(self, actor: _Actor[In], error: Exception) -> Iterator[tuple[In, Out]]:
        """An actor has died: what it was given is done by others, or by itself when Ray has started it again."""
        self._say(f"a worker was lost ({_why(error)}); Ray starts it again, and what it had is done again")
        pieces = self._anew(actor)
        self._again.extend(pieces[1:])  # which were not worked on
        for piece in pieces[:1]:
            yield from self._failed(piece, f"the worker died: {_why(error)}")

    def _anew(self, actor: _Actor[In]) -> list[In]:
        """Have an actor make ready again; returns what it was given."""
        for reference in actor.given:
            self._waiting.pop(reference, None)
        pieces = list(actor.given.values())
        actor.given.clear()
        self._begin(actor)
        return pieces

    def _failed(self, piece: In, why: str) -> Iterator[tuple[In, Out]]:
        """Have a piece done again, but not for ever."""
        tries = self._tries[id(piece)] = self._tries.get(id(piece), 0) + 1
        if tries < TRIES:
            self._again.append(piece)
            return
        del self._tries[id(piece)]
        yield piece, self._given_up(piece, f"{TRIES} times in vain, the last time: {why}")


class _Worker:
    """An actor: in a process of its own, somewhere."""

    def __init__(self) -> None:
        self._work: Callable[[Any], Any] | None = None

    def make_ready(self, version: str, make: Callable[[Any], Callable[[Any], Any]], shipped: Any) -> None:
        """Come back when all is there that pieces need."""
        if version != __version__:
            raise MtkitError(f"here is mtkit {__version__}, and it was asked by mtkit {version}: install the same")
        self._work = make(shipped)

    def work(self, piece: Any) -> Any:
        """What is made of a piece; None: nothing was made ready since this process began."""
        return self._work(piece) if self._work else None


def _why(error: Exception) -> str:
    """What has happened, in a line: Ray tells it with the stack of a machine far away."""
    cause = getattr(error, "cause", None)
    text = str(cause or error).strip()
    told = [line.strip() for line in text.split("\n") if line.strip()]
    return (told[0] if cause or len(told) == 1 else told[-1])[:200] if told else type(error).__name__
