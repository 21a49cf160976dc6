"""The page of `mtkit report` in a browser."""

from dataclasses import replace
from pathlib import Path

import pytest

from mtkit.jobs.report import Report
from mtkit.report.findings import Attention, Findings
from mtkit.report.overview import overview
from tests.browser.conftest import Browser
from tests.report.made import HOSTILE, make_run

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    root = tmp_path_factory.mktemp("overview")
    runs = [make_run(root, name, worse=worse) for name, worse in (("first", 3), ("<b>second<b>", 0), ("x" * 80, 4))]
    for run in runs[:1]:  # a sentence of 500 words
        text = (run / "eval/test.de").read_text(encoding="utf-8").splitlines()
        text[1] = " ".join(["Hund"] * 500)
        (run / "eval/test.de").write_text("".join(f"{line}\n" for line in text), encoding="utf-8")
    found = Report(runs, metrics=["bleu", "ter"]).findings()
    (test,) = found.tests
    seen = Attention(("▁a", HOSTILE, "</s>"), ("▁Hund", "</s>"), ((0.1, 0.7, 0.2), (0.0, 0.25, 0.75)))
    first, *others = test.sentences["worst"]
    worst = (replace(first, attention={"<b>second<b>": seen}), *others)
    return replace(found, tests=(replace(test, sentences={**test.sentences, "worst": worst}),))


@pytest.fixture(scope="module")
def file(findings: Findings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("page") / "report.html"
    made.write_text(overview("three", findings), encoding="utf-8")
    return made


@pytest.mark.parametrize("phone", [False, True])
@pytest.mark.parametrize("dark", [False, True])
def test_it_opens(file: Path, browser: Browser, phone: bool, dark: bool) -> None:
    opened = browser.open(file, phone=phone, dark=dark)
    opened.clean()
    assert opened.page.locator("h2").all_inner_texts() == ["Training", "Translations of test"]
    assert opened.page.locator("figure svg").count() > 10


def test_numbers_are_those_of_the_json(file: Path, browser: Browser, findings: Findings) -> None:
    page = browser.open(file).page
    (test,) = findings.as_json()["tests"]
    cells = [row.locator("td").all_inner_texts() for row in page.locator("table.scores tr").all()]
    wanted: list[list[str]] = []
    for metric in ("bleu", "ter"):
        wanted.append([])  # the head
        for system in test["systems"]:
            one = system["scores"][metric]
            mark = " *" if one["differs"] else ""
            tests = [f"{p:.4f}{mark}" if p is not None else "–" for p in (one["p_bootstrap"], one["p_randomization"])]
            wanted.append([f"{one['score']:.2f}", f"{one['mean']:.2f} ± {one['half_width']:.2f}", *tests])
    assert cells == wanted


def test_a_line_with_a_fault_opens(file: Path, browser: Browser, findings: Findings) -> None:
    page = browser.open(file).page
    number = next(fault.samples[0] for fault in findings.tests[0].systems[0].faults if fault.samples)
    target = page.locator(f"#test-1-{number}")
    assert not target.is_visible()
    page.locator(f'a[href="#test-1-{number}"]').first.focus()
    page.keyboard.press("Enter")
    target.wait_for(state="visible")
    assert HOSTILE in target.inner_text() or "Hund Hund" in target.inner_text()


def test_attention_opens_and_is_stepped_through(file: Path, browser: Browser) -> None:
    opened = browser.open(file, phone=True)
    page = opened.page
    looked = page.locator("details.looked")
    assert looked.count() == 1
    looked.locator("summary").focus()
    page.keyboard.press("Enter")
    looked.locator("canvas").focus()
    page.keyboard.press("ArrowRight")
    assert looked.locator("output").inner_text() == f"▁Hund (1) looks at {HOSTILE} (2): 0.7000"
    page.keyboard.press("ArrowDown")
    assert looked.locator("output").get_attribute("data-value") == "0.25"
    opened.clean()
