"""Two machines as the kernel makes them: network namespaces, joined by a virtual link that can be slowed and cut.

Needs root, and ip and tc (apt-get install iproute2).
"""

import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

ADDRESS = "10.77.0.{}"


def possible() -> str:
    """Why there can be none here; "": there can."""
    if os.geteuid() or not all(map(shutil.which, ("ip", "tc"))):
        return "network namespaces need root, ip and tc (apt-get install iproute2)"
    return ""


class Network:
    """Two namespaces, each with an address of its own.

    Args:
        rate: of the link, as tc has it: 1gbit; "": as fast as it goes.

    Raises:
        OSError: the kernel or the container has none of it.
    """

    def __init__(self, rate: str = "") -> None:
        name = uuid.uuid4().hex[:6]
        self.spaces, self.ends = (f"mtk{name}a", f"mtk{name}b"), (f"m{name}a", f"m{name}b")
        for space in self.spaces:
            _run("ip", "netns", "add", space)
        _run("ip", "link", "add", self.ends[0], "type", "veth", "peer", "name", self.ends[1])
        for number, (space, end) in enumerate(zip(self.spaces, self.ends, strict=True), 1):
            _run("ip", "link", "set", end, "netns", space)
            _run("ip", "-n", space, "addr", "add", f"{ADDRESS.format(number)}/24", "dev", end)
            for one in ("lo", end):
                _run("ip", "-n", space, "link", "set", one, "up")
            if rate:
                shaped = ["root", "tbf", "rate", rate, "burst", "512kb", "latency", "50ms"]
                _run("ip", "netns", "exec", space, "tc", "qdisc", "add", "dev", end, *shaped)

    def cut(self) -> None:
        """Cut the link."""
        _run("ip", "-n", self.spaces[0], "link", "set", self.ends[0], "down")

    def close(self) -> None:
        """Remove all of it."""
        for space in self.spaces:
            _run("ip", "netns", "delete", space)

    def sent(self) -> int:
        """Bytes that have left the first of both."""
        shown = ["ip", "netns", "exec", self.spaces[0], "cat", f"/sys/class/net/{self.ends[0]}/statistics/tx_bytes"]
        return int(subprocess.run(shown, capture_output=True, check=True, text=True).stdout)

    def train(self, folder: Path, *arguments: str, script: Path | None = None) -> list["subprocess.Popen[str]"]:
        """`torchrun -m mtkit train` in each, with one process of one thread; `script`: that in its place.

        What each tells is written into the folder, as told1 and told2.
        """
        what = [str(script)] if script else ["-m", "mtkit"]
        started = []
        for number, (space, end) in enumerate(zip(self.spaces, self.ends, strict=True), 1):
            command = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
            command += ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"{ADDRESS.format(1)}:29500", "--rdzv-id", "7"]
            command += ["--rdzv-conf", f"is_host={2 - number}", "--local-addr", ADDRESS.format(number)]
            with (folder / f"told{number}").open("w", encoding="utf-8") as told:
                process = subprocess.Popen(
                    ["ip", "netns", "exec", space, *command, *what, "train", "--threads", "1", *arguments],
                    cwd=folder,
                    env=os.environ | {"GLOO_SOCKET_IFNAME": end, "PYTHONPATH": str(Path(__file__).parents[1])},
                    stderr=told,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    text=True,
                )
            started.append(process)
        return started


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
