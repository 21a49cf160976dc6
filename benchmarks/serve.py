"""A server under load: clients that send captions one at a time, beside `mtkit translate` on the same lines.

    python -m benchmarks.serve --model RUN --lines captions.en [--clients 1 8 64 256] [--seconds 20]
    python -m benchmarks.serve --model RUN --lines captions.en --requests 200000
    python -m benchmarks.serve --model RUN --lines captions.en --minutes 10

The clients are one process of their own, which costs little: raw streams that stay open, and no HTTP library. Each has
one request on its way at a time. Every answer is compared with what `mtkit translate` says of the same line. "one by
one" is the same server whose queue gives a model one line at a time, as servers do that do not batch. With --requests
or --minutes there is one long run instead, of 64 clients: what was lost or mixed up, and what memory the server holds.
"""

import argparse
import asyncio
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.pool import Pool
from pathlib import Path

ONE_BY_ONE = """
from mtkit.server import batcher
batcher.TOGETHER = batcher.TURN = 1
"""
CLIENTS, LONG = (1, 8, 64, 256), 64
LOOKS = 60.0  # seconds between two looks at the memory
WARM = 0.1  # of a long run, after which memory is to be flat
RUN = "from mtkit.cli.main import main\nmain()\n"


@dataclass
class Load:
    """What came of some clients.

    Attributes:
        times: of requests, in seconds.
        wrong: answers that were refusals, or another line's.
        lost: requests that were not answered.
    """

    seconds: float = 0.0
    times: list[float] = field(default_factory=list)
    wrong: int = 0
    lost: int = 0

    def __str__(self) -> str:
        cuts = [1000 * cut for cut in statistics.quantiles(self.times, n=100)]
        per, bad = len(self.times) / self.seconds, f"{self.wrong} wrong, {self.lost} lost"
        return f"{per:8.1f} sentences/s   p50 {cuts[49]:7.1f} ms   p99 {cuts[98]:7.1f} ms   {bad}"


@dataclass
class Until:
    """When clients end.

    Attributes:
        end: when no other request is sent.
        requests: that may still be sent.
    """

    end: float
    requests: float = math.inf

    def more(self) -> bool:
        """Whether another one is to be sent, which then counts."""
        if time.perf_counter() >= self.end or self.requests < 1:
            return False
        self.requests -= 1
        return True


class Server:
    """A server in a process of its own."""

    def __init__(self, model: Path, languages: tuple[str, str], before: str, more: Sequence[str]) -> None:
        self.languages = languages
        command = [sys.executable, "-c", before + RUN, "serve", str(model), "--port", "0", *more]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if "serving at http://" in line:
                self.host, _, port = line.split("http://")[1].split(";")[0].partition(":")
                self.port = int(port)
                return
        raise SystemExit(f"the server did not start: {' '.join(command[3:])}")

    @property
    def megabytes(self) -> float:
        """Of memory that it holds."""
        status = Path(f"/proc/{self._process.pid}/status")
        if not status.exists():
            return float("nan")
        return int(status.read_text().partition("VmRSS:")[2].split()[0]) / 1024

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.communicate(timeout=60)


async def _client(
    server: tuple[str, int], bodies: Sequence[tuple[bytes, str]], first: int, until: Until, load: Load
) -> None:
    reader, writer = await asyncio.open_connection(*server)
    place = first
    while until.more():
        body, expected = bodies[place % len(bodies)]
        place += 7919  # other lines than those of the clients beside it
        began = time.perf_counter()
        try:
            writer.write(body)
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            answer = json.loads(await reader.readexactly(size))
        except (OSError, EOFError):
            load.lost += 1
            writer.close()
            reader, writer = await asyncio.open_connection(*server)
            continue
        load.times.append(time.perf_counter() - began)
        load.wrong += answer.get("translatedText") != expected
    writer.close()


async def _clients(
    server: tuple[str, int], bodies: Sequence[tuple[bytes, str]], clients: int, seconds: float, most: float
) -> Load:
    load, began = Load(), time.perf_counter()
    step, until = len(bodies) // clients or 1, Until(began + seconds, most)
    await asyncio.gather(*(_client(server, bodies, step * n, until, load) for n in range(clients)))
    load.seconds = time.perf_counter() - began
    return load


