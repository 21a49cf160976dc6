"""The page of `mtkit report`: the numbers of the findings, text that stays text, in one file."""

import html
import re
from dataclasses import replace
from pathlib import Path

import pytest

from mtkit.errors import MtkitError
from mtkit.jobs.report import Report
from mtkit.report import plots
from mtkit.report.findings import (
    Bars,
    Dropped,
    Findings,
    Overlap,
    RunFacts,
    SideLengths,
    SplitFacts,
    TextFacts,
)
from mtkit.report.overview import overview
from tests.report.made import HOSTILE, make_run


def text_facts() -> TextFacts:
    side = SideLengths(12.5, 12, 20, 1200, 1.25, 0.015)
    samples = ((HOSTILE, HOSTILE),)
    return TextFacts(
        "en-de-01234567",
        4000,
        (SplitFacts("train", 3000, side, side), SplitFacts("dev", 100, side, side)),
        (Dropped("max_ratio", 123, samples), Dropped("empty", 7, ())),
        5,
        (Overlap("dev", 3, 4, 100),),
        Bars((0, 5, 10), (1, 20, 3), (2, 10, 12)),
        (f"odd: {HOSTILE}",),
    )


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    root = tmp_path_factory.mktemp("overview")
    worse = {"a<b>&'\"": 2, "second": 0, "x" * 60: 4}
    runs = [make_run(root, name, worse=each, ended=bool(each)) for name, each in worse.items()]
    found = Report(runs, metrics=["ter"]).findings()
    return replace(found, runs=tuple(replace(run, text=text_facts()) for run in found.runs), notes=(HOSTILE,))


@pytest.fixture(scope="module")
def page(findings: Findings) -> str:
    return overview("a <title>", findings)


def texts(page: str) -> str:
    """What one reads."""
    return html.unescape(
        re.sub(r"\s+", " ", re.sub(r"<(svg|script|style).*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL))
    )


def test_text_of_the_data_stays_text(page: str) -> None:
    assert "<script>alert" not in page
    assert page.count("<script>") == 1
    assert "a<b>" not in page
    said = texts(page)
    assert said.count(HOSTILE) > 8
    assert "Report: a <title>" in said
    assert not re.search(r"https?://(?!www.w3.org)|@import|url\((?!#)|<link|\ssrc=", page)
    assert len(page) < 1 << 20


def test_numbers_are_those_of_the_findings(page: str, findings: Findings) -> None:
    said = texts(page)
    for system in findings.tests[0].systems:
        for score in system.scores.values():
            assert f" {score.score:.2f} {score.mean:.2f} ± {score.half_width:.2f} " in said
            if score.p_bootstrap is not None:
                mark = " *" if score.differs else ""
                assert f"{score.p_bootstrap:.4f}{mark} {score.p_randomization:.4f}{mark} " in said
        for fault in system.faults:
            assert f"{fault.lines} ({100 * fault.share:.1f} %)" in said
        assert system.calibration
        assert f"{system.name}: rank correlation of probability and chrF {system.calibration.correlation:.2f}" in said
    for sentence in findings.tests[0].sentences["worst"]:
        assert f"line {sentence.number} " in said
    assert "4,000 pairs were read, 5 of them duplicates. train has 3,000, dev has 100." in said
    assert "max_ratio: 123 pairs" in said
    assert "dev: 3 pairs of 100 stand in it, and the sources of 4" in said
    assert "12.5 12 20 1,200 1.25 1.50 %" in said
    assert "second differs significantly from a<b>&'\" by TER (-" in said
    assert "not yet, as far as the log says" in said


def test_what_is_linked_is_there(page: str) -> None:
    ids = re.findall(r'<[^>]*\sid="([^"]+)"', re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL))
    assert len(ids) == len(set(ids))
    linked = {html.unescape(one) for one in re.findall(r'<a href="#([^"]+)"', page)}
    assert linked <= set(ids)
    assert len(linked) > 5


def test_the_same_text_of_several_runs_stands_once(page: str) -> None:
    assert page.count("What was dropped") == 1
    assert "Text of a<b>&'\", second, xxx" in texts(page)


def test_figures_tell_names_apart(page: str) -> None:
    shown = re.findall(r"xxxxxxxx…x{16}", page)
    assert shown
    assert page.count("<svg") >= 12


def test_without_matplotlib_all_else_is_there(findings: Findings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> str:
        raise MtkitError("figures are drawn by matplotlib, which is not installed")

    for name in ("curves", "bars", "drawn"):
        monkeypatch.setattr(plots, name, refuse)
    made = overview("x", findings)
    assert "<svg" not in made
    assert texts(made).count("figures are drawn by matplotlib") == 1
    assert "What is plainly wrong" in made


def test_little_is_shown_where_there_is_little() -> None:
    assert "There is nothing to report." in overview("", Findings())
    bare = RunFacts("r", {}, {}, {}, "", None, None, ("the log says of no update: there are no curves",))
    made = overview("r", Findings((bare,)), reload=7)
    assert '<meta http-equiv="refresh" content="7">' in made
    assert "reloads itself" in made
    assert "there are no curves" in made


def test_a_model_that_is_there_can_be_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = make_run(tmp_path, "$mine", worse=3)
    (run / "best").mkdir()
    for name in ("curves", "bars"):
        monkeypatch.setattr(plots, name, lambda *args, **options: "")
    made = texts(overview("x", Report([run], metrics=["ter"]).findings()))
    assert "mtkit look 'a dog 0 barks' -m 'runs/$mine'" in made
