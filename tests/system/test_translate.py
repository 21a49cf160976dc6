"""`mtkit translate`: forms of output, and one line out for one line in, whatever comes."""

import json
import os
import re
import select
import subprocess
import time
from pathlib import Path

import pexpect
import pytest

import mtkit as package
from mtkit.translator.request import Request
from tests.system.toy import COMMAND, WORDS, begin, failed, hear, mtkit, ran, terminal

SENTENCE = "the small dog sees the red house"
EXPECTED = " ".join(WORDS[word] for word in SENTENCE.split())


def test_plain(trained: Path) -> None:
    assert ran(mtkit(trained, "translate", stdin=f"{SENTENCE}\n")) == EXPECTED + "\n"


def test_blank_lines_stay_and_never_reach_the_model(trained: Path) -> None:
    text = f"\n{SENTENCE}\n \t \n\u3000\n\ntwo cat\n"
    assert ran(mtkit(trained, "translate", stdin=text)).split("\n") == ["", EXPECTED, "", "", "", "zwei Katze", ""]
    assert ran(mtkit(trained, "translate", stdin="\n" * 5000)) == "\n" * 5000
    assert ran(mtkit(trained, "translate", stdin="")) == ""


def test_order_is_the_input_s_and_batching_changes_nothing(trained: Path) -> None:
    lines = [" ".join(list(WORDS)[i % 20] for i in range(n, n + 1 + n * 7 % 9)) for n in range(120)]
    text = "".join(line + "\n" for line in lines)
    whole = ran(mtkit(trained, "translate", stdin=text))
    assert whole.count("\n") == 120
    assert ran(mtkit(trained, "translate", "--batch-tokens", "1", stdin=text)) == whole
    reverse = ran(mtkit(trained, "translate", stdin="".join(line + "\n" for line in lines[::-1])))
    assert reverse.split("\n")[:-1][::-1] == whole.split("\n")[:-1]


def test_any_utf8_gives_as_many_lines(trained: Path) -> None:
    lines = [
        "a\u2028b",
        "x\x00y",
        "tab\tin",
        "\x0c",
        "😀 שלום مرحبا",
        "a\rb",
        "\ufeffthe dog",
        "<mtkit:3>",
        "\u200b",
        "<0x0A>",
    ]
    out = ran(mtkit(trained, "translate", stdin="\n".join(lines)))  # the last one without its end
    assert out.count("\n") == len(lines)
    assert "\r" not in out


def test_invalid_utf8_names_the_line(trained: Path) -> None:
    done = mtkit(trained, "translate", "-q", stdin=b"the dog\nab\xff\xfe\n")
    assert done.returncode == 1
    assert done.stderr.startswith("error: stdin, line 2, byte 3: 0xff is not UTF-8")


def test_files_in_and_out(trained: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_text(f"{SENTENCE}\ntwo cat")
    assert ran(mtkit(trained, "translate", str(source), "-o", str(target))) == ""
    assert target.read_text() == f"{EXPECTED}\nzwei Katze\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.txt", "out.txt"]
    source.write_bytes(b"two cat\n\xff\n")
    done = mtkit(trained, "translate", "-q", str(source), "-o", str(target))
    assert done.returncode == 1
    assert f"so far is in {target}.part" in done.stderr
    assert "line 2, byte 1" in done.stderr
    assert target.read_text() == f"{EXPECTED}\nzwei Katze\n"  # what was there is not lost
    assert Path(f"{target}.part").read_text() == "zwei Katze\n"  # nor what was done before the error
    failed(mtkit(trained, "translate", "-q", str(tmp_path / "none")), "none does not exist")
    assert ran(mtkit(trained, "translate", "-o", "/dev/stdout", stdin="two cat\n")) == "zwei Katze\n"


