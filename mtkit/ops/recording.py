"""Work on a device that is recorded once and played back: CUDA graphs.

A kernel started from Python costs ten times what many a kernel takes. What is recorded works on the same tensors each
time, asks nothing of the device and has no shape that changes; it must have run once before, so that all that is made
once is there.
"""

import gc
from collections.abc import Callable
from typing import Any, Protocol

import torch


class Recorded(Protocol):
    """Work that can be done again, on the tensors that it was done on."""

    def replay(self) -> Any:
        """Do it."""


class Recorder(Protocol):
    """How work is recorded."""

    def eagerly(self, work: Callable[[], None]) -> None:
        """Do it, as Python calls it."""

    def record(self, work: Callable[[], None]) -> Recorded:
        """Record it, without doing it.

        Raises:
            RuntimeError: it cannot be recorded, or there is no memory for it.
        """

    def forget(self) -> None:
        """Give back the memory of recordings, none of which is played any more."""


class CudaRecorder:
    """CUDA graphs with one pool of memory, of which one is played at a time, recorded on a stream of their own."""

    def __init__(self, device: torch.device) -> None:
        self.stream = torch.cuda.Stream(device)
        self.last: Recorded | None = None
        self.forget()

    def eagerly(self, work: Callable[[], None]) -> None:
        """See Recorder."""
        current = torch.cuda.current_stream(self.stream.device)
        self.stream.wait_stream(current)
        with torch.cuda.stream(self.stream):
            work()
        current.wait_stream(self.stream)

    def record(self, work: Callable[[], None]) -> Recorded:
        """See Recorder."""
        graph = torch.cuda.CUDAGraph()
        collecting = gc.isenabled()
        gc.disable()  # what it frees on a device must not be freed while that records

        def recorded() -> None:
            # As torch.cuda.graph, without the tidying before it, which takes longer than many a recording.
            graph.capture_begin(pool=self.pool, capture_error_mode="thread_local")
            try:
                work()
            finally:
                graph.capture_end()

        try:
            self.eagerly(recorded)
        finally:
            if collecting:
                gc.enable()
        self.last = graph
        return graph

    def forget(self) -> None:
        """See Recorder."""
        self.last = None  # a pool of which there is no recording is gone
        self.pool = torch.cuda.graph_pool_handle()
