"""Cleaning rules in `mtkit preprocess`: what is kept, counted and repaired, and the page before anything is made."""

import json
from pathlib import Path
from typing import Any

import pytest

from mtkit.cli.options import Messages
from mtkit.config import load
from mtkit.errors import ConfigError, DataError
from mtkit.jobs.preparing import chunks
from mtkit.jobs.preparing.audit import audit
from mtkit.jobs.preprocess import preprocess
from mtkit.jobs.sharing import Processes
from mtkit.report.audit import AuditFacts
from mtkit.schema import Filter
from mtkit.store.prepared import Prepared
from mtkit.text.filters import RULES
from tests.system.test_preprocess import train_text
from tests.system.toy import failed, mtkit, ran

ALL = ('filter.preset="web"', "filter.language=0")
QUICK = "from mtkit.text.cleaning import language; language.available = lambda: False"  # half a second to read
ODD = [
    ("one &amp; two", "eins &amp; zwei"),
    ("five f\u00c3\u00bcnf", "f\u00c3\u00bcnf"),
    ("THE big, big dog!", "das gro\u00dfe Haus"),
    ("the big big dog", "DAS Gro\u00dfe haus"),
    ("see 37 dogs", "73 Hunde"),
    ("%s dogs", "Hunde"),
    ("\u0434\u0432\u0430 \u043a\u043e\u0442\u0430", "zwei Katzen"),
    ("cat \ufffd", "Katze"),
]


@pytest.fixture
def dirty(folder: Path) -> Path:
    """The toy's text in two entries, with something for most rules."""
    for side, name in enumerate(("en", "de")):
        with (folder / f"train.{name}").open("a", encoding="utf-8") as file:
            file.writelines(pair[side] + "\n" for pair in ODD)
        lines = (folder / f"train.{name}").read_text(encoding="utf-8").split("\n")[100:200]
        (folder / f"more.{name}").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return folder


def made(folder: Path, *sets: str, workers: int = 1) -> Prepared:
    loaded = load(str(folder / "mtkit.toml"), ['data.train=["train", "more"]', *sets])
    return preprocess(loaded, Messages(quiet=True), share=Processes(workers))[0]


def looked(folder: Path, *sets: str, prepared: Prepared | None = None, workers: int = 1) -> AuditFacts:
    loaded = load(str(folder / "mtkit.toml"), ['data.train=["train", "more"]', *sets])
    return audit(loaded, Messages(quiet=True), Processes(workers), prepared)


def test_without_rules_all_is_as_it_was(dirty: Path) -> None:
    assert Filter().prepared() == {
        "max_chars": 2000,
        "max_pieces": 200,
        "max_ratio": 4.0,
        "dedupe": True,
        "drop_copies": True,
    }
    report: dict[str, Any] = json.loads((made(dirty).folder / "report.json").read_text())
    assert tuple(report["dropped"]) == RULES
    assert "repaired" not in report
    assert "repaired" not in report["parts"][0]


def test_what_is_dropped_and_repaired_is_counted(dirty: Path) -> None:
    prepared = made(dirty, *ALL, "data.dev=dev")
    report = prepared.report()
    found = {rule: count for rule, count in report.dropped.items() if rule not in RULES}
    assert found == {"mojibake": 1, "script": 1, "numbers": 1, "spans": 1, "near_duplicates": 1}
    assert report.dropped_samples["near_duplicates"] == [("the big big dog", "DAS Gro\u00dfe haus")]
    assert report.repaired == report.parts[0].repaired == {"mojibake": 1, "html": 1}
    assert report.repaired_samples == {
        "mojibake": [("five f\u00c3\u00bcnf", "five f\u00fcnf")],
        "html": [("one &amp; two", "one & two")],
    }
    assert report.dropped["dedupe"] == report.duplicates == sum(part.duplicates for part in report.parts) >= 100
    text = train_text(prepared.folder)
    assert ("one & two", "eins & zwei") in text
    assert ("five f\u00fcnf", "f\u00fcnf") in text


