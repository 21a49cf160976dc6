"""The benchmark of GPUs itself: small models on a CPU, on text that is made up."""

import json
import math
import subprocess
import sys
import time
import zipfile
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import gpu, peers
from benchmarks.gpu import Bench, made_up, main
from benchmarks.gpu_cases import MODELS, Case
from benchmarks.gpu_views import Enough, Watch, covered, profiled
from benchmarks.translate import read
from mtkit.jobs.view import Facts
from mtkit.text.tokenizer import train
from mtkit.train.loop import Updated
from tests.system.toy import ENVIRONMENT

ROOT = Path(__file__).parents[2]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", *arguments], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True
    )


@pytest.mark.system
def test_tables_and_figures(tmp_path: Path) -> None:
    done = bench("--work", str(tmp_path), "--device", "cpu", "--toy", "train", "peers", "determinism", "translate")
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "gpu.json").read_text())
    assert [row["workload"] for row in figures["speed"]] == list(MODELS)
    lines = done.stdout.splitlines()
    rows = [line for line in lines[1:] if not line.startswith("  ")]  # below a row stands what was warned of
    assert len(rows) >= len(MODELS)
    for row, line in zip(figures["speed"], rows, strict=False):
        assert row["rate"] > 0
        assert row["used"] == "fp32"
        assert line.split()[:4] == [row["workload"], "4,096", "fp32", f"{row['rate']:,.0f}"]
        share = row["rate"] * row["flop"] / figures["machine"]["peak"]
        assert line.split()[4] == f"{share:.1%}"
        assert 0.1 < row["allocated"] < 2
    (repeat,), (eager,) = figures["repeat"], figures["eager"]
    assert repeat["same_losses"]
    assert repeat["apart_twice"] == repeat["apart_resumed"] == 0
    assert repeat["resumed_at"] == 6
    assert len(set(repeat["losses"])) == 12
    apart = [abs(x - y) for x, y in zip(eager["default_losses"], eager["eager_losses"], strict=True)]
    assert eager["largest"] == max(apart) < 0.05
    assert eager["seed_losses"] != eager["eager_losses"]
    assert "stopped, and resumed at 6: losses bit-equal, parameters bit-equal" in lines
    assert "peers: left out, since there is no --peers" in lines
    assert any(line.startswith("translate: left out") for line in lines)


def test_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, message in (
        (["--toy", "C"], "unknown part C; expected one of train, peers, determinism, quality, translate"),
        ([], "expected either --data DIR or --toy"),
        (["--data", str(tmp_path)], f"{tmp_path}/train.en.gz does not exist"),
    ):
        monkeypatch.setattr("sys.argv", ["gpu", "--work", str(tmp_path / "work"), *arguments])
        with pytest.raises(SystemExit, match="2"):
            main()
        assert message in capsys.readouterr().err


def test_only_the_second_half_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that is set: what comes before the second half, however slow, changes nothing of what is told."""
    now = 0.0
    monkeypatch.setattr("benchmarks.gpu_views.time.perf_counter", lambda: now)
    told: dict[str, Any] = {}
    watch = Watch(16, 5.0, torch.device("cpu"), told.update)
    watch.begin(Facts(1, 1, 1, "cpu", "bf16", 0, native=False))
    event = Updated(loss=1.0, lr=1.0, grad_norm=1.0, target_tokens=400, seconds=0.0, waited=0.0, losses=(1.0,) * 4)
    for second in (7.0, 14.0, 14.5):
        now = second
        watch.updated(event, None)
    now = 15.0
    with pytest.raises(Enough):
        watch.updated(event, None)
    assert (told["start"], told["used"]) == (7.0, "bf16")
    assert (told["rate"], told["ms"], told["timed"]) == (800.0, 125.0, 8)


def test_what_is_covered() -> None:
    assert covered([(5.0, 6.0), (0.0, 2.0), (1.0, 3.0), (1.5, 2.0)]) == 4.0
    assert covered([]) == 0.0


def test_kernels_and_busy_time() -> None:
    """Of what the device did: copies are no kernels, and what runs at the same time counts once."""

    def event(name: str, start: float, end: float, device: str = "CUDA") -> Namespace:
        kind = getattr(torch._C._autograd.DeviceType, device)
        return Namespace(name=name, device_type=kind, time_range=Namespace(start=start, end=end))

    seen = [
        event("gemm", 0, 3000),
        event("gru", 2000, 4000),
        event("Memcpy HtoD (Pinned -> Device)", 9000, 10000),
        event("Memset (Device)", 10000, 10500),
        event("cudaGraphLaunch", 0, 50000, device="CPU"),
    ]
    profile: Any = Namespace(events=lambda: seen)
    assert profiled(profile, 2) == {"kernels": 1.0, "busy_ms": 2.75}


def test_after_a_case_that_fails_come_the_others(tmp_path: Path) -> None:
    """Each in a process that lives; what a case had found before it failed is kept."""
    script = """
