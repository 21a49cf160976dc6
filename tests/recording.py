"""What stands for CUDA graphs where there is no CUDA."""

from collections.abc import Callable

from mtkit.ops.recording import Recorded


class Again:
    """Stands for CUDA graphs: what was recorded is done again by doing it."""

    def __init__(self) -> None:
        self.recorded = self.replayed = self.eager = 0

    def forget(self) -> None:
        self.forgotten = True

    def eagerly(self, work: Callable[[], None]) -> None:
        self.eager += 1
        work()

    def record(self, work: Callable[[], None]) -> Recorded:
        self.recorded += 1
        again = self

        class Play:
            def replay(self) -> None:
                again.replayed += 1
                work()

        return Play()
