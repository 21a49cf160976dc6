"""The benchmark of training itself: a few updates of the demo, and wrong usage."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from benchmarks.train import WARM, main, measured
from tests.system.toy import mtkit, ran

ROOT = Path(__file__).parents[2]


class Event(NamedTuple):
    """What of an update is measured."""

    target_tokens: int
    seconds: float
    waited: float


def number(text: str) -> float:
    return float(text.replace(",", ""))


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.train", *arguments], cwd=ROOT, capture_output=True, text=True
    )


@pytest.mark.slow
def test_a_table_of_both_precisions(tmp_path: Path) -> None:
    done = bench("--work", str(tmp_path), "--updates", "3", "--side", "512", "demo")
    assert done.returncode == 0, done.stderr
    peak, head, *rows, start = done.stdout.splitlines()
    peaks = re.fullmatch(r"peak of one product of 512 x 512: fp32 ([\d,]+) GFLOP/s, bf16 ([\d,]+) GFLOP/s", peak)
    assert peaks
    assert head.startswith("workload")
    mflop = json.loads(ran(mtkit(tmp_path, "info", "demo", "--json")))["mflop_per_target_token"]["total"]
    for row, precision, top in zip(rows, ("fp32", "bf16"), peaks.groups(), strict=True):
        name, which, rate, share, memory, _, waited = row.split()
        assert (name, which) == ("demo", precision)
        # Of the peak, the share that the rate costs by the count of `mtkit info`; all are printed rounded.
        expected, rounding = mflop / 1e3 * number(rate) / number(top), 0.5 / number(rate) + 0.5 / number(top)
        assert float(share[:-1]) == pytest.approx(100 * expected, rel=1.1 * rounding + 0.01)
        assert 250 < number(memory) < 1500  # torch alone takes 220 MB
        assert 0 <= float(waited[:-1]) < 50
    assert re.fullmatch(r"demo +first update after \d+\.\d s, with the choice of a precision", start)


def test_what_is_measured() -> None:
    """The median of the speed, and the waiting of all, without what comes before the machine is warm."""
    cold = [Event(target_tokens=1, seconds=100.0, waited=90.0)] * WARM
    warm = [Event(100, 1.0, 0.1), Event(300, 1.0, 0.3), Event(200, 2.0, 0.0)]
    assert measured(cold + warm) == {"rate": 100.0, "waited": 0.1}
    assert measured(cold) == {"rate": 0.01, "waited": 0.9}


def test_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, message in (
        (["C"], "unknown workload C; expected one of A, gnmt, transformer-tiny, demo"),
        (["--peers", str(tmp_path)], "--peers needs --data"),
        (["--data", str(tmp_path)], f"{tmp_path}/train.en.gz does not exist"),
    ):
        monkeypatch.setattr("sys.argv", ["train", "--work", str(tmp_path / "work"), *arguments])
        with pytest.raises(SystemExit, match="2"):
            main()
        assert message in capsys.readouterr().err