def test_scores_and_n_best(trained: Path) -> None:
    (score, text) = ran(mtkit(trained, "translate", "--scores", stdin=SENTENCE)).rstrip("\n").split("\t")
    assert text == EXPECTED
    assert -2 < float(score) < 0
    out = ran(mtkit(trained, "translate", "--n-best", "3", stdin=f"{SENTENCE}\n\ntwo cat\n")).split("\n")[:-1]
    rows = [line.split(" ||| ") for line in out]
    assert [row[0] for row in rows] == ["0", "0", "0", "1", "2", "2", "2"]
    assert rows[0][1] == EXPECTED
    assert rows[3][1] == ""
    assert float(rows[0][2]) == pytest.approx(float(score), abs=1e-3)
    assert float(rows[0][2]) >= float(rows[1][2]) >= float(rows[2][2])
    failed(mtkit(trained, "translate", "-q", "--n-best", "6", stdin="x"), "larger than the beam of 5")


def test_alignment(trained: Path) -> None:
    out = ran(mtkit(trained, "translate", "--align", stdin="the small dog\n\n")).split("\n")
    assert re.fullmatch(r"das kleine Hund \|\|\| (\d+-\d+ )*\d+-\d+", out[0])
    links = [tuple(map(int, link.split("-"))) for link in out[0].split(" ||| ")[1].split()]
    assert [target for _, target in sorted(links, key=lambda link: link[1])] == [0, 1, 2]
    assert {source for source, _ in links} <= {0, 1, 2}
    assert out[1] == " ||| "


