"""How a process finds out that it trains with others, and what it gets of its machine."""

import socket
import threading
import time
from types import SimpleNamespace

import pytest
import torch
from torch._C._distributed_c10d import HashStore

from mtkit.cli import remedies
from mtkit.errors import ConfigError, MtkitError, RunError
from mtkit.ops.device import whole_cores
from mtkit.train import joining
from mtkit.train.group import ALONE, Processes
from mtkit.train.joining import joined


def test_who_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with joined() as group:
        assert group is ALONE
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RunError, match="RANK, MASTER_ADDR, MASTER_PORT is not set.*unset WORLD_SIZE"), joined():
        pass
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(RunError, match="MASTER_ADDR, MASTER_PORT is not set: start it with torchrun"), joined():
        pass


def test_a_start_is_the_one_that_the_first_process_says() -> None:
    """However often each of them counts that it was started: one that is early waits for the first."""
    kept = HashStore()
    for number in ("1", "2", "3"):
        starts = [joining._Start(kept) for _ in range(3)]
        threads = [threading.Thread(target=one.meet, args=(rank, 3)) for rank, one in enumerate(starts)]
        for thread in reversed(threads):
            thread.start()
            time.sleep(0.05)  # it looks, and finds the start before
        for thread in threads:
            thread.join(10)
        assert [one.name for one in starts] == [number] * 3
    left = joining._Start(kept)  # of a start in which not all came
    left.number = kept.add("start", 1)
    left.store.add("there", 1)
    starts = [joining._Start(kept) for _ in range(2)]
    threads = [threading.Thread(target=one.meet, args=(rank, 2)) for rank, one in enumerate(starts)]
    for thread in reversed(threads):
        thread.start()
        time.sleep(0.05)
    for thread in threads:
        thread.join(10)
    assert [one.name for one in starts] == ["5"] * 2


def test_threads_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    group = Processes.__new__(Processes)
    for size, wanted in ((1, whole_cores()), (2, max(1, whole_cores() // 2)), (1000, 1)):
        group.local = (0, size)
        monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as torchrun sets it
        assert group.threads(None) == wanted
        assert group.threads(3) == 3
        monkeypatch.setenv("OMP_NUM_THREADS", "5")  # as only the user does
        assert group.threads(None) is None
    assert ALONE.threads(None) is None


class Cuda:
    """Stands in for a machine with so many GPUs."""

    def __init__(self, patch: pytest.MonkeyPatch, count: int) -> None:
        patch.setattr(torch.cuda, "is_available", lambda: True)
        patch.setattr(torch.cuda, "device_count", lambda: count)
        patch.setattr(torch.distributed, "is_nccl_available", lambda: True)
        patch.setattr(torch.cuda, "set_device", lambda device: None)
        patch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid=device.index, name="G"))
        self.groups: list[int] = []
        patch.setattr(torch.distributed, "init_process_group", lambda backend, **how: self.groups.append(how["rank"]))
        patch.setattr(torch.distributed, "new_group", lambda **how: None)


def of_each(size: int, devices: list[str]) -> list[str]:
    """What each process of a machine takes for its device, or why there is none."""
    kept, told = HashStore(), [""] * size

    def begin(rank: int) -> None:
        try:
            told[rank] = Processes(kept, rank, size, (rank, size), devices[rank]).place(devices[rank])
        except MtkitError as error:
            told[rank] = remedies.shown(error)

    threads = [threading.Thread(target=begin, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    return told


def test_each_takes_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = Cuda(monkeypatch, 3)
    assert of_each(3, ["auto", "cuda", "auto"]) == ["cuda:0", "cuda:1", "cuda:2"]
    assert len(cuda.groups) == 3


@pytest.mark.parametrize(
    ("count", "devices", "named"),
    [
        (1, ["auto"] * 2, "processes 0 and 1 would share a GPU (G of {host}, where 1 GPU is found)"),
        (2, ["auto"] * 3, "processes 0 and 2 would share a GPU (G of {host}, where 2 GPUs are found)"),
        (4, ["auto", "cuda:3", "cuda:3"], "processes 1 and 2 would share a GPU (G of {host}, where 4 GPUs are found)"),
    ],
)
def test_a_gpu_for_two_is_refused_by_all(
    count: int, devices: list[str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda = Cuda(monkeypatch, count)
    advice = "start as many processes as there are GPUs, or compute on processors"
    flags = "torchrun --nproc-per-node N, --device cpu"
    wanted = f"{named.format(host=socket.gethostname())}, and each needs its own: {advice} ({flags})"
    assert of_each(len(devices), devices) == [wanted] * len(devices)
    assert not cuda.groups


@pytest.mark.parametrize(("device", "named"), [("cuda:3", "cuda:3 is not here"), ("foo", "unknown device 'foo'")])
def test_a_gpu_that_is_not_there_is_refused(device: str, named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Cuda(monkeypatch, 2)
    with pytest.raises(ConfigError, match=named):
        Processes(HashStore(), 3, 4, (3, 4), device)
