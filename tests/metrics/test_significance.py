"""Intervals and tests are those of sacreBLEU's own command."""

import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mtkit import registry
from mtkit.errors import DataError
from mtkit.jobs import evaluate
from mtkit.jobs.evaluate import Result, score_files, with_confidence
from mtkit.metrics import significance
from mtkit.metrics.additive import Measured
from mtkit.metrics.chrf import chrf
from mtkit.metrics.metric import Score, Texts
from mtkit.metrics.significance import Confidence, between, confidence

METRICS = ["bleu", "chrf", "ter"]


def write(folder: Path, lines: int = 12) -> tuple[list[Path], list[Path]]:
    """Three systems, each worse than the one before, and two references; with spaces at ends, and blank lines."""
    draw = random.Random(3)
    words = [f"w{number}" for number in range(30)]
    reference = [" ".join(draw.choices(words, k=draw.randrange(3, 12))) for _ in range(lines)]
    files = {"a.de": 0.1, "b.de": 0.2, "c.de": 0.6, "one.de": 0.0, "other.de": 0.3}
    for name, share in files.items():
        changed = (
            " ".join(draw.choice(words) if draw.random() < share else w for w in line.split()) for line in reference
        )
        (folder / name).write_text("".join(f"{line}{' ' * draw.randrange(2)}\n" for line in changed))
    return [folder / name for name in list(files)[:3]], [folder / name for name in list(files)[3:]]


def theirs(folder: Path, test: str, *systems: Path) -> list[list[tuple[float, ...]]]:
    """What sacreBLEU's command says: of each system, a metric each: score, and what stands in brackets behind it."""
    names = [path.name for path in systems]
    command = ["sacrebleu", "one.de", "other.de", "-i", *names, "-m", *METRICS, f"--paired-{test}"]
    form = ["-f", "latex", "-w", "8", "-q", "--no-color"]  # its JSON cannot be had where TER is resampled
    said = subprocess.check_output([sys.executable, "-m", *command, *form], cwd=folder, text=True)
    rows = said.partition("\\midrule")[2].partition("\\bottomrule")[0].strip().splitlines()
    cells = [row.split("&")[1:] for row in rows]
    return [[tuple(map(float, re.findall(r"[\d.]+", cell))) for cell in row] for row in cells]


def p_values(known: Confidence) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """P-values as the command rounds them; of the baseline none."""
    if known.p_bootstrap is None or known.p_randomization is None:
        return (), ()
    return (round(known.p_bootstrap, 4),), (round(known.p_randomization, 4),)


def test_numbers_are_those_of_the_command(tmp_path: Path) -> None:
    (a, _, c), references = write(tmp_path)
    results = score_files([a, c], references, metrics=METRICS, tokenize="auto", tested=True)
    resampled, shuffled = (theirs(tmp_path, test, a, c) for test in ("bs", "ar"))
    for result, one, other in zip(results, resampled, shuffled, strict=True):
        for score, its, also in zip(result.scores, one, other, strict=True):
            ours = result.confidence[score.name]
            values = (score.score, ours.mean, ours.half_width)
            assert its[:3] == pytest.approx(values, abs=1e-8)
            assert (its[3:], also[1:]) == p_values(ours)
    assert [result.confidence["bleu"].differs for result in results] == [False, True]
    signature = results[0].confidence["ter"].signature
    assert signature.startswith("nrefs:2|bs:1000|seed:12345|case:lc|tok:tercom|")
    assert results[1].confidence["ter"].signature_randomization == signature.replace("bs:1000", "ar:10000")
    # One system by itself has the same interval, as with sacrebleu --confidence.
    (alone,) = score_files([c], references, metrics=METRICS, tokenize="auto", tested=True)
    found, same = alone.confidence["chrf"], results[1].confidence["chrf"]
    assert (found.mean, found.half_width, found.p_bootstrap) == (same.mean, same.half_width, None)
    assert not found.differs


