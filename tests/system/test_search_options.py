"""What `mtkit translate`, `mtkit score` and `mtkit export` offer beyond the plain translation of lines."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest
import torch

from tests.system.toy import COMMAND, WORDS, failed, make, mtkit, ran, terminal

LINES = [" ".join(list(WORDS)[i * 7 % 20] for i in range(n, n + 1 + n * 5 % 8)) for n in range(60)]
TEXT = "".join(line + "\n" for line in LINES)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, trained: Path) -> Path:
    """A run of another architecture on the same text."""
    folder = make(tmp_path_factory.mktemp("other") / "toy")
    shutil.copytree(trained / "prepared", folder / "prepared")
    changes = ["model.decoder.wiring=plain", "model.attention.name=dot", "model.encoder.cell=lstm", "seed=3"]
    ran(mtkit(folder, "train", "-s", "train.max_updates=120", *(part for one in changes for part in ("-s", one))))
    return folder / "runs/toy"


def jsonl(folder: Path, *arguments: str, stdin: str = TEXT) -> list[dict[str, object]]:
    out = ran(mtkit(folder, "translate", "-q", "--format", "jsonl", *arguments, stdin=stdin))
    return [json.loads(line) for line in out.split("\n")[:-1]]


def test_workers_change_nothing(trained: Path, tmp_path: Path) -> None:
    text = TEXT * 40 + "\n\n" + "\n".join(LINES[::-1])
    (tmp_path / "in.txt").write_text(text)
    one = ran(mtkit(trained, "translate", "--scores", str(tmp_path / "in.txt")))
    two = ran(mtkit(trained, "translate", "--scores", "--workers", "2", str(tmp_path / "in.txt")))
    assert two.count("\n") == text.count("\n") + 1
    for left, right in zip(one.split("\n")[:-1], two.split("\n")[:-1], strict=True):
        (score, words), (other_score, other_words) = left.split("\t"), right.split("\t")
        assert words == other_words
        assert float(score) == pytest.approx(float(other_score), abs=2e-4)


def test_an_ensemble_of_a_model_with_itself_is_that_model(trained: Path) -> None:
    alone = jsonl(trained)
    twice = jsonl(trained, "-m", "runs/toy", "-m", "runs/toy/best")
    for one, two in zip(alone, twice, strict=True):
        assert (one["translation"], one["tokens"]) == (two["translation"], two["tokens"])
        assert one["score"] == pytest.approx(two["score"], abs=1e-5)
        assert one["token_logprobs"] == pytest.approx(two["token_logprobs"], abs=1e-4)


def test_an_ensemble_averages_distributions(trained: Path, other: Path) -> None:
    """The first word's chance is the mean of both models'."""
    mixed = jsonl(trained, "-m", "runs/toy", "-m", str(other))
    pairs = "".join(f"{row['source']}\t{row['translation']}\n" for row in mixed)
    singles = []
    for model in ("runs/toy", str(other)):
        out = ran(mtkit(trained, "score", "-q", "-m", model, "--format", "jsonl", stdin=pairs))
        singles.append([json.loads(line) for line in out.split("\n")[:-1]])
    both = ran(mtkit(trained, "score", "-q", "-m", "runs/toy", "-m", str(other), stdin=pairs)).split("\n")[:-1]
    checked = 0
    for row, left, right, total in zip(mixed, *singles, both, strict=True):
        if left["tokens"] != row["tokens"]:
            continue  # found in other pieces than the tokenizer would make
        chances = [10 ** (one["token_logprobs"][0] / 2.302585093) for one in (left, right)]
        got = row["token_logprobs"]
        assert isinstance(got, list)
        assert 10 ** (got[0] / 2.302585093) == pytest.approx(sum(chances) / 2, rel=1e-3)
        assert float(total) == pytest.approx(row["logprob"], abs=1e-3)
        checked += 1
    assert checked > 30


def test_models_of_other_pieces_are_no_ensemble(trained: Path, tmp_path: Path) -> None:
    folder = make(tmp_path / "toy")
    ran(mtkit(folder, "train", "-s", "train.max_updates=2", "-s", "tokenizer.vocab_size=390"))
    done = mtkit(trained, "translate", "-q", "-m", "runs/toy", "-m", str(folder / "runs/toy"), stdin="two cat")
    failed(done, "different target tokenizers", "must share one")


def test_a_translation_s_score_is_that_of_forced_decoding(trained: Path) -> None:
    found = jsonl(trained, "--beam-size", "4", "--length-penalty", "0.7")
    pairs = "".join(f"{row['source']}\t{row['translation']}\n" for row in found)
    out = ran(mtkit(trained, "score", "-q", "--format", "jsonl", "--length-penalty", "0.7", stdin=pairs))
    same = 0
    for row, line in zip(found, out.split("\n")[:-1], strict=True):
        scored = json.loads(line)
        if scored["tokens"] == row["tokens"]:
            same += 1
            assert scored["logprob"] == pytest.approx(row["logprob"], abs=1e-4)
            assert scored["score"] == pytest.approx(row["score"], abs=1e-4)
            assert scored["token_logprobs"] == pytest.approx(row["token_logprobs"], abs=1e-4)
    assert same > 40


def test_scoring_pairs(trained: Path) -> None:
    good, bad = "two cat\tzwei Katze\n", "two cat\tdrei Hund\n"
    out = ran(mtkit(trained, "score", "-q", stdin=good + bad)).split("\n")
    assert float(out[0]) > float(out[1]) + 3
    both = ran(mtkit(trained, "score", "-q", "--workers", "2", stdin=good + bad)).split("\n")
    assert [float(x) for x in both[:2]] == pytest.approx([float(x) for x in out[:2]], abs=2e-4)
    scored, linked = ran(mtkit(trained, "score", "-q", "--scores", "--align", stdin=good)).rstrip("\n").split(" ||| ")
    assert scored.split("\t")[1] == "zwei Katze"
    assert linked == "0-0 1-1"
    done = mtkit(trained, "score", stdin=good + "two cat\t\n")
    assert ran(done).split("\n")[1] == "-inf"
    assert "WARNING: line 2: one side is blank" in done.stderr
    done = mtkit(trained, "score", "-q", stdin=good + "no tab\n")
    assert done.returncode == 1
    assert done.stdout == f"{float(out[0]):.4f}\n"  # what came before the error
    assert "line 2: expected SOURCE<TAB>TARGET" in done.stderr


def test_prefixes(trained: Path, tmp_path: Path) -> None:
    starts = ["", "zehn", "das große", "Ka", "zwei Katze und noch mehr"] * 12
    (tmp_path / "starts").write_text("".join(start + "\n" for start in starts))
    (tmp_path / "in").write_text(TEXT)
    for beam in ("1", "5"):
        out = ran(mtkit(trained, "translate", "--beam-size", beam, "--prefix", str(tmp_path / "starts"), stdin=TEXT))
        for start, line in zip(starts, out.split("\n")[:-1], strict=True):
            assert line.startswith(start)
    two = ran(mtkit(trained, "translate", "--workers", "2", "--prefix", str(tmp_path / "starts"), stdin=TEXT))
    assert two == out
    short = mtkit(trained, "translate", "-q", "--prefix", str(tmp_path / "starts"), stdin=TEXT + "x\n")
    assert short.returncode == 1
    assert "has 60 lines, stdin has more" in short.stderr
    done = mtkit(trained, "translate", "--prefix", str(tmp_path / "starts"), stdin="two cat\n")
    assert "WARNING" in done.stderr
    assert short.stdout == out
    (tmp_path / "starts").write_text("<mtkit:3>\n")
    failed(mtkit(trained, "translate", "-q", "--prefix", str(tmp_path / "starts"), stdin="x"), "prefix of line 1")
    (tmp_path / "starts").write_text("zwei  Katze\n")
    failed(mtkit(trained, "translate", "-q", "--prefix", str(tmp_path / "starts"), stdin="x"), "prefix of line 1")


def test_drawing(trained: Path) -> None:
    def drawn(*arguments: str) -> list[str]:
        return ran(mtkit(trained, "translate", "-q", "--sample", *arguments, stdin=TEXT)).split("\n")[:-1]

    assert drawn() == drawn("--seed", "1", "--batch-tokens", "1") == drawn("--workers", "2")
    hot = drawn("--temperature", "3")
    assert hot != drawn("--temperature", "3", "--seed", "2")
    greedy = ran(mtkit(trained, "translate", "-q", "--beam-size", "1", stdin=TEXT)).split("\n")[:-1]
    assert drawn("--top-k", "1") == drawn("--temperature", "0.01") == greedy
    assert len(drawn("--n-best", "8", "--temperature", "2")) == 8 * len(LINES)
    assert mtkit(trained, "translate", "--seed", "2", stdin="x").returncode == 2


def test_rules(trained: Path) -> None:
    line = "two cat"
    plain = jsonl(trained, stdin=line)[0]
    long = jsonl(trained, "--min-length", "9", stdin=line)[0]
    assert isinstance(plain["tokens"], list)
    assert isinstance(long["tokens"], list)
    assert len(plain["tokens"]) < 9 <= len(long["tokens"])
    twice = jsonl(trained, "--min-length", "20", "--no-repeat-ngram", "1", stdin=line)[0]["tokens"]
    assert isinstance(twice, list)
    assert len(set(twice)) == len(twice) >= 20
    assert jsonl(trained, "--coverage-penalty", "0.5", stdin=line)[0]["score"] != plain["score"]


def test_a_line_longer_than_any_in_training_is_translated_in_parts(trained: Path) -> None:
    line = ". ".join(LINES) + "."
    done = mtkit(trained, "translate", "--align", "--format", "jsonl", stdin=f"two cat\n{line}\n")
    first, long = [json.loads(row) for row in ran(done).split("\n")[:-1]]
    assert first["warnings"] == []
    (warning,) = long["warnings"]
    said = r"pieces are more than the (\d+) of the longest training sentence: translated in (\d+) parts"
    parts = re.search(said, warning)
    assert parts
    assert int(parts[2]) > 10
    assert f"WARNING: line 2: {warning}" in done.stderr
    words = long["translation"].split()
    assert len(words) > 0.7 * len(line.split())  # nothing is cut
    assert max(target for _, target in long["alignment"]) == len(words) - 1
    assert max(source for source, _ in long["alignment"]) >= len(line.split()) - 3
    # Most links of the toy language run along the diagonal, also late in the line.
    late = [(source, target) for source, target in long["alignment"] if target > len(words) // 2]
    assert sum(WORDS.get(line.split()[s].strip("."), "?") == words[t].strip(".") for s, t in late) > len(late) / 2


def test_the_best_of_a_long_line_comes_first(trained: Path) -> None:
    line = ". ".join(LINES[:20])
    (found,) = jsonl(trained, "--n-best", "4", stdin=line)
    nbest = found["nbest"]
    assert isinstance(nbest, list)
    scores = [one["score"] for one in nbest]
    assert len(scores) == 4
    assert scores == sorted(scores, reverse=True)
    assert found["score"] == scores[0]


def test_what_leaves_nothing_to_say(trained: Path) -> None:
    done = mtkit(trained, "translate", "-q", "--min-length", "500", "--no-repeat-ngram", "1", stdin="two cat")
    failed(done, "min_length = 500 and no_repeat_ngram = 1 leave nothing to say")


def test_closed_ends(trained: Path) -> None:
    for redirection, message in (("<&-", "stdin is closed"), (">&-", "stdout is closed")):
        command = " ".join([*COMMAND, "translate", "-q", redirection])
        done = subprocess.run(["bash", "-c", command], cwd=trained, capture_output=True, text=True, input="two cat\n")
        assert (done.returncode, done.stdout) == (1, "")
        assert message in done.stderr
        assert "Traceback" not in done.stderr


def test_workers_of_several_threads(trained: Path, tmp_path: Path) -> None:
    """Weights of 8 bits are made fp32 before processes are forked; had that used threads, they would wait for ever."""
    ran(mtkit(tmp_path, "export", "-q", str(trained / "runs/toy"), "small"))
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    command = [*COMMAND, "translate", "-q", "-m", "small", "--workers", "2", "--threads", "2"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, input=TEXT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.count("\n") == len(LINES)


def test_an_exported_bundle(trained: Path, tmp_path: Path) -> None:
    run = str(trained / "runs/toy")
    plain = ran(mtkit(trained, "translate", "-q", stdin=TEXT)).split("\n")
    sizes = {}
    for name, arguments in {
        "fp32": ["--precision", "fp32"],
        "bf16": ["--precision", "bf16"],
        "int8": [],
        "list": ["--shortlist", "-c", str(trained / "mtkit.toml")],
    }.items():
        done = mtkit(tmp_path, "export", run, name, *arguments)
        assert ran(done) == ""
        assert re.search(rf"{name}: [\d.]+ MB \(before [\d.]+ MB\)", done.stderr)
        sizes[name] = (tmp_path / name / "model.safetensors").stat().st_size
        out = ran(mtkit(tmp_path, "translate", "-q", "-m", name, stdin=TEXT)).split("\n")
        assert sum(a == b for a, b in zip(plain, out, strict=True)) > 0.9 * len(plain)
        alone = ran(mtkit(tmp_path, "translate", "-q", "-m", name, "--batch-tokens", "1", stdin=TEXT)).split("\n")
        # Between products numbers are fp32, which may round otherwise beside others, and in 8 bits to a neighbour.
        assert sum(a == b for a, b in zip(alone, out, strict=True)) > 0.95 * len(plain)
        exact = mtkit(tmp_path, "translate", "-q", "-m", name, "--precision", "fp32", stdin="two cat")
        assert ran(exact) == "zwei Katze\n"
    assert sizes["fp32"] > 1.8 * sizes["bf16"] > 2.8 * sizes["int8"]  # the toy has many vectors for its few matrices
    assert (tmp_path / "list" / "shortlist.safetensors").exists()
    failed(mtkit(tmp_path, "export", "-q", "int8", "again"), "was exported before")
    failed(mtkit(trained, "export", "-q", "runs/toy", "runs/toy/best"), "is the model itself")
    run_of_another = tmp_path / "run" / "best"
    shutil.copytree(trained / "runs/toy/best", run_of_another)
    failed(mtkit(tmp_path, "export", "-q", run, str(run_of_another)), "is no exported bundle")
    assert ran(mtkit(tmp_path, "export", run, "int8", "--precision", "bf16")) == ""  # an exported one may be replaced
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    failed(mtkit(tmp_path, "export", "-q", run, "mine"), "mine is no exported bundle", "would be lost")
    assert mtkit(tmp_path, "export", run, "x", "--precision", "int4").returncode == 2


def test_a_prompt(trained: Path) -> None:
    child = terminal(trained, "translate", "--interactive")
    child.expect("type a sentence")
    child.expect("en> ")
    child.sendline("two cat")
    child.expect("zwei Katze")
    child.expect("en> ")
    child.send("\x1b[A\r")  # the line before, by the arrow key
    child.expect("zwei Katze")
    child.expect("en> ")
    child.sendeof()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert mtkit(trained, "translate", "--interactive", "--workers", "2").returncode == 2


def test_to_begin_takes_no_compiler_of_torch(trained: Path) -> None:
    """It would take longer to load than all the rest but torch; 2.6 takes sympy for the shape of a tensor."""
    old = torch.__version__.startswith("2.6.")
    code = "import sys, torch; torchs_own = set(sys.modules); from mtkit import Translator; "
    code += "print(Translator.load('runs/toy').translate('two cat')); "
    names = ["torch._dynamo", "sympy"][: 2 - old]
    code += f"print([name for name in {names} if name in set(sys.modules) - torchs_own])"
    done = subprocess.run([sys.executable, "-c", code], cwd=trained, capture_output=True, text=True)
    assert done.stdout == "zwei Katze\n[]\n", done.stderr
