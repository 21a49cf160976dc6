"""The benchmark of GPUs itself: small models on a CPU, on text that is made up."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.gpu_cases import MODELS
from tests.system.toy import ENVIRONMENT

ROOT = Path(__file__).parents[2]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", *arguments], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True
    )


def test_tables_and_figures(tmp_path: Path) -> None:
    done = bench("--work", str(tmp_path), "--device", "cpu", "--toy", "train", "peers", "determinism", "translate")
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "gpu.json").read_text())
    assert [row["workload"] for row in figures["speed"]] == list(MODELS)
    lines = done.stdout.splitlines()
    for row, line in zip(figures["speed"], lines[1:], strict=False):
        assert row["rate"] > 0
        assert row["used"] == "fp32"
        assert line.split()[:4] == [row["workload"], "4,096", "fp32", f"{row['rate']:,.0f}"]
        share = row["rate"] * row["flop"] / figures["machine"]["peak"]
        assert line.split()[4] == f"{share:.1%}"
        assert 0.1 < row["allocated"] < 2
    (repeat,), (eager,) = figures["repeat"], figures["eager"]
    assert repeat["twice"]
    assert repeat["resumed"]
    assert repeat["resumed_at"] == 30
    assert len(set(repeat["losses"])) == 60
    assert len(eager["default_losses"]) == len(eager["eager_losses"]) == 100
    assert eager["largest"] < 0.1 < abs(eager["seed_losses"][0] - eager["eager_losses"][0])
    assert "stopped, and resumed at 30: losses bit-equal (apart at most 0)" in lines
    assert "peers: left out, since there is no --peers" in lines
    assert any(line.startswith("translate: left out") for line in lines)


def test_wrong_usage(tmp_path: Path) -> None:
    for arguments, message in (
        (["--toy", "C"], "unknown part C; expected one of train, peers, determinism, quality, translate"),
        ([], "expected either --data DIR or --toy"),
        (["--data", str(tmp_path)], f"{tmp_path}/train.en.gz does not exist"),
    ):
        done = bench("--work", str(tmp_path / "work"), *arguments)
        assert done.returncode == 2
        assert message in done.stderr


def test_only_the_second_half_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that is set: a first half of slow updates changes nothing of what is told."""
