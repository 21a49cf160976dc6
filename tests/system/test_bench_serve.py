"""The benchmark of the server: what it prints, and that it sees what is lost or mixed up."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.serve import Load, Until, _clients, requests
from tests.translator.small import LINES, written

ROOT = Path(__file__).parents[2]
LOADED = r"sentences/s   p50 +\d+\.\d ms   p99 +\d+\.\d ms   0 wrong, 0 lost"


async def loaded(answers: list[bytes | None]) -> Load:
    """Clients of a server that says these, one after the other, to whoever asks; None: it goes without a word."""
    left = iter(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096):
            if (body := next(left)) is None:
                break
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        where = server.sockets[0].getsockname()[:2]
        return await _clients(where, requests(["a"], ["A"], ("en", "de")), 1, 60.0, len(answers))


def test_what_is_lost_or_mixed_up_is_seen() -> None:
    good, bad, refused = b'{"translatedText": "A"}', b'{"translatedText": "B"}', b'{"error": "later"}'
    found = asyncio.run(loaded([good, bad, good, None, refused, good]))
    assert (len(found.times), found.wrong, found.lost) == (5, 2, 1)
    assert "2 wrong, 1 lost" in str(found)
    assert not Until(0.0).more()


@pytest.mark.system
@pytest.mark.parametrize(
    "how", [("--clients", "1", "3", "--seconds", "0.5"), ("--requests", "40"), ("--minutes", "0.02")], ids=str
)
def test_it_measures(tmp_path: Path, how: tuple[str, ...]) -> None:
    (tmp_path / "lines").write_text("".join(f"{line}\n" for line in LINES if line))
    command = [sys.executable, "-m", "benchmarks.serve", "--model", str(written(tmp_path / "en-de"))]
    done = subprocess.run(
        [*command, "--lines", str(tmp_path / "lines"), *how, "--", "--beam-size", "1", "--precision", "fp32"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[0].startswith(f"mtkit translate, {len(LINES) - 1} lines: ")
    if how[0] == "--clients":
        names = [(name, clients) for name in ("mtkit serve", "one by one") for clients in (1, 3)]
        assert [(line[:12].strip(), int(line.split("clients")[0].split()[-1])) for line in said[1:]] == names
        assert all(re.search(LOADED, line) for line in said[1:])
    else:
        assert re.search(r"^[\d,]+ answers to 64 clients in \d+ s: +\d+\.\d " + LOADED, said[-2])
        assert re.search(r"memory from a tenth of the time on: \d+ to \d+ MB", said[-1])
        assert how[0] != "--requests" or said[-2].startswith("40 answers")
