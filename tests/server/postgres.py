"""A server of PostgreSQL with a folder and a port of its own, run by an ordinary user, killed where that is asked."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

USER = "nobody"  # who runs it where the tests are run by root, which it refuses to be
BEGIN = 60.0  # seconds


def programs() -> Path | None:
    """Where its programs are, as Debian's package has them or in the path; None: it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4].split(".")[0]))
    in_path = shutil.which("initdb")
    return found[-1].parent if found else Path(in_path).parent if in_path else None


class Postgres:
    """A server, not yet begun."""

    def __init__(self, folder: Path) -> None:
        # Not below a folder of pytest, which is for its owner alone.
        self._root = Path(tempfile.mkdtemp(prefix="mtkit-postgres-"))
        self._as: dict[str, Any] = {"user": USER, "extra_groups": []} if os.getuid() == 0 else {}
        if self._as:
            shutil.chown(self._root, USER)
        self._folder, self._data, self.port = folder, self._root / "data", _free()
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self._run("initdb", "-D", str(self._data), "-U", "mtkit", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8")

    def _run(self, name: str, *arguments: str) -> None:
        done = subprocess.run([str(self._folder / name), *arguments], capture_output=True, cwd=self._root, **self._as)
        assert done.returncode == 0, done.stderr.decode()

    def begin(self) -> None:
        """Start it, and wait until it answers: after a kill, when it has put its files in order again."""
        command = [str(self._folder / "postgres"), "-D", str(self._data), "-p", str(self.port)]
        command += ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self._root}"]
        end = time.monotonic() + BEGIN
        while True:
            if self._process is None or self._process.poll() is not None:
                nobody = subprocess.DEVNULL
                self._process = subprocess.Popen(command, cwd=self._root, stdout=nobody, stderr=nobody, **self._as)
            with contextlib.suppress(AssertionError):
                self._psql("select 1")
                return
            assert time.monotonic() < end, "PostgreSQL does not begin"
            time.sleep(0.05)

    def _psql(self, command: str) -> None:
        self._run("psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "mtkit", "-d", "postgres", "-c", command)

    def database(self) -> str:
        """The address of a new database."""
        self._databases += 1
        self._psql(f"create database d{self._databases}")
        return f"postgresql+pg8000://mtkit:secret@127.0.0.1:{self.port}/d{self._databases}"

    def kill(self) -> None:
        """End it without a word, as a machine that loses power."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End it, and delete its files."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
        shutil.rmtree(self._root, ignore_errors=True)


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as made:
        return int(made.getsockname()[1])
