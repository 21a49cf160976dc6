"""A server under load: clients that send captions one at a time, beside `mtkit translate` on the same lines.

    python -m benchmarks.serve --model RUN --lines captions.en [--clients 1 8 64 256] [--seconds 20]

The clients are one process of their own, which costs little: raw streams that stay open, and no HTTP library. Each has
one request on its way at a time. Every answer is compared with what `mtkit translate` says of the same line. "one by
one" is the same server whose queue gives a model one line at a time, as servers do that do not batch.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

ONE_BY_ONE = """
from mtkit.server import batcher
batcher.TOGETHER = batcher.TURN = 1
batcher.PAUSE = 0.0
"""
RUN = "from mtkit.cli.main import main\nmain()\n"


@dataclass
class Load:
    """What came of some clients.

    Attributes:
        times: of requests, in seconds.
        wrong: answers that were none, or another line's.
    """

    seconds: float = 0.0
    times: list[float] = field(default_factory=list)
    wrong: int = 0

    def __str__(self) -> str:
        cuts = [1000 * cut for cut in statistics.quantiles(self.times, n=100)]
        per = len(self.times) / self.seconds
        return f"{per:8.1f} sentences/s   p50 {cuts[49]:7.1f} ms   p99 {cuts[98]:7.1f} ms   {self.wrong} wrong"


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
    server: tuple[str, int], bodies: Sequence[tuple[bytes, str]], first: int, until: float, load: Load
) -> None:
    reader, writer = await asyncio.open_connection(*server)
    place = first
    while time.perf_counter() < until:
        body, expected = bodies[place % len(bodies)]
        place += 7919  # other lines than those of the clients beside it
        began = time.perf_counter()
        writer.write(body)
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        answer = json.loads(await reader.readexactly(size))
        load.times.append(time.perf_counter() - began)
        load.wrong += answer.get("translatedText") != expected
    writer.close()


async def _clients(server: tuple[str, int], bodies: Sequence[tuple[bytes, str]], clients: int, seconds: float) -> Load:
    load, began = Load(), time.perf_counter()
    step = len(bodies) // clients or 1
    await asyncio.gather(*(_client(server, bodies, step * n, began + seconds, load) for n in range(clients)))
    load.seconds = time.perf_counter() - began
    return load


def _ask(server: tuple[str, int], bodies: Sequence[tuple[bytes, str]], clients: int, seconds: float) -> Load:
    return asyncio.run(_clients(server, bodies, clients, seconds))


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
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64, 256])
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument("more", nargs="*", help="of mtkit serve and translate, after --: e.g. -- --precision int8")
    asked = parser.parse_args()

    from mtkit.translator.translator import Translator

    lines = [line for line in asked.lines.read_text(encoding="utf-8").splitlines() if line.strip()]
    with asked.lines.open("rb") as given:
        command = [sys.executable, "-m", "mtkit", "translate", "-m", str(asked.model), "-q", *asked.more]
        began = time.perf_counter()
        done = subprocess.run(command, stdin=given, capture_output=True, check=True)
        whole = time.perf_counter() - began
    translations = [line for line in done.stdout.decode().splitlines() if line.strip()]
    first = subprocess.run(command, input=lines[0].encode() + b"\n", capture_output=True, check=True)
    assert first.stdout.decode().splitlines() == translations[:1]
    loaded = Translator.load(asked.model)
    languages = loaded.source_lang, loaded.target_lang
    del loaded
    print(
        f"mtkit translate, {len(lines)} lines: {len(lines) / whole:.1f} sentences/s, its start included ({whole:.1f} s)"
    )
    bodies = requests(lines, translations, languages)
    with get_context("spawn").Pool(1) as pool:
        for name, before in (("mtkit serve", ""), ("one by one", ONE_BY_ONE)):
            server = Server(asked.model, languages, before, asked.more)
            try:
                where = (server.host, server.port)
                pool.apply(_ask, (where, bodies, 1, 2.0))  # loads the model
                for clients in asked.clients:
                    load = pool.apply(_ask, (where, bodies, clients, asked.seconds))
                    print(f"{name:12} {clients:4} clients {load}   {server.megabytes:6.0f} MB", flush=True)
            finally:
                server.close()


if __name__ == "__main__":
    main()
