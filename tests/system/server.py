"""Commands in processes of their own, without the seconds in which each would load torch.

A process that has loaded everything, and done nothing, forks for each command: the child gets its folder, its
environment, its own stdin, stdout and stderr, and ends with the command's exit code, as a fresh process would. Whoever
asks connects to a socket; `shim` is a command `mtkit` that does so, for shells and terminals. What a fresh process
alone has (signals switched off before it, streams closed before it, what Python does at its end) is tested with some.
"""

import atexit
import contextlib
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from pathlib import Path
from select import select

LOADED = (
    "torch",
    "torch._dynamo",  # which torch loads with its first optimiser, or to count operations, in two seconds
    "mtkit.cli.main",
    *(f"mtkit.cli.{name}" for name in ("evaluate", "look", "preprocess", "report", "score", "train", "translate")),
    "mtkit.jobs.train",
    "mtkit.jobs.evaluate",
    "mtkit.jobs.info",
    "mtkit.jobs.export",
)
REQUEST = 1 << 16  # bytes at most
ROOT = Path(__file__).parents[2]
MTKIT = "from mtkit.cli.main import main\nmain()\n"
SHIM = """#!{python} -SE
import json, os, socket, sys
end = socket.socket(socket.AF_UNIX)
end.connect({address!r})
request = {{
    "code": {code!r}, "arguments": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ)
}}
socket.send_fds(end, [json.dumps(request).encode()], [0, 1, 2])
answers = end.makefile()
answers.readline()
code = int(answers.readline())
sys.exit(code if code >= 0 else 128 - code)
"""


class Server:
    """The process that forks; it ends with the one that began it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mtkit-"))
        self.address = str(self.folder / "socket")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(self.address)
            listening.listen()
            alive, self.alive = os.pipe()
            given = (listening.fileno(), alive)
            command = [sys.executable, "-m", "tests.system.server", *map(str, given)]
            self.process = subprocess.Popen(command, pass_fds=given, cwd=ROOT, stdin=subprocess.DEVNULL)
            os.close(alive)
        atexit.register(self.close)

    def close(self) -> None:
        """Let it end."""
        os.close(self.alive)
        self.process.wait()
        shutil.rmtree(self.folder)

    def shim(self) -> Path:
        """A folder with a command `mtkit` that this process runs."""
        command = self.folder / "mtkit"
        command.write_text(SHIM.format(python=sys.executable, address=self.address, code=MTKIT))
        command.chmod(0o755)
        return self.folder


class Command:
    """Running Python code, with arguments in a folder, on stdin, stdout and stderr; killed after `limit` seconds."""

    def __init__(
        self,
        code: str,
        arguments: list[str],
        folder: Path,
        environment: dict[str, str],
        streams: list[int],
        limit: float,
    ) -> None:
        self._end = socket.socket(socket.AF_UNIX)
        self._end.connect(server().address)
        request = {"code": code, "arguments": arguments, "folder": str(folder), "environment": environment}
        socket.send_fds(self._end, [json.dumps(request).encode()], streams)
        self._answers = self._end.makefile()
        self.pid = int(self._answers.readline())
        self._ended: int | None = None
        self._timer = threading.Timer(limit, self.kill)
        self._timer.daemon = True
        self._timer.start()

    def wait(self) -> int:
        """Its exit code; negative: the signal that ended it."""
        if self._ended is None:
            with self._end, self._answers:
                self._ended = int(self._answers.readline())
            self._timer.cancel()
        return self._ended

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal, unless it has ended."""
        if self._ended is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


class Piped(Command):
    """Running code whose streams are pipes."""

    def __init__(
        self, code: str, arguments: list[str], folder: Path, environment: dict[str, str], limit: float
    ) -> None:
        (stdin, given), (got, stdout), (told, stderr) = (os.pipe() for _ in range(3))
        super().__init__(code, arguments, folder, environment, [stdin, stdout, stderr], limit)
        for end in (stdin, stdout, stderr):
            os.close(end)
        self.stdin, self.stdout, self.stderr = open(given, "wb"), open(got, "rb"), open(told, "rb")  # noqa: SIM115

    def close(self) -> None:
        """End it, whatever it does."""
        self.kill()
        self.wait()
        for pipe in (self.stdin, self.stdout, self.stderr):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


@functools.cache
def server() -> Server:
    """The one of this test process."""
    return Server()


def serve(listening: socket.socket, alive: int) -> None:
    """Fork for each who connects, until nobody holds the other end of `alive`."""
    for name in LOADED:
        __import__(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who attend
    while listening.fileno() in select([listening.fileno(), alive], [], [])[0]:
        end, _ = listening.accept()
        if not os.fork():
            listening.close()
            _attend(end)
        end.close()


def _attend(end: socket.socket) -> None:
    """Run a command, and tell its number and its end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request, streams, _, _ = socket.recv_fds(end, REQUEST, 3)
    if not (child := os.fork()):
        end.close()
        _become(json.loads(request), streams)
    for stream in streams:
        os.close(stream)
    end.sendall(f"{child}\n".encode())
    _, status = os.waitpid(child, 0)
    end.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(request: dict[str, object], streams: list[int]) -> None:
    """The command, to its end."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whatever nohup made of it
    os.chdir(str(request["folder"]))
    os.environ.clear()
    os.environ.update(request["environment"])  # type: ignore[call-overload]
    sys.argv = ["mtkit", *request["arguments"]]  # type: ignore[misc]
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", errors=errors, closefd=False)  # noqa: SIM115 - as long as the process
        for number, mode, errors in ((0, "r", "strict"), (1, "w", "strict"), (2, "w", "backslashreplace"))
    )
    code = 0
    try:
        exec(str(request["code"]), {"__name__": "__main__"})
    except SystemExit as leave:
        code = leave.code if isinstance(leave.code, int) else int(leave.code is not None)
        if isinstance(leave.code, str):
            print(leave.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        for written in (sys.stdout, sys.stderr):
            try:
                written.flush()
            except OSError:
                code = code or 120
        os._exit(code)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
