"""Two machines as the kernel makes them: network namespaces, joined by a virtual link that can be slowed and cut."""

import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.test_together import SHORT, copied, same, undisturbed, weights
from tests.system.toy import COMMAND, ENVIRONMENT

__all__ = ["undisturbed"]
ROOT = Path(__file__).parents[2]
HASTY = """
from datetime import timedelta
from mtkit.cli.main import main
from mtkit.train import group
group.QUICK = group.PATIENT = timedelta(seconds=10)
main()
"""

pytestmark = pytest.mark.system


class Network:
    """Two namespaces, each with an address of its own.

    Args:
        rate: of the link, as tc has it: 1gbit; "": as fast as it goes.
    """

    def __init__(self, rate: str = "") -> None:
        name = uuid.uuid4().hex[:6]
        self.spaces, self.ends = (f"mtk{name}a", f"mtk{name}b"), (f"m{name}a", f"m{name}b")
        for space in self.spaces:
            run("ip", "netns", "add", space)
        run("ip", "link", "add", self.ends[0], "type", "veth", "peer", "name", self.ends[1])
        for number, (space, end) in enumerate(zip(self.spaces, self.ends, strict=True), 1):
            run("ip", "link", "set", end, "netns", space)
            run("ip", "-n", space, "addr", "add", f"10.77.0.{number}/24", "dev", end)
            for one in ("lo", end):
                run("ip", "-n", space, "link", "set", one, "up")
            if rate:
                shaped = ["root", "tbf", "rate", rate, "burst", "512kb", "latency", "50ms"]
                run("ip", "netns", "exec", space, "tc", "qdisc", "add", "dev", end, *shaped)

    def cut(self) -> None:
        run("ip", "-n", self.spaces[0], "link", "set", self.ends[0], "down")

    def close(self) -> None:
        for space in self.spaces:
            run("ip", "netns", "delete", space)

    def train(self, folder: Path, *arguments: str, script: Path | None = None) -> list["subprocess.Popen[str]"]:
        """One torchrun in each."""
        what = [str(script)] if script else ["-m", "mtkit"]
        started = []
        for number, (space, end) in enumerate(zip(self.spaces, self.ends, strict=True), 1):
            torchrun = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
            torchrun += [
                "--rdzv-backend",
                "c10d",
                "--rdzv-endpoint",
                "10.77.0.1:29500",
                "--rdzv-id",
                "7",
                "--rdzv-conf",
            ]
            torchrun += [f"is_host={2 - number}", "--local-addr", f"10.77.0.{number}", *what, "train", *arguments]
            process = subprocess.Popen(
                ["ip", "netns", "exec", space, *torchrun],
                cwd=folder,
                env=ENVIRONMENT | {"GLOO_SOCKET_IFNAME": end, "PYTHONPATH": str(ROOT)},
                stderr=subprocess.PIPE,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                text=True,
            )
            started.append(process)
        return started


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")


@pytest.fixture
def network() -> Iterator[Network]:
    if os.geteuid() or not all(map(shutil.which, ("ip", "tc"))):
        pytest.skip("network namespaces need root, ip and tc (apt-get install iproute2)")
    try:
        made = Network("1gbit")
    except OSError as error:
        pytest.skip(str(error))
    yield made
    made.close()


def test_two_machines_train_and_go_on_and_a_link_is_cut(undisturbed: Path, tmp_path: Path, network: Network) -> None:
    folder = copied(undisturbed, tmp_path / "toy")
    for updates in ("7", "12"):
        started = network.train(folder, *SHORT, "-s", f"train.max_updates={updates}", "-s", "train.schedule=constant")
        for process in started:
            _, told = process.communicate(timeout=100)
            assert process.returncode == 0, told
    whole = copied(undisturbed, tmp_path / "whole")
    command = [*COMMAND, "train", *SHORT, "-s", "train.schedule=constant", "-s", "train.accumulate=2"]
    subprocess.run(command, cwd=whole, env=ENVIRONMENT | {"PYTHONPATH": str(ROOT)}, check=True, capture_output=True)
    assert same(weights(folder), weights(whole))

    script = tmp_path / "hasty.py"
    script.write_text(HASTY)
    started = network.train(folder, "-s", "name=cut", "-s", "train.max_updates=100000", script=script)
    while not (folder / "runs/cut/checkpoints").is_dir() or not list((folder / "runs/cut/checkpoints").glob("000*20")):
        time.sleep(0.2)
        assert [process.poll() for process in started] == [None, None]
    network.cut()
    time.sleep(30)
    for process in started:
        process.terminate()
    sides = [process.communicate(timeout=60)[1] for process in started]
    for one_side in sides:
        errors = [line for line in one_side.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, one_side
        assert "is gone or cannot be reached" in errors[0]
