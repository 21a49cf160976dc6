"""A translator shared among processes: windows of lines go out, results come back in order."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import torch

from mtkit.errors import ConfigError
from mtkit.translator.request import Line, Request, Translation, named
from mtkit.translator.translator import Translator
from mtkit.translator.workers import Workers

Out = TypeVar("Out")


def in_parallel(
    translator: Translator, request: Request, workers: int, threads: int = 1
) -> Workers[list[Line], list[Translation]]:
    """Processes that translate windows, each with so many threads.

    Raises:
        ConfigError: on a GPU, which one process keeps busy.
    """
    return shared(translator, functools.partial(_window, translator, request), workers, threads)


def shared(
    translator: Translator,
    work: Callable[[Any], Out],
    workers: int,
    threads: int = 1,
    name: Callable[[Any], str] = named,
) -> Workers[Any, Out]:
    """Processes that do something with a translator, to windows of numbered lines if `name` says no other.

    Raises:
        ConfigError: on a GPU, which one process keeps busy.
    """
    if translator.device != "cpu":
        raise ConfigError(f"{workers} workers are for CPUs, and this is a GPU: use one", remedy="workers")
    translator.warm_up()
    return Workers(workers, work, name, functools.partial(torch.set_num_threads, threads))


def _window(translator: Translator, request: Request, lines: list[Line]) -> list[Translation]:
    return list(translator.window(lines, request=request))
