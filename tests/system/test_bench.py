"""The benchmark of training itself: a few updates of the demo, and wrong usage."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.train", *arguments], cwd=ROOT, capture_output=True, text=True
    )


def test_a_table_of_both_precisions(tmp_path: Path) -> None:
    done = bench("--work", str(tmp_path), "--updates", "10", "demo")
    assert done.returncode == 0, done.stderr
    peak, head, *rows, start = done.stdout.splitlines()
    assert re.fullmatch(r"peak of one product of 4096 x 4096: fp32 [\d,]+ GFLOP/s, bf16 [\d,]+ GFLOP/s", peak)
    assert head.startswith("workload")
    for row, precision in zip(rows, ("fp32", "bf16"), strict=True):
        name, which, rate, share, memory, _, waited = row.split()
        assert (name, which) == ("demo", precision)
        assert float(rate.replace(",", "")) > 100
        assert 0 < float(share[:-1]) < 150
        assert 50 < float(memory.replace(",", "")) < 4000
        assert 0 <= float(waited[:-1]) < 50
    assert re.fullmatch(r"demo +first update after \d+\.\d s, with the choice of a precision", start)


def test_wrong_usage(tmp_path: Path) -> None:
    for arguments, message in (
        (["C"], "unknown workload C; expected one of A, gnmt, transformer-tiny, demo"),
        (["--peers", str(tmp_path)], "--peers needs --data"),
        (["--data", str(tmp_path)], f"{tmp_path}/train.en.gz does not exist"),
    ):
        done = bench("--work", str(tmp_path / "work"), *arguments)
        assert done.returncode == 2
        assert message in done.stderr
