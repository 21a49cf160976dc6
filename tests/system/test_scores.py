"""Kept statistics give the scores that the text gives, and the figures that recipes state."""

import gzip
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sacrebleu

from mtkit.config import RECIPES, bundled, recipes

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "scores.py"
sys.path.insert(0, str(SCRIPT.parent))
import scores  # noqa: E402


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
    hyp, reference, *_ = made(tmp_path)
    short = tmp_path / "short.de"
    short.write_text("one line\n")
    given = [sys.executable, str(SCRIPT), "keep", "x", "--ref", str(reference), "--lang", "de", "--hyp", str(short)]
    done = subprocess.run(given, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"{short} has 1 lines, {reference} 600: expected as many" in done.stderr
    assert scores.line("x", scores.scores(scores.keep("x", hyp, reference, "de", False, tmp_path))).startswith("x ")


@pytest.mark.parametrize("name", [name for name in recipes() if list(scores.SCORES.glob(f"{name}*.json.gz"))])
def test_recipes_state_what_the_statistics_give(name: str) -> None:
    """The figures after BLEU, chrF and "as papers report it" in a header are those of NAME or the mean of its seeds."""
    header = (RECIPES / f"{name}.toml").read_text().partition("\nname")[0]
    found = [scores.scores(path) for path in sorted(scores.SCORES.glob(f"{name}*.json.gz"))]
    for label, key in (("BLEU", "bleu"), ("chrF", "chrf"), ("as papers report it", scores.PAPERS)):
        stated = re.search(rf"^#   {label} +(\d+\.\d+)", header, re.MULTILINE)
        if stated or key != scores.PAPERS:
            assert stated, f"{name} does not state {label}"
            mean = sum(one[key] for one in found) / len(found)
            assert float(stated[1]) == pytest.approx(mean, abs=0.005)
