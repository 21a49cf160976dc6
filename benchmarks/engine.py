"""Something that translates, in a process of its own that answers one request after another; JSON lines through pipes.

What runs in such a process may have a Python of its own, in which there is neither mtkit nor torch: this imports
nothing but what comes with Python. Requests: `load` with settings; `translate` texts, within the clock; `latency`, text
by text; `search` texts with log-probabilities.
"""

import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Protocol

ROOT = Path(__file__).parents[1]
EVERY = 0.02  # seconds from one look at memory to the next

Settings = dict[str, Any]
"""beam, workers and threads; what else there is, each engine knows."""


class Engine(Protocol):
    """What is to be measured."""

    def load(self, settings: Settings) -> None:
        """Make ready for work of a kind; what is slow about it is done here."""

    def translate(self, lines: list[str], length: int | None) -> list[str]:
        """Texts to texts.

        Args:
            length: pieces that every translation has; None: as many as it takes.
        """

    def search(self, lines: list[str]) -> list[tuple[list[str], float]]:
        """Of each text the pieces found without any penalty of length, and their log-probability with the end."""


def serve(engine: Engine) -> None:
    """Answer until nobody asks any more. What anybody else prints goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(_answered(engine, request)), file=answers, flush=True)


def _answered(engine: Engine, request: dict[str, Any]) -> Any:
    what = request["do"]
    if what == "load":
        return engine.load(request["settings"])
    if what == "translate":
        groups: list[tuple[int | None, list[str]]] = request["groups"]
        start = time.perf_counter()
        made = [text for length, lines in groups for text in engine.translate(lines, length)]
        return {"seconds": time.perf_counter() - start, "texts": made}
    if what == "latency":
        took = []
        for length, line in request["lines"]:
            start = time.perf_counter()
            engine.translate([line], length)
            took.append(time.perf_counter() - start)
        return took
    return engine.search(request["lines"])


class Process:
    """An engine as whoever asks it sees it."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        # A thread a worker: what is set for all of a shell would come before what engines are told.
        environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
        )
        self.peak = 0.0

    def ask(self, what: str, watched: bool = False, **request: Any) -> Any:
        """An answer.

        Args:
            watched: look at its memory meanwhile, which takes a little of its time.

        Raises:
            SystemExit: it has ended.
        """
        stop = threading.Event()
        watching = threading.Thread(target=self._watch, args=(stop,))
        if watched:
            watching.start()
        try:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            print(json.dumps({"do": what} | request), file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        finally:
            stop.set()
            if watched:
                watching.join()
        if not answer:
            raise SystemExit(f"{self.name} has ended with exit code {self._process.wait()}")
        return json.loads(answer)

    def close(self) -> None:
        """Let it end."""
        self._process.communicate()

    def _watch(self, stop: threading.Event) -> None:
        while not stop.wait(EVERY):
            self.peak = max(self.peak, memory(self._process.pid))


def memory(pid: int) -> float:
    """MB of a process and of those that it began; of what several share, each has its part. 0: nobody says."""
    try:
        told = Path(f"/proc/{pid}/smaps_rollup").read_text()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0.0
    found = re.search(r"^Pss:\s+(\d+) kB", told, re.MULTILINE)
    return (int(found[1]) / 1024 if found else 0.0) + sum(memory(int(child)) for child in children)
