"""Two machines that train together, as the kernel makes them, and a link between them that is cut."""

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.network import Network, possible
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

ERROR = re.compile("^error: .*", re.MULTILINE)

pytestmark = pytest.mark.system


@pytest.fixture
def network() -> Iterator[Network]:
    if why := possible():
        pytest.skip(why)
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
            assert process.wait(100) == 0, (folder / "told1").read_text() + (folder / "told2").read_text()
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
    for number, process in enumerate(started, 1):
        began = time.monotonic()
        while not (errors := ERROR.findall((folder / f"told{number}").read_text())):
            time.sleep(0.2)
            assert time.monotonic() - began < 60
        assert len(errors) == 1
        assert "is gone or cannot be reached" in errors[0]
        process.kill()  # torchrun waits for the other one for minutes
        process.wait()