def test_a_copy_of_the_baseline_does_not_differ(tmp_path: Path) -> None:
    systems, references = write(tmp_path)
    (tmp_path / "copy.de").write_text(systems[0].read_text())
    systems[1:] = [tmp_path / "copy.de"]
    results = score_files(systems, references, metrics=["bleu"], tokenize="auto", tested=True)
    known = results[1].confidence["bleu"]
    assert known.p_bootstrap == 1 / 1001  # sacreBLEU's: no shuffling differs more than not at all
    assert not known.differs
    (warning,) = results[0].warnings
    assert warning.endswith("copy.de scores as the baseline in every line: its p-values mean nothing")


def measured(*texts: list[str]) -> list[Measured]:
    return [chrf.measured(Texts(text, [texts[0]])) for text in texts]


def test_each_two_systems_are_compared() -> None:
    right, wrong = ["ein Hund", "zwei Hunde"] * 8, ["eine Katze", "zwei Katzen"] * 8
    systems = measured(right, wrong, right)
    found = {(one, other): p for one, other, p in between(systems)}
    assert found[0, 1] == found[1, 2] == confidence(systems[:2])[1].p_bootstrap
    assert found[0, 1] < significance.LEVEL
    assert found[0, 2] == 1


@pytest.mark.parametrize("seed", ["", "seven", "-1", "1.5"])
def test_a_wrong_seed_is_refused(seed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SACREBLEU_SEED", seed)
    with pytest.raises(DataError, match="SACREBLEU_SEED is .*; expected a whole number"):
        confidence(measured(["a"], ["b"]))


def test_another_seed_is_sacrebleus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SACREBLEU_SEED", "5")
    assert "seed:5" in confidence(measured(["a b c", "c"]))[0].signature


def refused(folder: Path, systems: list[str], *parts: str) -> None:
    with pytest.raises(DataError) as error:
        score_files([folder / name for name in systems], [folder / "one.de"], metrics=["chrf"], tokenize="auto")
    for part in parts:
        assert part in str(error.value)


def test_files_that_cannot_be_compared(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "short.de").write_text("ja\n")
    (tmp_path / "empty.de").write_text("")
    (tmp_path / "link.de").symlink_to("a.de")
    refused(tmp_path, ["a.de", "short.de"], "short.de has 1 lines, its reference 12")
    refused(tmp_path, ["a.de", "empty.de"], "empty.de is empty; expected a hypothesis a line")
    refused(tmp_path, ["a.de", "b.de", "a.de"], "a.de is given twice: a system cannot be compared with itself")
    refused(tmp_path, ["a.de", "link.de"], "link.de is given twice (as ", "a.de)")
    refused(tmp_path, ["a.de", "none.de"], "none.de does not exist")


def exact(texts: Texts) -> Score:
    """Share of hypotheses that are their reference: a metric that says nothing of lines."""
    return Score(100 * sum(a == b for a, b in zip(texts.hypotheses, texts.references[0], strict=True)), "exact")


def test_what_has_no_test_is_told_and_scored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(registry.CHOICES["metric"], "exact", registry.Choice(f"{__name__}:exact", "x", shown="EXACT"))
    systems, references = write(tmp_path)
    results = score_files(systems, references, metrics=["exact", "chrf"], tokenize="auto", tested=True)
    assert results[0].warnings == ["EXACT has no interval and no test: its counts of lines are not known"]
    assert [list(result.confidence) for result in results] == [["chrf"]] * 3
    assert "confidence" not in results[0].as_json()["exact"]
    assert results[1].as_json()["chrf"]["confidence"]["p_bootstrap"] < 1


def test_more_lines_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "MOST_LINES", 1)
    result = Result("x", [Score(1, "", name="chrf")], [], {"chrf": measured(["a", "b"])[0]})
    (made,) = with_confidence([result])
    assert (made.confidence, made.warnings) == (
        {},
        ["no intervals and tests: 2 lines are more than 1, which take 2 GB"],
    )
