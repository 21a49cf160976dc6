"""The kinds of tries."""

import hashlib
from collections.abc import Callable

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from tests.fuzz.attempt import Try
from tests.fuzz.bundles import bundles
from tests.fuzz.corpora import corpora
from tests.fuzz.runs import checkpoints, runs
from tests.fuzz.settings import arguments, configs, overrides
from tests.fuzz.texts import inputs, training_text
from tests.fuzz.toy import Toy

KINDS: dict[str, Callable[[Toy], st.SearchStrategy[Try]]] = {
    "bundle": bundles,
    "checkpoint": checkpoints,
    "corpus": corpora,
    "text": inputs,
    "config": configs,
    "run": runs,
    "training text": training_text,
    "setting": overrides,
    "argument": arguments,
}
ORDER = ("bundle", "checkpoint", "corpus", "text", "config", "bundle", "run", "training text", "setting", "argument")
BATCH = 25
"""Tries that are drawn together, all of one kind."""


def kind_of(batch: int) -> str:
    """The kind of a batch."""
    return ORDER[batch % len(ORDER)]


def drawn(seed: int, batch: int, toy: Toy) -> list[Try]:
    """The tries of a batch: always the same, in a process that has drawn nothing of its own before."""
    made: list[Try] = []
    strategy = KINDS[kind_of(batch)](toy)
    again = 0
    while len(made) < BATCH:
        digest = hashlib.sha256(f"{seed} {batch} {again}".encode()).digest()
        made += _examples(strategy, int.from_bytes(digest[:8], "big"), BATCH - len(made))
        again += 1
    return made


def _examples(strategy: st.SearchStrategy[Try], seed: int, count: int) -> list[Try]:
    made: list[Try] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count + 1,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(strategy)
    def take(one: Try) -> None:
        made.append(one)

    take()
    return made[1:]  # the first is the simplest there is, the same in every batch
