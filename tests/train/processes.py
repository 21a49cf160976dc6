"""Several processes of a group, forked from the one that tests."""

import multiprocessing
import multiprocessing.connection
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch._C._distributed_c10d import FileStore

from mtkit.train.group import ALONE, Group, Processes

FORK = multiprocessing.get_context("fork")


def together(size: int, folder: Path, work: Callable[[Group], Any]) -> list[Any]:
    """What each of so many processes makes, in the order of ranks; of one that failed, its error."""
    if size == 1:
        return [work(ALONE)]
    __import__("torch._dynamo")  # which each would load with its first optimiser, in two seconds
    number = len(list(folder.glob("store*")))
    pipes = [FORK.Pipe(duplex=False) for _ in range(size)]

    def run(rank: int) -> None:
        torch.set_num_threads(1)
        try:
            group = Processes(FileStore(str(folder / f"store{number}"), size), rank, size, (rank, size))
            group.begun()
            made = work(group)
            group.leave()
        except Exception as error:
            error.__notes__ = [traceback.format_exc()]
            made = error
        pipes[rank][1].send(made)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking: nothing else runs here
        processes = [FORK.Process(target=run, args=(rank,)) for rank in range(size)]
        for process in processes:
            process.start()
    found = []
    for process, (pipe, _) in zip(processes, pipes, strict=True):
        multiprocessing.connection.wait([pipe, process.sentinel], timeout=120)
        found.append(pipe.recv() if pipe.poll() else None)
    for process in processes:
        process.join(10)
        process.kill()
    return found
