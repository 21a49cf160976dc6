"""JoeyNMT 2.3.0, stopped by the clock: it saves its weights as they are. For the Python that has it; see minutes.py.

python joeynmt_minutes.py CONFIG DEADLINE, in seconds since the epoch
"""

import signal
import sys
import time
from typing import Any

from joeynmt.__main__ import main
from joeynmt.training import TrainManager

plain = TrainManager.train_and_validate


def stop(*_: Any) -> None:
    raise KeyboardInterrupt  # as the user would; JoeyNMT then ends its training, and saves


def until_the_time_is_up(self: Any, *given: Any, **named: Any) -> None:
    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, max(0.1, float(deadline) - time.time()))
    plain(self, *given, **named)
    print(f"stopped after {self.stats.steps} updates, {self.stats.total_tokens} target tokens", file=sys.stderr)


config, deadline = sys.argv[1:]
TrainManager.train_and_validate = until_the_time_is_up
sys.argv = ["joeynmt", "train", config, "--skip-test"]
main()
