"""From a folder of text to scores: init, preprocess, train, translate and eval, the file as it was written."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.jobs import test_init as kinds
from tests.system.toy import failed, mtkit, ran, write_text

QUICK = "import mtkit.jobs.starting.pace as pace; pace.SECONDS = 0.05"
PAIRS = [(f"the dog sees cat {n % 50} and {n % 7}", f"der Hund sieht Katze {n % 50} und {n % 7}") for n in range(500)]


def two_files() -> None:
    kinds.lines("corpus", some=PAIRS)


def memory() -> None:
    kinds.memory("m.tmx", ("en-US", "de-DE"), "en-US", PAIRS)


def table() -> None:
    kinds.table("t.csv", ("de", "en"), [(b, a) for a, b in PAIRS])


def catalogues() -> None:
    kinds.catalogue("office/de.po", "de", PAIRS[:250])
    kinds.catalogue("mail/de.po", "de", PAIRS[250:])


def divided() -> None:
    write_text(Path())


@pytest.mark.parametrize(
    "make", [two_files, *(pytest.param(one, marks=pytest.mark.slow) for one in (memory, table, catalogues, divided))]
)
def test_the_config_is_taken_as_it_is(
    make: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make()
    done = mtkit(tmp_path, "init", before=QUICK)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    written = (tmp_path / "mtkit.toml").read_text()
    assert "wrote mtkit.toml" in done.stderr
    ran(mtkit(tmp_path, "preprocess"))
    ran(mtkit(tmp_path, "train", "-s", "train.max_updates=12"))
    assert len(ran(mtkit(tmp_path, "translate", stdin="the dog\nthe cat\n")).splitlines()) == 2
    assert "BLEU" in ran(mtkit(tmp_path, "eval"))
    assert (tmp_path / "mtkit.toml").read_text() == written
    failed(mtkit(tmp_path, "init"), "mtkit.toml is there", "(--force writes over it)")


def test_what_is_refused_is_said_in_a_line(tmp_path: Path) -> None:
    failed(mtkit(tmp_path, "init"), "no parallel text, but nothing")
    (tmp_path / "mono.en").write_text("alone\n")
    failed(mtkit(tmp_path, "init"), "mono.en is a side alone")
    failed(mtkit(tmp_path, "init", "gone"), "gone does not exist")
    (tmp_path / "t.tsv").write_text("a\tb\n" * 30)
    failed(mtkit(tmp_path, "init", "t.tsv"), "(--from LANG --to LANG)")
    assert mtkit(tmp_path, "init", "--from", "a b").returncode == 2
    assert not (tmp_path / "mtkit.toml").exists()


def test_to_stdout(tmp_path: Path) -> None:
    write_text(tmp_path)
    done = mtkit(tmp_path, "init", "-q", "-o", "-", "--minutes", "3", "--from", "de", "--to", "en", before=QUICK)
    assert (done.returncode, done.stderr) == (0, "")
    assert 'source_lang = "de"' in done.stdout
    assert "max_minutes = 3.0" in done.stdout
    assert not (tmp_path / "mtkit.toml").exists()
