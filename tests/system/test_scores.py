"""Kept statistics give the scores that the text gives, and the figures that recipes state."""

import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import sacrebleu

from benchmarks import scores
from mtkit.config import RECIPES, bundled, recipes

COMMAND = [sys.executable, "-m", "benchmarks.scores"]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(scores.__file__).parents[1])}


def made(tmp_path: Path) -> tuple[Path, Path, list[str], list[str]]:
    """An output that is wrong in places, its reference, and both as lines."""
    reference = bundled("ui.en-de") / "test.de.gz"
    lines = gzip.decompress(reference.read_bytes()).decode().split("\n")[:-1]
    output = [line if i % 3 else " ".join(line.split()[::-1]) for i, line in enumerate(lines)]
    hyp = tmp_path / "output.de"
    hyp.write_text("".join(line + "\n" for line in output), encoding="utf-8")
    return hyp, reference, output, lines


def test_kept_statistics_give_the_scores_of_the_text(tmp_path: Path) -> None:
    hyp, reference, output, lines = made(tmp_path)
    path = scores.keep("mine", hyp, reference, "de", True, tmp_path)
    again = path.read_bytes()
    assert scores.keep("mine", hyp, reference, "de", True, tmp_path).read_bytes() == again
    found = scores.scores(path)
    assert found["bleu"] == pytest.approx(sacrebleu.corpus_bleu(output, [lines]).score, abs=1e-9)
    assert found["chrf"] == pytest.approx(sacrebleu.corpus_chrf(output, [lines]).score, abs=1e-9)
    papers = [scores.prepared(text, "de") for text in (output, lines)]
    wanted = sacrebleu.corpus_bleu(papers[0], [papers[1]], tokenize="none", force=True).score
    assert found[scores.PAPERS] == pytest.approx(wanted, abs=1e-9)
    kept = json.loads(gzip.decompress(path.read_bytes()))
    assert kept["output_sha256"] == hashlib.sha256(hyp.read_bytes()).hexdigest()
    assert output[0] not in json.dumps(kept, ensure_ascii=False)


def test_text_as_papers_score_it() -> None:
    """Lower-cased, quotes and spaces normalised, words and marks apart, nothing escaped."""
    assert scores.prepared(['Ein Mann, "Bob" & „Al“,  läuft.'], "de") == ['ein mann , " bob " & " al " , läuft .']


def test_the_command(tmp_path: Path) -> None:
    _, reference, *_ = made(tmp_path)
    short = tmp_path / "short.de"
    short.write_text("one line\n")

    def said(*given: str) -> str:
        done = subprocess.run([*COMMAND, *given], capture_output=True, text=True, env=ENVIRONMENT)
        assert done.returncode == 1
        return done.stderr

    given = ("keep", "x", "--ref", str(reference), "--lang", "de", "--hyp")
    assert said(*given, str(short)) == f"{short} has 1 lines, {reference} 600: expected as many\n"
    missing = tmp_path / "missing.de"
    assert said(*given, str(missing)) == f"{missing} does not exist; expected text, plain or .gz\n"
    assert said("show", "nobody").startswith("nothing is kept of nobody; expected some of: ")


def test_seeds_are_one_system_and_others_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hyp, reference, _, lines = made(tmp_path)
    right = tmp_path / "right.de"
    right.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    first = scores.scores(scores.keep("a.seed1", hyp, reference, "de", False, tmp_path))["bleu"]
    scores.keep("a.seed2", right, reference, "de", False, tmp_path)
    shutil.copy(tmp_path / "a.seed1.json.gz", tmp_path / "a-quick.seed1.json.gz")
    assert {name: len(paths) for name, paths in scores.kept(tmp_path).items()} == {"a": 2, "a-quick": 1}
    scores.show(["a"], tmp_path)
    printed = capsys.readouterr().out.splitlines()
    assert [line.split("BLEU")[0].strip() for line in printed] == ["a.seed1", "a.seed2", "a, mean of 2"]
    assert f"BLEU {(first + 100) / 2:.2f} " in printed[2]


@pytest.mark.parametrize("name", sorted(set(recipes()) & set(scores.kept())))
def test_recipes_state_what_the_statistics_give(name: str) -> None:
    """The figures that begin a line of a header are those of its system, the mean of its seeds."""
    header = (RECIPES / f"{name}.toml").read_text().partition("\nname")[0]
    found = scores.means([scores.scores(path) for path in scores.kept()[name]])
    for key, score in found.items():
        label = {"bleu": "BLEU", "chrf": "chrF", scores.PAPERS: "as papers report it"}[key]
        stated = re.search(rf"^#   {label} +(\d+\.\d+)", header, re.MULTILINE)
        assert stated, f"{name} does not state {label}"
        assert float(stated[1]) == pytest.approx(score, abs=0.005)
