"""`benchmarks.memory`: that it tells what it says it does."""

import re
from pathlib import Path

import pytest

from benchmarks import memory
from tests.translator.small import written


def test_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(memory, "MANY", 30)
    monkeypatch.chdir(tmp_path)
    Path("text.tsv").write_text("".join(f"{n} red dog\t{n} Hund\n" for n in ("one", "two", "three")))
    Path("test.tsv").write_text("one red dog\tein Hund\nnine red dog\tneun Hunde\nthe house\tdas Haus\n")
    Path("other.tsv").write_text("the cat\tdie Katze\n")
    asked = ["--text", "text.tsv", "--test", "test.tsv", "--other", "cats=other.tsv", "--set", "decode.beam_size=1"]
    memory.main(["--model", str(written(tmp_path / "model")), *asked, "--rounds", "1"])
    told = capsys.readouterr().out.splitlines()
    assert told[1] == "in the memory: 3 of 3 as corrected"
    assert told[3].startswith("cats: 1 lines, 0 steered, 1 of 1 others the same; BLEU all ")
    assert told[2].startswith("unseen: 2 lines, 1 steered, 1 of 1 others the same; BLEU all ")
    assert re.match(r"speed with the memory, again: \d+\.\d\d of that", told[-3])
    assert told[-1].startswith("memory of 30: ready after ")