def test_a_memory_answers_first(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.tsv").write_text(f"{SENTENCE}\tSo und nicht anders\n")
    text, memory = f"{SENTENCE}\nthe cat\n", ("--memory", str(tmp_path / "mine.tsv"))
    for more in ((), ("--workers", "2")):
        first, second = ran(mtkit(trained, "translate", *memory, *more, stdin=text)).splitlines()
        assert first == "So und nicht anders"
    told = ran(mtkit(trained, "translate", *memory, "--format", "jsonl", stdin=text)).splitlines()
    assert [json.loads(line)["origin"] for line in told] == ["memory", "model"]
    assert json.loads(told[1])["translation"] == second
    failed(mtkit(trained, "translate", "--memory", "none.tsv", stdin=text), "none.tsv does not exist")
    for language, line in (("en", SENTENCE), ("de", "So")):
        (tmp_path / f"two.{language}").write_text(line + "\n")
    for given, output in (("mine.tsv", "mine.tsv"), ("two", "two.en"), ("two", "two.de")):
        before = (tmp_path / output).read_bytes()
        done = mtkit(trained, "translate", "--memory", str(tmp_path / given), "-o", str(tmp_path / output), stdin=text)
        failed(done, f"{output} is read by this command")
        assert (tmp_path / output).read_bytes() == before


def test_jsonl(trained: Path) -> None:
    text = f"{SENTENCE}\n\n"
    out = ran(mtkit(trained, "translate", "--format", "jsonl", "--n-best", "2", "--align", stdin=text))
    first, blank = [json.loads(line) for line in out.split("\n")[:-1]]
    keys = ["id", "source", "translation", "score", "logprob", "tokens", "token_logprobs"]
    keys += ["nbest", "alignment", "attention", "source_tokens", "stride", "warnings", "origin"]
    keys += ["terms", "broken", "precision"]
    assert list(first) == list(blank) == keys
    assert (first["id"], first["source"], first["translation"]) == (0, SENTENCE, EXPECTED)
    assert "".join(first["tokens"]).replace("▁", " ").strip() == EXPECTED
    assert len(first["nbest"]) == 2
    penalty = (5 + len(first["tokens"]) + 1) / 6
    assert first["score"] == pytest.approx(first["logprob"] / penalty, rel=1e-5)
    assert len(first["alignment"]) == 7
    assert sum(first["token_logprobs"]) == pytest.approx(first["logprob"], abs=1e-4)
    assert len(first["token_logprobs"]) == len(first["attention"]) == len(first["tokens"]) + 1
    assert all(sum(row) == pytest.approx(1, abs=1e-4) for row in first["attention"])
    assert "".join(first["source_tokens"]) == "▁" + SENTENCE.replace(" ", "▁") + "</s>"
    assert {len(row) for row in first["attention"]} == {len(first["source_tokens"])}
    assert first["stride"] == 1
    assert (blank["translation"], blank["nbest"], blank["tokens"]) == ("", [], [])


def test_search_settings(trained: Path) -> None:
    greedy = ran(mtkit(trained, "translate", "--beam-size", "1", "--scores", stdin=SENTENCE))
    assert greedy == ran(mtkit(trained, "translate", "-s", "decode.beam_size=1", "--scores", stdin=SENTENCE))
    # A command's own flag comes before --set.
    both = mtkit(trained, "translate", "-s", "decode.beam_size=3", "--beam-size", "1", "--scores", stdin=SENTENCE)
    assert ran(both) == greedy
    scores = [
        float(ran(mtkit(trained, "translate", "--length-penalty", alpha, "--scores", stdin=SENTENCE)).split("\t")[0])
        for alpha in ("0", "1", "2")
    ]
    assert scores[0] < scores[1] < scores[2] < 0


def test_model_by_path_needs_no_config(trained: Path, tmp_path: Path) -> None:
    for where in ("runs/toy", "runs/toy/best"):
        done = mtkit(tmp_path, "translate", "-m", str(trained / where), stdin=SENTENCE)
        assert ran(done) == EXPECTED + "\n"
        assert "config" not in done.stderr
    failed(mtkit(tmp_path, "translate", "-q", "-m", "nowhere"), "nowhere does not exist")
    failed(mtkit(tmp_path, "translate", "-q", "-m", str(trained)), "is no bundle")
    failed(mtkit(tmp_path, "translate", "-m", str(trained / "runs/toy"), "-s", "train.lr=1"), "only decode.KEY=VALUE")
    failed(mtkit(tmp_path, "translate", "-q", "-s", "name=none"), "there is no trained model at", "mtkit train")


def test_the_python_api(trained: Path) -> None:
    translator = package.Translator.load(trained / "runs/toy")
    assert [one.text for one in translator.translate([SENTENCE, "", "two cat"])] == [EXPECTED, "", "zwei Katze"]
    assert str(translator.translate("two cat", beam_size=1)) == "zwei Katze"
    (result,) = translator.translations(["two cat"], request=Request(n_best=2))
    assert [candidate.score for candidate in result.candidates] == sorted(
        (candidate.score for candidate in result.candidates), reverse=True
    )
    with pytest.raises(AttributeError):
        _ = package.nothing


def test_a_slow_pipe_is_answered_at_once(trained: Path) -> None:
    process = begin(trained, "translate", "-q")
    for _ in range(2):
        process.stdin.write(b"two cat\n")
        process.stdin.flush()
        assert select.select([process.stdout], [], [], 30)[0], "no answer while the pipe is open"
        assert process.stdout.readline() == b"zwei Katze\n"
    process.stdin.close()
    assert process.wait() == 0
    process.close()


def test_a_line_typed_at_a_terminal_is_answered_at_once(trained: Path) -> None:
    child = terminal(trained, "translate")
    child.expect("type a sentence")
    child.sendline("two cat")
    child.expect("zwei Katze")
    child.sendline("")
    child.sendline("three dog")
    child.expect("drei Hund")
    child.sendeof()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_a_closed_output_ends_quietly(trained: Path) -> None:
    text = trained / "long.txt"
    text.write_text("two cat\n" * 4000)
    command = " ".join([*COMMAND, "translate", "-q", str(text)])
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | head -n 1"], cwd=trained, capture_output=True, text=True
    )
    text.unlink()
    assert (done.returncode, done.stdout, done.stderr) == (0, "zwei Katze\n", "")


def test_interrupting(trained: Path) -> None:
    child = subprocess.Popen(
        [*COMMAND, "translate", "-q"],
        cwd=trained,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=hear,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(b"two cat\n")
    child.stdin.flush()
    assert child.stdout.readline() == b"zwei Katze\n"
    time.sleep(0.2)
    os.kill(child.pid, 2)
    assert child.wait(30) == 130
    assert child.communicate()[1] == b"interrupted\n"


def test_wrong_usage(trained: Path) -> None:
    for arguments in (["--format", "xml"], ["--beam-size", "0"], ["--nonsense"], ["--device", "tpu"]):
        done = mtkit(trained, "translate", *arguments, stdin="x")
        assert done.returncode == (1 if "tpu" in arguments else 2), arguments
        assert "Traceback" not in done.stderr
