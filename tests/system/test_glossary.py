"""`mtkit translate --glossary`: a user's terms, in a model that says others."""

import json
from pathlib import Path

import pytest

from tests.system.toy import failed, mtkit, ran

TERMS = "en\tde\n# animals\ndog\tHaus\ncat*\tHund|Katze\nred house\tHaus\n"


@pytest.fixture
def terms(tmp_path: Path) -> Path:
    path = tmp_path / "terms.tsv"
    path.write_text(TERMS)
    return path


def test_terms_are_said_and_told(trained: Path, terms: Path) -> None:
    text = "the dog sees the small cat\none red house\nthe big house\n"
    given = ("translate", "-q", "--glossary", str(terms), "--format", "jsonl")
    made = [json.loads(line) for line in ran(mtkit(trained, *given, stdin=text)).splitlines()]
    assert [len(one["nbest"]) for one in made] == [1, 1, 1]
    assert "Haus" in made[0]["translation"].split()
    assert "Haus" in made[1]["translation"].split()
    assert made[2]["translation"] == "das große Haus"
    assert made[0]["terms"] == [
        {"source": "dog", "target": "Haus", "rendered": True},
        {"source": "cat", "target": "Hund|Katze", "rendered": True},
    ]
    assert made[2]["terms"] == []
    two = ran(mtkit(trained, *given, "--workers", "2", stdin=text))
    assert [json.loads(line) for line in two.splitlines()] == made
    greedy = ran(mtkit(trained, "translate", "-q", "--glossary", str(terms), "--beam-size", "1", stdin=text))
    assert "Haus" in greedy.split("\n")[0].split()
    assert greedy.split("\n")[2] == "das große Haus"


def test_risk_and_guard_are_options(trained: Path) -> None:
    text = "the dog sees the small cat\n\none red house\n"
    plain = ran(mtkit(trained, "translate", "-q", "--no-guard", stdin=text))
    assert ran(mtkit(trained, "translate", "-q", stdin=text)) == plain
    assert ran(mtkit(trained, "translate", "-q", "--mbr", "bleu", stdin=text)) == plain  # it is sure of itself
    assert ran(mtkit(trained, "translate", "-q", "--mbr", "chrf", "--sample", "--draws", "9", stdin=text)) == plain
    failed(mtkit(trained, "translate", "--mbr", "ter", stdin="a\n"), "mbr = 'ter'", "expected chrf or bleu")
    failed(mtkit(trained, "translate", "--mbr", "chrf", "--beam-size", "1", stdin="a\n"), "--beam-size")
    done = mtkit(trained, "translate", "--draws", "9", stdin="a\n")
    assert (done.returncode, "--draws has an effect" in done.stderr) == (2, True)


def test_what_is_wrong_is_refused(trained: Path, terms: Path) -> None:
    terms.write_text(TERMS + "dog\tHund\n")
    failed(mtkit(trained, "translate", "--glossary", str(terms), stdin="a\n"), f"{terms}, line 6: 'dog' is in line 3")
    failed(mtkit(trained, "translate", "--glossary", "none.csv", stdin="a\n"), "none.csv does not exist")
    terms.write_text(TERMS)
    failed(
        mtkit(trained, "translate", "--glossary", str(terms), "--sample", stdin="a\n"), "a glossary goes with search"
    )
    files = [trained / "test.en", trained / "dev.en"]
    out = terms.parent / "out"
    done = mtkit(trained, "translate", "-q", *map(str, files), "-o", str(out), "--glossary", str(terms))
    assert ran(done) == ""
    assert "Haus" in (out / "test.en").read_text()
