"""A language to learn in seconds, and the command as a user types it."""

import os
import random
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.system.server import MTKIT, Command, Piped, server

if TYPE_CHECKING:
    import pexpect

WORDS = dict(
    zip(
        [
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "the",
            "big",
            "small",
            "red",
            "dog",
            "cat",
            "house",
            "sees",
            "and",
            "finds",
        ],
        [
            "eins",
            "zwei",
            "drei",
            "vier",
            "fünf",
            "sechs",
            "sieben",
            "acht",
            "neun",
            "zehn",
            "das",
            "große",
            "kleine",
            "rote",
            "Hund",
            "Katze",
            "Haus",
            "sieht",
            "und",
            "findet",
        ],
        strict=True,
    )
)

CONFIG = """
name = "toy"
[data]
source_lang = "en"
target_lang = "de"
train = "train"
dev = "dev"
test = "test"
[filter]
max_pieces = 50
[tokenizer]
vocab_size = 380
[model]
embed_dim = 48
hidden_dim = 64
dropout = 0.1
[train]
batch_tokens = 200
lr = 0.01
warmup = 10
schedule = "linear"
max_epochs = 0
max_updates = 60
validate_every = 20
validate_lines = 20
precision = "fp32"
"""


def write_text(folder: Path, seed: int = 0) -> None:
    """600 training, 30 dev and 30 test pairs: word by word, in order."""
    rng = random.Random(seed)
    for part, count in (("train", 600), ("dev", 30), ("test", 30)):
        lines = [[rng.choice(list(WORDS)) for _ in range(rng.randint(2, 9))] for _ in range(count)]
        (folder / f"{part}.en").write_text("".join(" ".join(line) + "\n" for line in lines))
        (folder / f"{part}.de").write_text("".join(" ".join(WORDS[word] for word in line) + "\n" for line in lines))


def make(folder: Path, config: str = CONFIG) -> Path:
    """A folder with text and config."""
    folder.mkdir(exist_ok=True)
    write_text(folder)
    (folder / "mtkit.toml").write_text(config)
    return folder


def hear() -> None:
    """Between fork and exec: let SIGINT through, which whoever runs the tests in the background has switched off."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


COMMAND = [sys.executable, "-m", "mtkit"]
# One thread: the toy is too small for two, and tests run beside each other.
ENVIRONMENT = {**os.environ} | {"COLUMNS": "100", "OMP_NUM_THREADS": "1"}


def mtkit(
    folder: Path, *arguments: str, stdin: str | bytes = b"", limit: float = 120, before: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, after some Python code; its stdout and stderr as text."""
    return python(before + "\n" + MTKIT, *arguments, folder=folder, stdin=stdin, limit=limit)


def python(
    code: str,
    *arguments: str,
    folder: Path,
    environment: dict[str, str] = ENVIRONMENT,
    stdin: str | bytes = b"",
    limit: float = 120,
) -> subprocess.CompletedProcess[str]:
    """Run Python code; stdout and stderr as text, decoded as UTF-8 and split by nobody."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin.encode() if isinstance(stdin, str) else stdin)
        given.seek(0)
        streams = [given.fileno(), out.fileno(), err.fileno()]
        done = Command(code, list(arguments), folder, environment, streams, limit).wait()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(["mtkit", *arguments], done, out.read().decode(), err.read().decode())


def begin(folder: Path, *arguments: str, limit: float = 120, before: str = "") -> Piped:
    """A command that runs, with pipes to it."""
    return Piped(before + "\n" + MTKIT, list(arguments), folder, ENVIRONMENT, limit)


def terminal(
    folder: Path, *arguments: str, environment: dict[str, str] | None = None, rows: int = 24, columns: int = 80
) -> "pexpect.spawn[str]":
    """A command that runs at a terminal."""
    import pexpect  # most tests need none

    environment = dict(os.environ) if environment is None else environment
    shim = str(server().shim() / "mtkit")
    return pexpect.spawn(
        shim,
        list(arguments),
        cwd=str(folder),
        env=environment,
        dimensions=(rows, columns),
        encoding="utf-8",
        timeout=60,
    )


def ran(done: subprocess.CompletedProcess[str]) -> str:
    """The stdout of a command that must have succeeded."""
    assert done.returncode == 0, done.stderr
    return done.stdout


def failed(done: subprocess.CompletedProcess[str], *parts: str, code: int = 1) -> None:
    """A command that must have failed as users are promised: exit code, one or two lines, no traceback."""
    assert done.returncode == code, (done.returncode, done.stderr)
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if not line.startswith(("config:", "reading", "training a"))]
    assert 1 <= len(lines) <= 2, done.stderr
    assert lines[0].startswith("error: ")
    for part in parts:
        assert part in done.stderr, done.stderr