import json, sys
cases = sys.argv[sys.argv.index("cpu") + 1 :]
with open(sys.argv[sys.argv.index("--results") + 1], "a") as file:
    for number, case in enumerate(map(json.loads, cases)):
        print(json.dumps({"case": number, "rate": case["updates"]}), file=file, flush=True)
        if case["workload"] == "bad":
            sys.exit("no memory")
        print(json.dumps({"case": number, "done": True}), file=file, flush=True)
"""
    options = Namespace(work=tmp_path, data=tmp_path, device="cpu", toy=False)
    bench = Bench(options)
    bench.program = (sys.executable, "-c", script)
    bench.until = time.monotonic() + 60
    wanted = [Case("good", 1, 1), Case("bad", 1, 2), Case("good", 1, 3)]
    assert list(bench.cases(wanted)) == list(
        zip(wanted, [{"rate": 1}, {"rate": 2, "failed": "no memory"}, {"rate": 3}], strict=True)
    )


def test_a_case_ends_with_its_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench = Bench(Namespace(work=tmp_path, data=tmp_path, device="cpu", toy=False))
    bench.program = (sys.executable, "-c", "import time; time.sleep(60)")
    bench.until = time.monotonic() + 0.5
    ((case, found),) = bench.cases([Case("slow", 1), Case("next", 2)])
    assert (case.workload, found) == ("slow", {"failed": "the seconds of this part are over"})
    assert capsys.readouterr().out == "no time was left for next 2\n"


def test_figures_of_earlier_calls_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the same machine and text; a part that is measured again replaces its own."""
    options = Namespace(work=tmp_path, data=tmp_path, device="cpu", toy=False, peers=tmp_path, seconds=60)
    before = Bench(options)
    row = {"workload": "A", "batch_tokens": 4096, "used": "tf32", "rate": 3000.0}
    before.figures |= {"speed": [row], "peers": [{"peer": "another"}], "quality": {"bleu": math.nan}}
    before.save()

    monkeypatch.setattr(gpu, "PEERS", [("opennmt", "A", "fp32")])
    monkeypatch.setattr(gpu, "preprocess", lambda *given: (Namespace(tokenizer_files=[tmp_path]), False))
    monkeypatch.setattr(peers, "speed", lambda *given, **how: (200.0, 1.0))
    again = Bench(options)
    again.read()
    again.run("peers")
    told = capsys.readouterr().out
    assert told.startswith(f"{tmp_path}/gpu.json has train, peers, quality already\n")
    assert "opennmt, A, fp32: 200 target tokens/s; mtkit: 15.0 times at 4,096 tokens in tf32\n" in told
    kept = json.loads((tmp_path / "gpu.json").read_text())
    assert kept["speed"] == [row]
    assert kept["peers"] == [{"peer": "opennmt", "workload": "A", "precision": "fp32", "rate": 200.0}]
    assert "quality" in kept

    elsewhere = Bench(Namespace(**vars(options) | {"data": tmp_path / "other"}))
    elsewhere.read()
    assert list(elsewhere.figures) == ["on"]
    assert "is of another machine or text, and goes" in capsys.readouterr().out
    (tmp_path / "gpu.json").write_text('{"on": ')
    elsewhere.read()
    assert list(elsewhere.figures) == ["on"]
    assert "what was measured before cannot be read: " in capsys.readouterr().out


PEER = """
import json, sys, time
config = json.load(open(sys.argv[2]))
assert config["use_cuda"] and config["fp16"] and len(open(config["data"]["train"] + ".en").readlines()) == 600
for rate in (1, 300, 200, 400, 7):
    print("Epoch 1, Step: 10, Batch Loss: 5.0, Tokens per Sec:", rate, flush=True)
time.sleep(60)
"""


def test_a_peer_in_wheels(tmp_path: Path) -> None:
    """It finds its text and its config, and is ended once it has said enough."""
    data = made_up(tmp_path / "data")
    lines = [line for lang in ("en", "de") for line in read(data / f"train.{lang}.gz")]
    tokenizer = tmp_path / "tokenizer.model"
    settings: dict[str, Any] = {"kind": "unigram", "normalization": "nmt_nfkc", "byte_fallback": True}
    tokenizer.write_bytes(train(iter(lines), vocab_size=380, **settings))
    (tmp_path / "peers" / "joeynmt").mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "peers" / "joeynmt" / "joeynmt-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("joeynmt/__main__.py", PEER)
    began = time.monotonic()
    given = ("joeynmt", "A", tmp_path / "peers", data, tokenizer, tmp_path, 40)
    assert peers.speed(*given, device="cuda", precision="fp16")[0] == 250  # 300, 200: the first one is cold
    assert time.monotonic() - began < 30
    (tmp_path / "peers" / "opennmt").mkdir()
    with pytest.raises(SystemExit, match="neither a virtual environment nor wheels"):
        peers.speed("opennmt", *given[1:])
