"""A study from its file to its page, interrupted or not; a run that diverges is a result, too."""

import json
import re
import signal
from pathlib import Path

import pytest

from mtkit.errors import MtkitError
from mtkit.jobs.studying import recorder
from mtkit.jobs.studying.definition import plan
from mtkit.jobs.studying.making import make
from mtkit.jobs.studying.runner import conduct, write_texts
from mtkit.jobs.view import Silent
from mtkit.report.results import Results
from mtkit.store import study
from tests.studying.test_definition import MINI
from tests.system.toy import failed, mtkit, ran

COMMAND = ("study", str(MINI), "--out", "out", "--jobs")
# At the given update of the first run that gets there, a signal for the process itself or for its parent.
SIGNALLED = """
import os, signal
from mtkit.jobs.studying.recorder import Recorder
plain = Recorder.updated
def updated(self, event, progress):
    plain(self, event, progress)
    if progress.update == {update}:
        os.kill({whom}, signal.{name})
        signal.sigtimedwait([], 0.3)
Recorder.updated = updated
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the results of the small study."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "said").write_text(ran(mtkit(folder, *COMMAND, "2")), encoding="utf-8")
    return folder


def test_results_are_those_of_the_runs(made: Path) -> None:
    results = study.results(made / "out/mini.json")
    assert [(run.variant, run.seed, run.ended) for run in results.runs] == [(("without",), 7, ""), (("with",), 7, "")]
    assert results.verdict == "holds"
    without, with_ = results.runs
    assert without.values["updates"] == with_.values["updates"] == 6
    assert without.values["alignment_error"] is None
    assert with_.signatures["bleu"].startswith("nrefs:1|case:mixed|eff:no|tok:13a")
    assert with_.values["memory_states"] == (3 + 6 + 2) / 2  # a word, 2 or 5 others, and the end
    for run in results.runs:
        folder = made / "out/work/runs" / run.run
        logged = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
        (begun,) = [line for line in logged if line["event"] == "begin"]
        assert run.values["parameters"] == begun["parameters"]
        best = next(line for line in logged if line["event"] == "finished")["best"]
        assert run.values["dev_loss"] == best["loss"]
        updates = recorder.read(made / f"out/work/updates/{run.run}.txt", 6)
        assert run.values["largest_gradient"] == max(one.grad_norm for one in updates)
        assert updates[0].loss == next(line["loss"] for line in logged if line["event"] == "update")
        assert run.series["gradient_at_start"]["100"] is None
        assert run.series["recall_by_distance"].keys() == {"2", "5"}


def test_what_is_shown(made: Path) -> None:
    said = (made / "said").read_text(encoding="utf-8")
    assert said.splitlines() == [
        "mini: holds: It <b>works</b>.",
        "  holds: All updates were made. (updates of with ≥ 6)",
        "  holds: Attention has more parameters. (parameters of with − parameters of without ≥ 1)",
    ]
    page = (made / "out/mini.html").read_text(encoding="utf-8")
    assert "<title>Mini &amp; &lt;small&gt;</title>" in page
    assert "It &lt;b&gt;works&lt;/b&gt;." in page
    assert "nrefs:1|case:mixed|eff:no|tok:13a" in page
    assert page.count("<svg") == page.count("</svg>") == 3
    parameters = study.results(made / "out/mini.json").runs[1].values["parameters"]
    assert re.search(rf'<td class="number">{parameters:,.0f}</td>', page)
    index = (made / "out/index.html").read_text(encoding="utf-8")
    assert index.count("<svg") == 1
    assert 'href="mini.html"' in index
    assert (made / "out/mini-3.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_a_finished_study_makes_no_run_again(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said, warned = list[str](), list[str]()
    monkeypatch.setattr(Silent, "say", lambda self, message, remedy="": said.append(message))
    monkeypatch.setattr(Silent, "warn", lambda self, message: warned.append(message))
    (made / "out/other.json").write_text('{"kind": "study", "format_version": 99}', encoding="utf-8")
    found = conduct(plan(str(MINI)), made / "out", made / "out/work", 1, Silent())
    assert said == ["mini: 2 of 2 runs are there already"]
    assert found == study.results(made / "out/mini.json")
    (warning,) = warned
    assert "other.json is of study format 99, this mtkit" in warning
    assert 'href="mini.html"' in (made / "out/index.html").read_text(encoding="utf-8")


def test_without_a_library_to_draw_with_no_run_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MtkitError, match=r"pip install 'mtkit\[report\]'"):
        conduct(plan(str(MINI)), tmp_path / "out", tmp_path / "work", 1, Silent())
    assert list(tmp_path.iterdir()) == []


def test_interrupted_and_begun_again(made: Path, tmp_path: Path) -> None:
    stopped = mtkit(tmp_path, *COMMAND, "1", before=SIGNALLED.format(update=4, whom="os.getppid()", name="SIGTERM"))
    assert stopped.returncode == 128 + signal.SIGTERM
    assert stopped.stderr.splitlines()[-1] == "stopped, all is saved; the same command goes on from here"
    killed = mtkit(tmp_path, *COMMAND, "1", "-q", before=SIGNALLED.format(update=5, whom="os.getpid()", name="SIGKILL"))
    failed(killed, "the process of without, seed 7 has ended (killed by signal 9)", "--jobs 1")
    assert not list(tmp_path.glob("out/*.json"))
    said = ran(mtkit(tmp_path, *COMMAND, "1", "--json"))
    assert Results.model_validate_json(said) == study.results(made / "out/mini.json")
    assert (tmp_path / "out/mini.json").read_bytes() == (made / "out/mini.json").read_bytes()


def test_a_wrong_file_makes_no_run(tmp_path: Path) -> None:
    text = MINI.read_text(encoding="utf-8").replace("seeds = [7]", 'seeds = "7"')
    (tmp_path / "wrong.toml").write_text(text, encoding="utf-8")
    done = mtkit(tmp_path, "study", str(MINI), "wrong.toml", "-q")
    failed(done, 'wrong.toml: seeds: found "7", expected a valid list')
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.toml"]


def test_a_run_that_diverges_is_measured(tmp_path: Path) -> None:
    settings = ["train.lr=1e6", "train.clip_norm=0", "train.warmup=0", "model.encoder.cell=rnn_relu"]
    planned = plan(str(MINI), settings)
    write_texts(planned, tmp_path)
    done = make(planned.runs[0], tmp_path)
    assert "diverged" in done.ended or "not finite" in done.ended
    assert done.values["diverged"] == 1
    assert done.values["bleu"] is not None
    assert make(planned.runs[0], tmp_path) == done


def test_the_list(tmp_path: Path) -> None:
    lines = ran(mtkit(tmp_path, "study")).splitlines()
    assert len(lines) == 11
    assert lines[0].startswith("cells ")
    assert list(tmp_path.iterdir()) == []


def test_updates_written_twice_or_in_part(tmp_path: Path) -> None:
    (tmp_path / "u").write_text("1 2.0 3.0 40 0.5\n2 1.0 2.0 40 0.5\n3 9.0 9.0 40 0.5\n2 1.5 2.5 41 0.25\n3 1.0 nan 4")
    assert recorder.read(tmp_path / "u", 2) == [(2.0, 3.0, 40, 0.5), (1.5, 2.5, 41, 0.25)]
    assert recorder.read(tmp_path / "none", 2) == []
