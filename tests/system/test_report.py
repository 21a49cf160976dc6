"""`mtkit eval` of several systems and `mtkit report`, as a user types them."""

import json
import re
import shutil
import time
from pathlib import Path

import pytest

from mtkit.store.log import Finished, Log
from tests.report.made import make_run
from tests.system.toy import begin, failed, mtkit, ran

UNDRAWN = "from mtkit.report import plots\nplots.drawn = lambda *given, **named: ''"  # figures take their time


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Two systems in a.de and b.de, and their references in ref.de."""
    lines = [f"ein Hund {number} bellt laut" for number in range(12)]
    for name, text in (("ref", lines), ("a", lines), ("b", ["eine Katze [bold]"] * 12)):
        (tmp_path / f"{name}.de").write_text("".join(f"{line}\n" for line in text))
    return tmp_path


def test_systems_in_a_table(files: Path) -> None:
    given = "eval", "--hyp", "a.de", "--hyp", "b.de", "--ref", "ref.de", "--metrics", "ter"
    table = json.loads(ran(mtkit(files, *given, "--json")))
    assert table["baseline"] == "a.de"
    a, b = (table["systems"][name]["ter"] for name in ("a.de", "b.de"))
    assert set(a["confidence"]) == {"mean", "half_width", "signature"}
    assert (b["confidence"]["p_bootstrap"], b["confidence"]["p_randomization"]) == (1 / 1001, 1 / 10001)
    lines = ran(mtkit(files, *given)).splitlines()
    assert lines[0] == f"TER  {a['confidence']['signature']}"
    assert lines[1].split("  ")[-3:] == [" 95 % interval", "p (bootstrap)", "p (randomization)"]
    assert re.fullmatch(r" +a.de +0\.00 +0\.00 ± 0\.00 +baseline", lines[2])
    mean, half = b["confidence"]["mean"], b["confidence"]["half_width"]
    assert re.fullmatch(rf" +b.de +{b['score']:.2f} +{mean:.2f} ± {half:.2f} +0\.0010 +0\.0001  \*", lines[3])
    assert lines[4:] == ["* differs from a.de: both p-values are below 0.05"]


def test_one_system_with_its_interval(files: Path) -> None:
    given = "eval", "--hyp", "b.de", "--ref", "ref.de", "--metrics", "ter"
    plain, (with_it,) = ran(mtkit(files, *given)), ran(mtkit(files, *given, "--confidence")).splitlines()
    score, interval, signature = with_it.split("\t")[1:]
    assert plain == f"TER\t{score}\t{signature.replace('bs:1000|seed:12345|', '')}\n"
    assert re.fullmatch(r"\d+\.\d\d ± \d+\.\d\d", interval)


def test_what_cannot_be_compared_is_one_line(files: Path) -> None:
    given = "eval", "--ref", "ref.de", "--hyp", "a.de", "--hyp"
    failed(mtkit(files, *given, "a.de"), "a.de is given twice: a system cannot be compared with itself")
    failed(mtkit(files, *given, "no.de"), "no.de does not exist")
    failed(mtkit(files, "report", "--hyp", "no.de", "--ref", "ref.de"), "no.de does not exist")
    failed(mtkit(files, "report", "ref.de"), "ref.de is a file; expected the folder of a run", "--hyp FILE --ref FILE")
    failed(mtkit(files, "report", "nothing"), "nothing does not exist; expected the folder of a run")
    failed(mtkit(files, "report", "--hyp", "a.de", "--ref", "ref.de", "-o", "no/x.html"), "there is no folder")
    for wrong in (["--hyp", "a.de"], ["--src", "a.de"], ["--follow", "--json"], ["--metrics", "blue"]):
        assert mtkit(files, "report", *wrong).returncode == 2
    assert not (files / "report.html").exists()


def test_a_page_of_files(files: Path) -> None:
    given = "report", "--hyp", "a.de", "--hyp", "b.de", "--ref", "ref.de", "--metrics", "ter"
    table = json.loads(ran(mtkit(files, *given, "--json")))
    assert [system["name"] for system in table["tests"][0]["systems"]] == ["a.de", "b.de"]
    assert not (files / "report.html").exists()
    done = mtkit(files, *given, before=UNDRAWN)
    assert (ran(done), done.stderr) == ("", "the report is in report.html\n")
    (files / "short.de").write_text("eins\n")
    done = mtkit(files, *given, "--hyp", "short.de", "-o", "other.html", before=UNDRAWN)
    assert "WARNING: short.de has 1 lines, the reference" in done.stderr
    assert "eine Katze [bold]" in (files / "report.html").read_text()
    assert ran(mtkit(files, *given, "-o", "-", before=UNDRAWN)) == (files / "report.html").read_text()


def test_a_run_with_its_text_and_what_eval_kept(trained: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    ran(mtkit(copy, "preprocess", "-q"))  # whatever others have done with it since
    kept = json.loads(ran(mtkit(copy, "eval", "--json", "--metrics", "ter", "--confidence")))["ter"]
    found = json.loads(
        ran(mtkit(copy, "report", "--json", "-o", "page.html", "-s", 'eval.metrics=["ter"]', before=UNDRAWN))
    )
    (run,), (test,) = found["runs"], found["tests"]
    assert run["notes"] == []
    assert run["text"]["splits"][0]["name"] == "train"
    assert sum(run["text"]["lengths"]["source"]) == run["text"]["splits"][0]["pairs"]
    assert [(one["name"], one["of"]) for one in run["text"]["overlap"]] == [("dev", 30), ("test", 30)]
    assert run["curves"]["dev BLEU"]["updates"] == [250, 500]
    (system,) = test["systems"]
    assert (system["scores"]["ter"]["score"], system["scores"]["ter"]["mean"]) == (
        kept["score"],
        kept["confidence"]["mean"],
    )
    assert system["calibration"]["correlation"] is not None
    assert test["notes"] == []
    assert [one["by"] for one in test["buckets"]][-1] == "frequency in training"
    shown = test["sentences"]["worst"][0]["attention"]["toy"]
    assert all(sum(row) == pytest.approx(1, abs=1e-3) for row in shown["weights"])
    assert (len(shown["weights"]), len(shown["weights"][0])) == (len(shown["target"]), len(shown["source"]))
    said = "".join(shown["target"]).replace("▁", " ").removesuffix("</s>").strip()
    assert said == test["sentences"]["worst"][0]["hypotheses"]["toy"]
    assert "mtkit look " in (copy / "page.html").read_text()
    # A model that is damaged, or looks at nothing, is a note.
    (copy / "runs/toy/best/model.safetensors").write_bytes(b"")
    again = json.loads(ran(mtkit(copy, "report", "--json", "--metrics", "ter")))
    assert "where toy looked is not shown: " in again["tests"][0]["notes"][0]


def test_a_page_that_follows(tmp_path: Path) -> None:
    run = make_run(tmp_path, "run", ended=False)
    faster = f"from mtkit.cli import report\nreport.EVERY = 0.05\n{UNDRAWN}"
    with_it = begin(tmp_path, "report", "runs/run", "--follow", "-q", "--metrics", "ter", before=faster)
    page = tmp_path / "report.html"
    try:
        until(lambda: page.exists())
        assert 'http-equiv="refresh"' in page.read_text()
        Log(run / "log.jsonl").write(Finished(update=30, reason="patience", best={}))
        until(lambda: 'http-equiv="refresh"' not in page.read_text())
        assert with_it.wait() == 0
    finally:
        with_it.close()
    assert "patience" in page.read_text()


def until(done: object, seconds: float = 60) -> None:
    assert callable(done)
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)
