"""Commands in processes of their own, without the seconds in which each would load torch.

A process that has loaded everything, and done nothing, forks for each command: the child gets its folder, its
environment, its own stdin, stdout and stderr, and ends with the command's exit code, as a fresh process would.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

LOADED = ("torch", "mtkit.cli.main", "mtkit.jobs.train", "mtkit.jobs.evaluate", "mtkit.jobs.info", "mtkit.jobs.export")
REQUEST = 1 << 20  # bytes at most


class Server:
    """The process that forks, started by whoever first asks."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.end = ours
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.system.server", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.DEVNULL,
        )
        theirs.close()

    def run(self, arguments: list[str], folder: Path, environment: dict[str, str], streams: list[int]) -> int:
        """Run `mtkit ARGUMENTS` in a folder on stdin, stdout, stderr; returns the number of its process."""
        request = json.dumps({"arguments": arguments, "folder": str(folder), "environment": environment})
        socket.send_fds(self.end, [request.encode()], streams)
        return int(self.end.recv(REQUEST))

    def wait(self) -> int:
        """The exit code of the command that was begun last; negative: the signal that ended it."""
        return int(self.end.recv(REQUEST))


def serve(end: socket.socket) -> None:
    """Fork for each request until the other end is closed."""
    for name in LOADED:
        __import__(name)
    while True:
        request, streams, _, _ = socket.recv_fds(end, REQUEST, 3)
        if not request:
            return
        if not (child := os.fork()):
            end.close()
            _become(json.loads(request), streams)
        for stream in streams:
            os.close(stream)
        end.send(str(child).encode())
        _, status = os.waitpid(child, 0)
        end.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(request: dict[str, object], streams: list[int]) -> None:
    """The command, to its end."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(str(request["folder"]))
    os.environ.clear()
    os.environ.update(request["environment"])  # type: ignore[call-overload]
    sys.argv = ["mtkit", *request["arguments"]]  # type: ignore[misc]
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", errors=errors, closefd=False)  # noqa: SIM115 - they live as long as the process
        for number, mode, errors in ((0, "r", "strict"), (1, "w", "strict"), (2, "w", "backslashreplace"))
    )
    code = 0
    try:
        from mtkit.cli.main import main

        main()
    except SystemExit as leave:
        code = leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    except BaseException:
        import traceback

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
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    serve(socket.socket(fileno=int(sys.argv[1])))