def _ask(
    server: tuple[str, int], bodies: Sequence[tuple[bytes, str]], clients: int, seconds: float, most: float = math.inf
) -> Load:
    return asyncio.run(_clients(server, bodies, clients, seconds, most))


def long_run(server: Server, pool: Pool, bodies: Sequence[tuple[bytes, str]], clients: int, until: Until) -> None:
    """One load for long, with looks at the server's memory.

    Args:
        until: its end is in seconds from now.
    """
    began, held = time.perf_counter(), list[tuple[float, float]]()
    work = pool.apply_async(_ask, ((server.host, server.port), bodies, clients, until.end, until.requests))
    looks = min(LOOKS, until.end / 20)
    while not held or not work.ready():
        work.wait(looks)
        held.append((time.perf_counter() - began, server.megabytes))
        print(f"{held[-1][0]:8.0f} s   {held[-1][1]:6.0f} MB", flush=True)
    load = work.get()
    warm = [megabytes for seconds, megabytes in held[:-1] if seconds >= WARM * held[-1][0]] or [held[-1][1]]
    print(f"{len(load.times):,} answers to {clients} clients in {load.seconds:.0f} s: {load}")
    print(f"memory from a tenth of the time on: {min(warm):.0f} to {max(warm):.0f} MB, {warm[-1]:.0f} in the end")


def requests(lines: Sequence[str], translations: Sequence[str], languages: tuple[str, str]) -> list[tuple[bytes, str]]:
    """Requests as they are sent, each with its answer."""
    made = []
    for line, translation in zip(lines, translations, strict=True):
        body = json.dumps({"q": line, "source": languages[0], "target": languages[1]}).encode()
        head = (
            f"POST /translate HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        )
        made.append((head.encode() + b"\r\n\r\n" + body, translation))
    return made


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--lines", type=Path, required=True, help="sources, one a line")
    parser.add_argument("--clients", type=int, nargs="+", help="default: 1 8 64 256, or 64 where it takes long")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument("--requests", type=int, help="so many in one long run instead")
    parser.add_argument("--minutes", type=float, help="so long, instead")
    parser.add_argument("more", nargs="*", help="of mtkit serve and translate, after --: e.g. -- --precision int8")
    asked = parser.parse_args()

    from mtkit.translator.translator import Translator

    lines = [line for line in asked.lines.read_text(encoding="utf-8").split("\n") if line.strip()]
    with asked.lines.open("rb") as given:
        command = [sys.executable, "-m", "mtkit", "translate", "-m", str(asked.model), "-q", *asked.more]
        began = time.perf_counter()
        done = subprocess.run(command, stdin=given, capture_output=True, check=True)
        whole = time.perf_counter() - began
    translations = [line for line in done.stdout.decode().split("\n") if line.strip()]
    first = subprocess.run(command, input=lines[0].encode() + b"\n", capture_output=True, check=True)
    assert first.stdout.decode().split("\n")[:1] == translations[:1]
    loaded = Translator.load(asked.model)
    languages = loaded.source_lang, loaded.target_lang
    del loaded
    print(
        f"mtkit translate, {len(lines)} lines: {len(lines) / whole:.1f} sentences/s, its start included ({whole:.1f} s)"
    )
    bodies = requests(lines, translations, languages)
    is_long = asked.requests is not None or asked.minutes is not None
    with get_context("spawn").Pool(1) as pool:
        for name, before in (("mtkit serve", ""), ("one by one", ONE_BY_ONE))[: 1 if is_long else 2]:
            server = Server(asked.model, languages, before, asked.more)
            try:
                where = (server.host, server.port)
                pool.apply(_ask, (where, bodies, 1, 2.0))  # loads the model
                if is_long:
                    until = Until(60 * (asked.minutes or 60 * 24), asked.requests or math.inf)
                    long_run(server, pool, bodies, (asked.clients or [LONG])[0], until)
                for clients in () if is_long else asked.clients or CLIENTS:
                    load = pool.apply(_ask, (where, bodies, clients, asked.seconds))
                    print(f"{name:12} {clients:4} clients {load}   {server.megabytes:6.0f} MB", flush=True)
            finally:
                server.close()


if __name__ == "__main__":
    main()