def test_processes_change_nothing(dirty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("train", "more"):
        lines = (dirty / f"{name}.de").read_text(encoding="utf-8").split("\n")[:-1]
        said = "".join(f"{-(number * 7919 % 1000)}\t{line}\n" for number, line in enumerate(lines))
        (dirty / f"{name}.scores").write_text(said, encoding="utf-8")
    sets = (*ALL, 'filter.score=["train.scores", "more.scores"]', "data.dev=", "data.case_augment=0.2")
    alone = made(dirty, *sets)
    assert 0 < alone.report().dropped["score"] <= 0.1 * alone.report().pairs_read
    before = {path.name: path.read_bytes() for path in alone.folder.iterdir()}
    facts = looked(dirty, *sets)
    (dirty / "prepared").rename(tmp_path / "alone")
    monkeypatch.setattr(chunks, "PAIRS", 50)
    shared = made(dirty, *sets, workers=3)
    assert {path.name: path.read_bytes() for path in shared.folder.iterdir()} == before
    assert looked(dirty, *sets, workers=3) == facts


def test_scores_are_a_rule_by_themselves(folder: Path) -> None:
    """The worst tenth of 600 goes, whatever else is off."""
    lines = (folder / "train.de").read_text(encoding="utf-8").split("\n")[:-1]
    said = "".join(f"{number}\t{line}\n" for number, line in enumerate(lines))
    (folder / "scores").write_text(said, encoding="utf-8")
    loaded = load(str(folder / "mtkit.toml"), ["filter.score=scores"])
    report = preprocess(loaded, Messages(quiet=True), share=Processes(1))[0].report()
    assert report.dropped["score"] == 60
    assert report.dropped_samples["score"][0][1] == lines[0]


def test_the_page_counts_what_the_report_counts(dirty: Path) -> None:
    sets = (*ALL, "filter.max_pieces=12")
    prepared = made(dirty, *sets)
    facts, report = looked(dirty, *sets, prepared=prepared), prepared.report()
    for rule in facts.dropped:
        assert rule.pairs == tuple(part.dropped.get(rule.rule, 0) for part in report.parts), rule
    assert facts.stay == tuple(part.pairs for part in report.parts)
    (near,) = [rule for rule in facts.dropped if rule.rule == "near_duplicates"]
    first, again = ("THE big, big dog!", "das gro\u00dfe Haus"), ("the big big dog", "DAS Gro\u00dfe haus")
    assert near.samples[0] == ((first, again),)
    (twice,) = [rule for rule in facts.dropped if rule.rule == "dedupe"]
    assert all(first == again for entry in twice.samples for first, again in entry)


def test_what_a_text_scores_too_low_is_on_the_page(folder: Path) -> None:
    sides = [(folder / f"train.{side}").read_text().split("\n")[:200] for side in ("en", "de")]
    lines = (f"{source}\t{target}\t{number}\n" for number, (source, target) in enumerate(zip(*sides, strict=True)))
    (folder / "t.tsv").write_text("".join(lines))
    facts = looked(folder, 'data.train=[{path = "t.tsv", min_score = 50.0}]')
    (low,) = [rule for rule in facts.dropped if rule.rule == "min_score"]
    assert (facts.read, low.pairs) == ((200,), (50,))
    assert low.samples[0]


def test_rules_that_are_off_are_tried(dirty: Path) -> None:
    facts = looked(dirty)
    off = {rule.rule: rule for rule in facts.off}
    assert off["numbers"].setting == "numbers = true"
    assert off["numbers"].samples[0] == ((("see 37 dogs", "73 Hunde"),),)
    assert off["html"].samples[0] == ((("one &amp; two", "one & two"),),)
    assert (off["near_duplicates"].pairs, off["max_repeats"].pairs) == ((1, 0), (0, 0))
    assert facts.repaired == ()


def test_a_dry_run_writes_a_page_and_nothing_else(dirty: Path) -> None:
    before = sorted(path.name for path in dirty.iterdir())
    done = mtkit(dirty, "preprocess", "--dry-run", "-s", "filter.numbers=true", "-o", "page.html", before=QUICK)
    assert ran(done) == ""
    assert sorted([*before, "page.html"]) == sorted(path.name for path in dirty.iterdir())
    assert "608 pairs read; dropped: numbers 1" in done.stderr
    assert "off, and would find: " in done.stderr
    assert "the page is in page.html; nothing was prepared" in done.stderr
    page = (dirty / "page.html").read_text(encoding="utf-8")
    assert "73 Hunde" in page
    failed(mtkit(dirty, "preprocess", "--audit", "-o", "none/page.html"), "there is no folder")
    done = mtkit(dirty, "preprocess", "-o", "page.html")
    assert done.returncode == 2
    assert "--output is of the page that --audit and --dry-run write" in done.stderr
    done = mtkit(dirty, "preprocess", "--audit", before=QUICK)
    ran(done)
    assert "max_pieces" in (dirty / "audit.html").read_text(encoding="utf-8")


def test_what_cannot_work_is_refused_before_any_work(dirty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for side in ("en", "de"):
        for name in ("train", "more", "dev", "test"):
            (dirty / f"{name}.{side}").rename(dirty / f"{name}.{'xx' if side == 'en' else 'yy'}")
    languages = ("data.source_lang=xx", "data.target_lang=yy")
    with pytest.raises(ConfigError, match=r"filter.script has no effect: it knows nothing of xx-yy that"):
        made(dirty, *languages, "filter.script=0.5")
    made(dirty, *languages, *ALL)  # a preset says what it can
    with pytest.raises(DataError, match=r"none does not exist; filter.score expects what mtkit score writes"):
        made(dirty, *languages, 'filter.score=["none", "none"]')
    with pytest.raises(ConfigError, match=r"filter.score names 1 file\(s\), but data.train 2"):
        made(dirty, *languages, "filter.score=none")
    with pytest.raises(ConfigError, match="a ratio is 1 or more"):
        made(dirty, *languages, "filter.max_word_ratio=0.5")
    monkeypatch.setattr("mtkit.text.cleaning.language.available", lambda: False)
    with pytest.raises(ConfigError, match="pip install 'mtkit\\[clean\\]'"):
        made(dirty, *languages, "filter.language=0.5")
