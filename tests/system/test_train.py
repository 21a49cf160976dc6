"""`mtkit train`: what it writes, how it goes on, whom it refuses, and what it looks like."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pexpect
import pytest
from safetensors.numpy import load_file

from mtkit import files
from tests.system.server import Piped
from tests.system.toy import COMMAND, ENVIRONMENT, begin, failed, mtkit, ran, terminal


def checkpoint(folder: Path, run: str = "toy") -> dict[str, bytes]:
    """The newest checkpoint: weights, their mean if there is one, and optimiser, bit for bit."""
    newest = max((folder / "runs" / run / "checkpoints").glob("[0-9]*"))
    tensors = {path.name: path.read_bytes() for path in newest.glob("*.safetensors")}
    assert tensors.keys() >= {"model.safetensors", "optimizer.safetensors"}
    return tensors


def events(folder: Path, kind: str) -> list[dict[str, object]]:
    lines = (folder / "runs/toy/log.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == kind]


def test_a_run_is_whole(trained: Path) -> None:
    run = trained / "runs/toy"
    there = {path.name for path in run.iterdir()} - {"tensorboard"}  # where that package is installed
    assert there == {"best", "checkpoints", "config.json", "lock", "log.jsonl"}
    assert json.loads((run / "config.json").read_text())["config"]["train"]["max_updates"] == 500
    (update, *_), validations = events(trained, "update"), events(trained, "validation")
    for key in ("update", "epoch", "seconds", "loss", "lr", "grad_norm", "target_tokens", "tokens_per_second"):
        assert key in update
    assert [event["update"] for event in validations] == [250, 500]
    assert float(validations[-1]["bleu"]) > 90  # type: ignore[arg-type]
    assert float(validations[-1]["loss"]) < float(validations[0]["loss"])  # type: ignore[arg-type]
    assert sorted(path.name for path in (run / "best").iterdir()) == [
        "README.md",
        "checksums.json",
        "config.json",
        "model.safetensors",
        "tokenizer.model",
    ]
    files.verify(run / "best", "bundle")
    card = (run / "best/README.md").read_text()
    for part in ("tok:13a", files.sha256(trained / "train.en"), "seed 1", "mtkit train", "500 updates", "in fp32; the"):
        assert part in card
    facts = json.loads((run / "best/config.json").read_text())["training"]
    assert facts["command"] == "mtkit train -s train.max_updates=500 -s train.validate_every=250"
    assert facts["updates"] == 500
    assert {metric: validations[-1][metric] for metric in facts["scores"]} == facts["scores"]  # unrounded
    assert (facts["seed"], facts["precision"], facts["averaged"]) == (1, "fp32", 0)
    assert facts["parameters"] == events(trained, "begin")[0]["parameters"]
    assert facts["config"] == json.loads((run / "config.json").read_text())["config"]
    assert 0 < facts["minutes"] < 5
    values = load_file(run / "best/model.safetensors")
    assert sum(value.size for value in values.values()) == events(trained, "begin")[0]["parameters"]


def test_a_finished_run_says_so_and_goes_on_with_more(folder: Path) -> None:
    ran(mtkit(folder, "train", "-s", "train.max_updates=20"))
    done = mtkit(folder, "train", "-s", "train.max_updates=20")
    ran(done)
    assert "is finished (max_updates = 20)" in done.stderr
    assert len(events(folder, "begin")) == 1
    done = mtkit(folder, "train", "-s", "train.max_updates=40", "-s", "decode.beam_size=2")
    ran(done)
    assert "changed since the last start: train.max_updates: 20 -> 40" in done.stderr
    assert "going on from update 20" in done.stderr
    assert events(folder, "finished")[-1]["update"] == 40


def test_another_config_is_refused_with_the_difference(folder: Path) -> None:
    ran(mtkit(folder, "train", "-s", "train.max_updates=2"))
    failed(
        mtkit(folder, "train", "-s", "model.hidden_dim=32"),
        "model.hidden_dim: 64 then, 32 now",
        "start anew",
    )
    failed(mtkit(folder, "train", "-s", "seed=2"), "seed: 1 then, 2 now")
    text = (folder / "train.en").read_text()
    (folder / "train.en").write_text(text.replace("dog", "cat", 1))
    done = mtkit(folder, "train", "-q")
    assert done.returncode == 1
    assert "was begun on other text" in done.stderr
    ran(mtkit(folder, "train", "-s", "model.hidden_dim=32", "-s", "train.max_updates=2", "--fresh"))
    assert (folder / "runs/toy.1/best").exists()
    ran(mtkit(folder, "train", "-s", "train.max_updates=2", "--fresh"))
    assert (folder / "runs/toy.2/best").exists()
    for old, width in (("toy.1", 64), ("toy.2", 32)):
        config = json.loads((folder / f"runs/{old}/config.json").read_text())["config"]
        assert config["model"]["hidden_dim"] == width
        assert ran(mtkit(folder, "translate", "-m", f"runs/{old}", stdin="\n")) == "\n"


def wait_for(process: "Piped | subprocess.Popen[bytes]", part: bytes) -> None:
    assert process.stderr is not None
    while part not in (line := process.stderr.readline()):
        assert line, f"ended before it said {part!r}"


DRAWN = ("-s", "tokenizer.sample=0.5", "-s", "train.consistency=rdrop")


@pytest.mark.parametrize(
    ("number", "code", "arguments"),
    [
        (signal.SIGINT, 130, ()),
        (signal.SIGTERM, 143, ()),
        pytest.param(signal.SIGINT, 130, DRAWN, marks=pytest.mark.slow),
    ],
)
def test_a_signal_saves_and_the_rest_is_the_same(
    folder: Path, tmp_path: Path, number: int, code: int, arguments: tuple[str, ...]
) -> None:
    shutil.copytree(folder, tmp_path / "whole")
    ran(mtkit(tmp_path / "whole", "train", *arguments))
    process = begin(folder, "train", *arguments)
    wait_for(process, b"update 1 ")
    time.sleep(0.3)
    process.kill(number)
    errors = process.stderr.read()
    assert process.wait() == code
    assert b"all is saved; mtkit train goes on from here" in errors
    assert b"Traceback" not in errors
    process.close()
    done = mtkit(folder, "train", *arguments)
    ran(done)
    assert "going on from update" in done.stderr
    assert checkpoint(folder) == checkpoint(tmp_path / "whole")
    # The log reads as that of one run: no update twice, every validation once.
    updates = [event["update"] for event in events(folder, "update")]
    assert updates == sorted(set(updates))  # type: ignore[type-var]
    assert [event["update"] for event in events(folder, "validation")] == [20, 40, 60]


def test_an_ignored_interrupt_stays_ignored(folder: Path) -> None:
    """A background job of a script must not be stopped by the Ctrl-C that is meant for the foreground."""
    process = subprocess.Popen(
        [*COMMAND, "train", "-s", "train.max_updates=30"],
        cwd=folder,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    wait_for(process, b"update 1 ")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, b"finished: max_updates = 30" in errors) == (0, True)


def test_another_process_is_kept_out(folder: Path) -> None:
    process = begin(folder, "train", "-s", "train.max_updates=100000")
    wait_for(process, b"update 1 ")
    failed(mtkit(folder, "train", "-q"), f"is in use by process {process.pid}")
    process.close()
    done = mtkit(folder, "train", "-s", "train.max_updates=3")  # a crash leaves no lock behind
    ran(done)


def test_the_best_is_kept_when_later_ones_are_worse(folder: Path) -> None:
    """With the peak lr far too high after a good start, the bundle stays that of the best validation."""
    sets = ("train.lr=0.03", "train.patience=2", "train.max_updates=2000", "train.schedule=constant")
    ran(mtkit(folder, "train", *(part for one in sets for part in ("-s", one))))
    scores = {int(event["update"]): float(event["bleu"]) for event in events(folder, "validation")}  # type: ignore[call-overload, arg-type]
    (finished,) = events(folder, "finished")
    assert finished["reason"] == "patience = 2"
    best = max(scores, key=lambda update: (scores[update], -update))
    assert best <= max(scores) - 2 * 20
    card = (folder / "runs/toy/best/README.md").read_text()
    assert f", {best:,} updates," in card


@pytest.mark.parametrize("metric", ["chrf", "loss", "ter"])
def test_other_metrics_choose_too(folder: Path, metric: str) -> None:
    ran(mtkit(folder, "train", "-s", f"train.metric={metric}", "-s", "train.max_updates=40"))
    validations = events(folder, "validation")
    pick = max if metric == "chrf" else min
    best = pick(validations, key=lambda event: float(event[metric]))  # type: ignore[arg-type]
    assert f", {best['update']} updates," in (folder / "runs/toy/best/README.md").read_text()


def test_eval_keeps_and_scores_the_output(trained: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    table = json.loads(ran(mtkit(copy, "eval", "--json")))
    assert list(table) == ["bleu", "chrf", "ter"]
    assert table["bleu"]["score"] > 90
    assert "tok:13a" in table["bleu"]["signature"]
    kept = copy / "runs/toy/eval/test.de"
    hypotheses, references = kept.read_text().splitlines(), (copy / "test.de").read_text().splitlines()
    assert len(hypotheses) == len(references) == 30
    again = json.loads(ran(mtkit(tmp_path, "eval", "--hyp", str(kept), "--ref", str(copy / "test.de"), "--json")))
    assert again == table
    assert json.loads((copy / "runs/toy/eval/test.json").read_text())["scores"] == table
    plain = ran(mtkit(copy, "evaluate", "--metrics", "chrf,bleu")).splitlines()
    assert [line.split("\t")[0] for line in plain] == ["chrF", "BLEU"]
    assert f"{table['bleu']['score']:.2f}" in plain[1]
    two = json.loads(
        ran(
            mtkit(copy, "eval", "--json", "--hyp", str(kept), "--ref", "test.de", "--ref", "dev.de", "--src", "test.en")
        )
    )
    assert "nrefs:2" in two["bleu"]["signature"]


def test_eval_errors(trained: Path, folder: Path) -> None:
    failed(mtkit(folder, "eval", "-q"), "there is no trained model at")
    failed(mtkit(trained, "eval", "-q", "-s", "data.test=[]"), "names no test set")
    failed(mtkit(trained, "eval", "--hyp", "test.de", "--ref", "train.de"), "test.de has 30 lines, its reference 600")
    failed(mtkit(trained, "eval", "--hyp", "none", "--ref", "train.de"), "none does not exist")
    failed(mtkit(trained, "eval", "--hyp", "test.de", "--ref", "test.de", "--src", "dev.nothing"), "does not exist")
    for wrong in (["--metrics", "blue"], ["--tokenize", "14a"]):
        done = mtkit(trained, "eval", "--hyp", "test.de", "--ref", "test.de", *wrong)
        assert (done.returncode, done.stdout) == (2, "")
        assert wrong[0] in done.stderr
    assert mtkit(trained, "eval", "--hyp", "test.de").returncode == 2


def test_korean_falls_back_to_characters(trained: Path, tmp_path: Path) -> None:
    for name in ("hyp.ko", "ref.ko"):
        (tmp_path / name).write_text("고양이가 앉았다\n")
    done = mtkit(tmp_path, "eval", "--hyp", "hyp.ko", "--ref", "ref.ko", "--metrics", "bleu")
    assert "tok:char" in ran(done) or "tok:ko-mecab" in ran(done)
    assert ("WARNING" in done.stderr) == ("tok:char" in done.stdout)


def test_the_live_view(folder: Path) -> None:
    child = terminal(folder, "train", environment=os.environ | {"TERM": "xterm-256color"}, rows=40, columns=110)
    for part in ("epoch", "whole", "loss", "tokens/s", "learning rate", "gradient", "dev BLEU", "source", "reference"):
        child.expect(part)
    child.expect("best at update")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_quiet_and_plain(folder: Path) -> None:
    done = mtkit(folder, "train", "-q", "-s", "train.max_updates=5")
    assert (ran(done), done.stderr) == ("", "")
    done = mtkit(folder, "train", "--fresh", "-s", "train.max_updates=5")
    assert "\x1b" not in done.stderr
    for part in (
        "kept the old run as toy.1",
        "loss",
        "tokens/s",
        "validation at update 5",
        "finished: max_updates = 5",
    ):
        assert part in done.stderr
    done = mtkit(folder, "train", "-s", "name=toy.1", "-s", "train.max_updates=6")
    assert "going on from update 5" in done.stderr
    assert "finished: max_updates = 6" in done.stderr


def test_time_budget_on_the_command_line(folder: Path) -> None:
    began = time.monotonic()
    done = mtkit(folder, "train", "-s", "train.max_updates=0", "-s", "train.max_minutes=0.1", "-s", "train.patience=0")
    ran(done)
    assert "0.1 minutes are" in done.stderr
    assert time.monotonic() - began < 30
    planned = events(folder, "planned")
    assert events(folder, "finished")[0]["update"] <= planned[-1]["updates"]  # type: ignore[operator]


def test_other_models_train_and_translate(folder: Path) -> None:
    """Through the whole command; the contracts and `make slow` have every choice."""
    choices = [("rnn", "none", "plain"), ("lstm", "dot", "input_feeding"), ("gru", "general", "plain")]
    for cell, attention, wiring in choices:
        sets = [f"model.encoder.cell={cell}", f"model.decoder.cell={cell}", f"model.attention.name={attention}"]
        sets += [f"model.decoder.wiring={wiring}", "model.encoder.layers=2", "model.decoder.layers=2"]
        sets += ["model.decoder.state=last", f"name={cell}", "train.max_updates=5"]
        flags = [part for one in sets for part in ("-s", one)]
        ran(mtkit(folder, "train", *flags))
        assert ran(mtkit(folder, "translate", *flags, stdin="two\n\n")).count("\n") == 2
        if attention == "none":
            failed(
                mtkit(folder, "translate", "-q", *flags, "--align", stdin="two\n"), "align needs attention", "(--align)"
            )


def test_eval_of_files_refuses_what_only_translating_needs(trained: Path) -> None:
    for extra in (("--device", "cpu"), ("--threads", "1")):
        done = mtkit(trained, "eval", "--hyp", "test.de", "--ref", "test.de", *extra)
        assert done.returncode == 2
        assert "no effect with --hyp" in done.stderr
