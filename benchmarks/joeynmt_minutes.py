"""JoeyNMT 2.3.0, stopped by the clock: what it has then is its best model. For the Python that has it; see minutes.py.

python joeynmt_minutes.py CONFIG SECONDS
"""

import signal
import sys
import time
from typing import Any

from joeynmt.__main__ import main
from joeynmt.training import TrainManager

BEGAN = time.monotonic()
plain = TrainManager.train_and_validate


def stop(*_: Any) -> None:
    raise KeyboardInterrupt  # as the user would; JoeyNMT then ends its training, but saves nothing


def until_the_time_is_up(self: Any, *given: Any, **named: Any) -> None:
    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, max(0.1, float(seconds) - (time.monotonic() - BEGAN)))
    plain(self, *given, **named)
    self._save_checkpoint(True, 0.0)
    print(f"stopped after {self.stats.steps} updates, {self.stats.total_tokens} target tokens", file=sys.stderr)


config, seconds = sys.argv[1:]
TrainManager.train_and_validate = until_the_time_is_up
sys.argv = ["joeynmt", "train", config, "--skip-test"]
main()
