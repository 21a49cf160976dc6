"""How a process finds out that it trains with others, and what it gets of its machine."""

import threading
import time

import pytest
import torch
from torch._C._distributed_c10d import HashStore

from mtkit.errors import ConfigError, RunError
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


@pytest.mark.parametrize(("device", "named"), [("auto", "cuda:3 is not here"), ("foo", "unknown device 'foo'")])
def test_a_gpu_that_is_not_there_is_refused(device: str, named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.distributed, "is_nccl_available", lambda: True)
    with pytest.raises(ConfigError, match=named):
        Processes(HashStore(), 3, 4, (3, 4), device)
