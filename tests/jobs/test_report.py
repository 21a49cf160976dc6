"""What a report says, of runs that lie there as they should, and of what does not."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from mtkit.errors import ConfigError, DataError
from mtkit.jobs.evaluate import Unwatched
from mtkit.jobs.report import Report
from mtkit.jobs.reporting import comparing, sentences
from mtkit.jobs.reporting.runs import RunFolder
from mtkit.jobs.reporting.systems import Given, TestSet, from_run, known_test
from mtkit.report.findings import Attention, Findings, TestFacts
from mtkit.store.log import Log, Other
from tests.report.made import HOSTILE, LINES, make_run


def report(*paths: Path, hyp: list[Path] | None = None, given: Given | None = None) -> Findings:
    return Report(paths, hyp or [], given, metrics=["ter"]).findings()


def the_test(found: Findings) -> TestFacts:
    (test,) = found.tests
    return test


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    make_run(folder, "good")
    make_run(folder, "bad", worse=3)
    make_run(folder, "also", worse=3)
    return folder


@pytest.fixture(scope="module")
def both(root: Path) -> Findings:
    return report(root / "runs/good", root / "runs/bad")


def test_curves_are_those_of_the_log(both: Findings) -> None:
    good, _ = both.runs
    assert (good.name, good.ended, good.minutes) == ("good", "max_updates = 30", 3)
    assert good.curves["loss"].updates == tuple(range(1, 31))
    assert good.curves["loss"].values == tuple(8 / update for update in range(1, 31))
    assert good.curves["dev BLEU"].values == (10, 20, 30)
    assert good.best == {"loss": 0.1, "bleu": 30, "chrf": 60}
    assert good.about["parameters"] == "12,345"
    assert good.about["languages"] == "en to de"
    (note,) = good.notes
    assert note.startswith("nothing is said of the training text: it does not lie prepared in ")


def test_many_updates_are_means_of_a_few(root: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path, "long")
    (run / "log.jsonl").unlink()
    with (run / "log.jsonl").open("w") as file:
        for update in range(1, 1001):
            keys = {"epoch": 0, "seconds": 1, "lr": 1, "grad_norm": 1, "target_tokens": 1, "tokens_per_second": 1}
            line = {"event": "update", "update": update, "loss": update % 2, "waited": 0, **keys}
            file.write(json.dumps(line) + "\n")
    curve = report(run).runs[0].curves["loss"]
    assert len(curve.updates) <= 150
    assert curve.updates[-1] == 1000
    assert 0.4 < min(curve.values) <= max(curve.values) < 0.6
    assert sum(curve.values) / len(curve.values) == pytest.approx(0.5, abs=0.01)


def test_systems_of_one_test_set_are_compared(both: Findings) -> None:
    test = the_test(both)
    assert (test.name, test.lines, [system.name for system in test.systems]) == ("test", LINES, ["good", "bad"])
    good, bad = (system.scores["ter"] for system in test.systems)
    assert good.score == 0 < bad.score
    assert good.p_bootstrap is None
    assert bad.p_bootstrap is not None
    assert bad.differs
    assert test.differences == ()
    faults = {fault.name: fault.lines for fault in test.systems[1].faults}
    assert faults["number lost"] == sum(number % 3 == 0 and number % 7 != 1 for number in range(LINES))
    assert [fault.lines for fault in test.systems[0].faults] == [0] * 7


def test_groups_of_lines_and_words(both: Findings) -> None:
    lengths, unseen, words = the_test(both).buckets
    assert (lengths.by, lengths.names, lengths.counts) == ("length of the source", ("0–5",), (LINES,))
    assert lengths.values["good"] == (0,)
    assert lengths.values["bad"] == (the_test(both).systems[1].scores["ter"].score,)
    assert (unseen.by, unseen.names) == ("words of the source never seen in training", ("0",))
    assert (words.by, words.what, words.of) == ("frequency in training", "F1 of words", "words of the reference")
    assert dict(zip(words.names, words.counts, strict=True))["1"] == 5  # laut0, laut5, …
    assert words.values["good"][1] == 100
    assert words.values["good"][0] is None


def test_sentences(both: Findings) -> None:
    sentences = the_test(both).sentences
    assert set(sentences) == {"worst", "best", "most different", "faults"}
    worst = sentences["worst"][0]
    assert (worst.number - 1) % 3 == 0
    assert worst.hypotheses["bad"] == HOSTILE
    assert worst.scores["good"] == 100
    assert "number lost" in worst.faults["bad"]
    assert sentences["most different"][0].scores["bad"] < 30
    samples = {number for system in the_test(both).systems for fault in system.faults for number in fault.samples}
    assert samples == {sentence.number for sentence in sentences["faults"]}


def test_calibration_is_of_the_likelihoods_that_were_kept(both: Findings) -> None:
    _, bad = the_test(both).systems
    assert bad.calibration
    assert bad.calibration.correlation > 0.5
    assert list(bad.calibration.probabilities) == sorted(bad.calibration.probabilities)
    assert len(bad.calibration.qualities) == 10


def test_all_of_it_is_json(both: Findings) -> None:
    table = json.loads(json.dumps(both.as_json(), allow_nan=False))
    assert table["tests"][0]["systems"][1]["scores"]["ter"]["score"] == the_test(both).systems[1].scores["ter"].score


def test_each_two_of_three(root: Path) -> None:
    found = the_test(report(*(root / f"runs/{name}" for name in ("good", "bad", "also"))))
    p_values = {(one.one, one.other): one.p_value for one in found.differences}
    assert set(p_values) == {("good", "bad"), ("good", "also"), ("bad", "also")}
    assert p_values["bad", "also"] == 1
    assert p_values["good", "bad"] < 0.05


def test_results_of_eval_alone_and_files(root: Path, tmp_path: Path) -> None:
    assert the_test(report(root / "runs/bad/eval")).systems[0].name == "bad"
    assert the_test(report(root / "runs/bad/eval/test.json")).lines == LINES
    given = Given([root / "test.de"], root / "test.en")
    files = [root / "runs/bad/eval/test.de", root / "runs/good/eval/test.jsonl"]
    found = the_test(report(hyp=files, given=given))
    assert [system.name for system in found.systems] == ["test.de", "test.jsonl"]
    assert [bool(system.calibration) for system in found.systems] == [False, True]
    assert found.notes == ("the training text is not known: nothing is said of words that it never had",)
    same = [root / "runs/bad/eval/test.de", root / "runs/good/eval/test.de"]
    assert [one.name for one in the_test(report(hyp=same, given=given)).systems] == [
        "bad/eval/test.de",
        "good/eval/test.de",
    ]


def test_without_sources_it_is_said(root: Path) -> None:
    found = the_test(report(hyp=[root / "runs/bad/eval/test.de"], given=Given([root / "test.de"])))
    assert found.notes[0].startswith("the sources are not known")
    assert found.buckets[0].by == "length of the reference"
    assert "copied" not in [fault.name for fault in found.systems[0].faults]
    assert found.sentences["worst"][0].source is None


def test_what_has_other_lengths_is_left_out_and_told(root: Path, tmp_path: Path) -> None:
    for name in ("short", "ref", "src"):
        (tmp_path / name).write_text("ein\n")
    given = Given([root / "test.de", tmp_path / "ref"], tmp_path / "src")
    found = report(hyp=[root / "runs/bad/eval/test.de", tmp_path / "short"], given=given)
    assert [system.name for system in the_test(found).systems] == ["test.de"]
    assert any(f"{tmp_path / 'ref'} has 1 lines, the first reference {LINES}" in note for note in found.notes)
    assert any("nothing is said of sources" in note for note in found.notes)
    assert f"short has 1 lines, the reference {LINES}: it is left out" in found.notes
    nothing = report(hyp=[tmp_path / "short"], given=given)
    assert nothing.tests == ()
    assert any("short has 1 lines" in note for note in nothing.notes)


def test_references_of_ones_own_for_a_run(root: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.de").write_text((root / "runs/bad/eval/test.de").read_text(encoding="utf-8"), encoding="utf-8")
    found = the_test(report(root / "runs/good", root / "runs/bad", given=Given([tmp_path / "mine.de"])))
    assert (found.name, [system.name for system in found.systems]) == ("mine.de", ["good", "bad"])
    assert found.systems[1].scores["ter"].score == 0 < found.systems[0].scores["ter"].score


def test_attention_is_shown_as_far_as_a_page_can_hold_it(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path, "run", worse=3)
    (run / "best").mkdir()

    def attend(run: RunFolder, pairs: Sequence[tuple[str, str]]) -> list[Attention | None]:
        return [None if number == 1 else Attention(("a",) * 5, ("b",) * 2, ()) for number in range(len(pairs))]

    monkeypatch.setattr(sentences, "CELLS", 45)
    given = {"metrics": ["ter"], "tokenize": "auto", "vocabulary": lambda *_: None, "watcher": Unwatched()}
    opened = RunFolder.open(run, "run")
    found = comparing.compare(known(opened), attend=attend, **given)  # type: ignore[arg-type]
    shown = [bool(sentence.attention) for sentence in found.sentences["worst"]]
    assert shown == [True, False, True, True, True, False, False, False]
    assert any(note.startswith("attention is shown of 5 lines alone: of all ") for note in found.notes)

    def blind(*_: object) -> list[Attention | None]:
        raise ConfigError("it has no attention")

    found = comparing.compare(known(opened), attend=blind, **given)  # type: ignore[arg-type]
    assert "where run looked is not shown: it has no attention" in found.notes


def known(run: RunFolder) -> TestSet:
    test = known_test(run, "test")
    for _, system in from_run(run, []):
        test.add(system)
    return test


def damage(run: Path, text: str) -> None:
    (run / "log.jsonl").write_text(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the log says of no update"),
        ("no json\n" * 5, "2 more lines of "),
        ('{"event": "update", "update": 1}\n', "the log says of no update"),
        ('{"update": 1}\n', "is no event, which is a JSON table"),
        ("\0\0\0\n", "log.jsonl, line 1"),
        ('{"event": "format", "kind": "log", "format_version": 99}\n', "format 99"),
        ('{"event": "finished", "update": 5, "reason": "x", "best": [1]}\n', "something else than numbers"),
    ],
)
def test_a_damaged_log_is_told_and_the_rest_said(tmp_path: Path, text: str, said: str) -> None:
    run = make_run(tmp_path, "run")
    damage(run, text)
    found = report(run)
    assert any(said in note for note in found.runs[0].notes), found.runs[0].notes
    assert found.runs[0].about["languages"] == "en to de"
    assert the_test(found).lines == LINES


def test_the_rest_of_a_damaged_log_is_there(tmp_path: Path) -> None:
    run = make_run(tmp_path, "run")
    lines = (run / "log.jsonl").read_text().splitlines()
    lines[5] = lines[5][:20]
    for number, value in ((7, '"high"'), (8, "NaN")):
        lines[number] = re.sub('"loss": [^,]+', f'"loss": {value}', lines[number])
    damage(run, "\n".join(lines) + "\n" + '{"event": "upd')
    (run_facts,) = report(run).runs
    assert len(run_facts.curves["loss"].updates) == 30 - 3
    assert run_facts.curves["dev BLEU"].values == (10, 20, 30)
    assert run_facts.ended
    notes = "\n".join(run_facts.notes)
    assert "line 6," in notes
    assert "1 lines of the log hold something else than numbers" in notes
    assert "loss is no finite number in 1 of 28 lines of the log" in notes


def test_what_was_kept_of_other_lines_is_told_of(tmp_path: Path) -> None:
    run = make_run(tmp_path, "run")
    (run / "eval/test.de").write_text("one\ntwo\n")
    found = report(run)
    assert found.tests == ()
    assert any("2 lines, the reference" in note for note in found.notes), found.notes


def test_what_is_missing_of_a_run(tmp_path: Path) -> None:
    run = make_run(tmp_path, "run", ended=False)
    (run / "config.json").unlink()
    (tmp_path / "test.de").unlink()
    found = report(run)
    assert (found.runs[0].ended, found.runs[0].text) == ("", None)
    assert any("config.json cannot be read" in note for note in found.runs[0].notes)
    assert found.tests == ()
    assert found.notes == (
        "run: what the test set test is cannot be told without the run's config; name its references",
    )
    whole = make_run(tmp_path / "other", "run")
    (whole / "log.jsonl").unlink()
    (tmp_path / "other/test.en").unlink()
    found = report(whole)
    assert any("log.jsonl cannot be read (there is none)" in note for note in found.runs[0].notes)
    assert "test.en" in found.notes[0]
    (whole / "eval/test.de").unlink()
    assert "test.de does not exist" in report(whole).notes[0]


def test_a_run_without_validation_and_one_that_goes_on(tmp_path: Path) -> None:
    run = make_run(tmp_path, "run", ended=False)
    lines = [line for line in (run / "log.jsonl").read_text().splitlines() if "validation" not in line]
    damage(run, "\n".join(lines) + "\n")
    job = Report([run], metrics=["ter"])
    found = job.findings()
    assert "no validation is finished: nothing is known of dev yet" in found.runs[0].notes
    assert found.runs[0].best == {}
    (goes_on,) = report(make_run(tmp_path / "other", "run", ended=False)).runs
    assert goes_on.best["bleu"] == 30, "of its validations until now"
    Log(run / "log.jsonl").write(Other(event="finished", values={"update": 31, "reason": "patience", "best": {}}))
    after = job.following(found)
    assert (found.runs[0].ended, after.runs[0].ended) == ("", "patience")
    assert after.tests is found.tests


def test_what_is_neither_run_nor_result_is_refused(root: Path, tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "bundle" / name).write_text("{}")
    for path, said in (
        (tmp_path / "no", "does not exist"),
        (tmp_path, "is no run"),
        (tmp_path / "bundle", "is no run"),
    ):
        with pytest.raises(DataError, match=f"{path} {said}; expected the folder of a run"):
            report(path)
    with pytest.raises(DataError, match="test.de is a file; expected the folder of a run"):
        report(root / "test.de")
    with pytest.raises(DataError, match="hypotheses are compared with references, and none are given"):
        report(hyp=[root / "test.de"])
    (tmp_path / "t.jsonl").write_text('{"id": 0}\n')
    with pytest.raises(DataError, match="line 1, has no text under the key translation"):
        report(hyp=[tmp_path / "t.jsonl"], given=Given([root / "test.de"]))
    (tmp_path / "t.jsonl").write_text("text\n")
    with pytest.raises(DataError, match="expected JSON lines of mtkit translate"):
        report(hyp=[tmp_path / "t.jsonl"], given=Given([root / "test.de"]))
