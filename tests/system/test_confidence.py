"""Confidence as a user has it: refused where nobody has fitted it, fitted, and told."""

import json
import shutil
from pathlib import Path

from tests.system.toy import mtkit, ran


def test_it_is_fitted_and_told(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "runs/toy/best", tmp_path / "bundle")
    sources, references = ((trained / f"train.{side}").read_text().splitlines()[:150] for side in ("en", "de"))
    (tmp_path / "s").write_text("".join(f"{line}\n" for line in sources))
    wrong = [reference if "dog" in source else "x" for source, reference in zip(sources, references, strict=True)]
    (tmp_path / "r").write_text("".join(f"{line}\n" for line in wrong))
    done = mtkit(tmp_path, "translate", "-q", "-m", "bundle", "--confidence", stdin="the dog\n")
    assert done.returncode == 1
    assert "bundle has none (mtkit eval --fit-confidence)" in " ".join(done.stderr.split())
    fit = ("eval", "-q", "--fit-confidence", "-m", "bundle")
    assert "good (chrF 70 or more); calibration error 0." in ran(mtkit(tmp_path, *fit, "--src", "s", "--ref", "r"))
    told = ran(mtkit(tmp_path, "translate", "-q", "-m", "bundle", "--confidence", stdin="the dog\n\n12\n"))
    rows = [line.split("\t") for line in told.splitlines()]
    assert [text for _, text in rows] == ["das Hund", "", "12"]
    assert 0 < float(rows[0][0]) < 1
    assert [sure for sure, _ in rows[1:]] == ["1.000", "1.000"]
    form = ("--format", "jsonl", "--n-best", "2", "--confidence")
    one = json.loads(ran(mtkit(tmp_path, "translate", "-q", "-m", "bundle", *form, stdin="the dog\n")))
    assert 0 < one["confidence"] < 1
    (tmp_path / "t.txt").write_text("the dog\n")
    ran(mtkit(tmp_path, "translate", "-q", "-m", "bundle", "--as", "text", "t.txt", "-o", "o", "--review", "r.html"))
    assert "To be looked at" in (tmp_path / "r.html").read_text()


def test_wrong_usage(trained: Path) -> None:
    for arguments, message in (
        (("eval", "-m", "runs/toy"), "--model has an effect with --fit-confidence only"),
        (("eval", "--fit-confidence", "-m", "runs/toy"), "--src FILE --ref FILE"),
        (("eval", "--fit-confidence", "--src", "test.en"), "one --src with one --ref"),
        (("eval", "--fit-confidence", "-m", "en-de", "--src", "test.en", "--ref", "test.de"), "copy"),
        (("translate", "--confidence", "--n-best", "2"), "without --n-best"),
    ):
        done = mtkit(trained, *arguments)
        assert (done.returncode, message in " ".join(done.stderr.replace("│", " ").split())) == (2, True), done.stderr
    done = mtkit(trained, "eval", "--fit-confidence")
    assert (done.returncode, "30 lines are too few" in done.stderr) == (1, True)
