"""The benchmark beside CTranslate2: what it makes of what engines say, and wrong usage; with CTranslate2, a table."""

import json
import shutil
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from benchmarks import beside
from benchmarks.beside import Contender, compared, grouped, in_turn, quantile, quickest
from benchmarks.engine import Process, memory
from benchmarks.transformers import Model, exported
from mtkit.text.tokenizer import Tokenizer
from tests.system.toy import WORDS
from tests.translator.small import LINES, LONGEST, pieces, written

FAKE = """
import sys, time
from benchmarks.engine import serve

class Fake:
    def load(self, settings):
        print("noise")
        self.wait = settings["wait"]
        self.much = bytearray(settings.get("bytes", 0))
        self.much[::4096] = b"x" * len(self.much[::4096])
    def translate(self, lines, length):
        time.sleep(self.wait)
        return [f"{line.upper()} {length}" for line in lines]
    def search(self, lines):
        return [([line], -1.5) for line in lines]

serve(Fake())
"""


@pytest.fixture
def fake(tmp_path: Path) -> Process:
    return Process("a fake", [sys.executable, "-c", textwrap.dedent(FAKE)])


def test_an_engine_answers(fake: Process) -> None:
    """What it prints itself is no answer, and its memory is seen while it works."""
    assert fake.ask("load", settings={"wait": 0.0}) is None
    told = fake.ask("translate", groups=[[None, ["a", "é"]], [7, ["c"]]])
    assert told["texts"] == ["A None", "É None", "C 7"]
    assert fake.ask("search", lines=["x"]) == [[["x"], -1.5]]
    before = memory(fake._process.pid)
    fake.ask("load", settings={"wait": 0.1, "bytes": 64 << 20})
    assert fake.ask("translate", watched=True, groups=[[None, ["a"]]])["seconds"] >= 0.1
    assert all(0.1 <= took < 2 for took in fake.ask("latency", lines=[[None, "a"], [3, "b"]]))
    assert 60 < fake.peak - before < 100
    fake.close()


def test_an_engine_that_has_failed(fake: Process) -> None:
    with pytest.raises(SystemExit, match="a fake has ended with exit code 1"):
        fake.ask("load", settings={})
    with pytest.raises(SystemExit, match="a fake has ended with exit code 1"):
        fake.ask("search", lines=[])
    fake.close()


def test_the_quickest_settings(fake: Process) -> None:
    settings = [{"wait": wait} for wait in (0.05, 0.0, 0.03)]
    assert quickest(fake, settings, [(None, ["a"])]) == {"wait": 0.0}
    fake.close()


def test_what_is_made_of_it() -> None:
    assert list(in_turn(2, 3)) == [[0, 1], [1, 0], [0, 1]]
    assert [quantile([3.0, 1.0, 2.0, 4.0], share) for share in (0.0, 0.5, 0.51, 0.99)] == [1, 2, 3, 4]
    assert quantile([float(n) for n in range(1, 201)], 0.99) == 198
    ours = [(["a"], -1.0), (["b"], -2.0), (["c"], -3.0), (["d"], -1.0), ([], -4.0)]
    theirs = [(["a"], -1.00002), (["x"], -2.00005), (["y"], -2.5), (["z"], -1.5), ([], -4.0)]
    counts = compared(ours, theirs)
    assert counts.pop("largest") == pytest.approx(2e-5)
    assert counts == {"the same": 2, "ties": 1, "better there": 1, "better here": 1}


def test_lengths_are_forced_where_nothing_was_learnt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In groups, each of sources of one length; and the engine says so many pieces."""
    from benchmarks.engine_mtkit import Mtkit

    monkeypatch.setattr("gc.freeze", lambda: None)
    monkeypatch.setattr("torch.set_num_threads", lambda _: None)
    folder = written(tmp_path / "model")
    lines = [line for line in LINES if line]
    model = Model("small", folder)
    assert grouped(lines, model, forced=False) == [(None, lines)]
    groups = grouped(lines, model, forced=True)
    words: Tokenizer = pieces()
    whole = [line for line, ids in zip(lines, words.encode(lines), strict=True) if len(ids) <= LONGEST]
    assert sorted(line for _, some in groups for line in some) == sorted(whole)
    assert 2 < len(whole) < len(lines)
    for length, some in groups:
        assert {len(ids) + 10 for ids in words.encode(some)} == {length}
    engine = Mtkit(folder)
    engine.load({"beam": 2, "precision": "fp32", "batch": 1024, "workers": 1, "threads": 1})
    assert engine.translator is not None
    for length, some in groups:
        assert length is not None
        decode = engine._of_length(length)
        made = engine.translator.translate(some, **decode.model_dump(include={"min_length", "max_ratio"}))
        assert {len(one.candidates[0].tokens) for one in made} == {length}
        assert engine.translate(some, length) == [one.text for one in made]


def test_ways_to_use_two_cores(tmp_path: Path) -> None:
    here, there = (Contender(name, Model("m", tmp_path), "python") for name in ("mtkit", "CTranslate2"))
    assert here.layouts(2) == [{"workers": 2, "threads": 1}]
    assert there.layouts(2) == [{"workers": 2, "threads": 1}, {"workers": 1, "threads": 2}]
    assert there.layouts(1) == [{"workers": 1, "threads": 1}]


def test_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    work = ["--work", str(tmp_path / "work")]
    for arguments, message in (
        ([], "--work"),
        ([*work, "spped"], "unknown part spped; expected one of speed, latency, same"),
        ([*work, "--ct2", "no/python"], "--ct2 no/python is no Python that can be run"),
        ([*work, "--data", str(tmp_path)], "test_2016_flickr.en.gz does not exist"),
    ):
        monkeypatch.setattr("sys.argv", ["beside", *arguments])
        with pytest.raises(SystemExit) as caught:
            beside.main()
        assert caught.value.code == 2
        assert message in capsys.readouterr().err
    with pytest.raises(SystemExit, match="has no ctranslate2 and sentencepiece"):
        exported("m", tmp_path, tmp_path, shutil.which("false") or "false")


@pytest.mark.system
def test_a_table_beside_ctranslate2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ctranslate2", reason="the package ctranslate2 is not installed")
    transformer: dict[str, Any] = {side: {"name": "transformer", "heads": 2} for side in ("encoder", "decoder")}
    model = written(tmp_path / "model", **transformer, attention={"heads": 2})
    recurrent = written(tmp_path / "recurrent")
    data = tmp_path / "data"
    data.mkdir()
    words = list(WORDS)
    for part in ("test_2016_flickr", "val", "train"):
        for language in ("en", "de"):
            lines = [f"{' '.join(words[n : n + 3])} {part}\n" for n in range(9)]
            (data / f"{part}.{language}").write_text("".join(lines))
    given = [
        "--work",
        str(tmp_path / "work"),
        "--model",
        str(model),
        "--recurrent",
        str(recurrent),
        "--data",
        str(data),
    ]
    few = ["--lines", "12", "--rounds", "2", "--tune", "4", "--short", "3", "--checked", "5"]
    monkeypatch.setattr("sys.argv", ["beside", *given, "--data", str(data), *few])
    monkeypatch.setattr(beside, "BEAMS", (2,))
    monkeypatch.setattr(beside, "WORKERS", (2,))
    beside.main()
    printed = capsys.readouterr().out
    told = json.loads((tmp_path / "work/beside.json").read_text())
    engines = ["mtkit", "CTranslate2", "mtkit"]
    assert [row["engine"] for row in told["speed"]] == engines
    assert [row["engine"] for row in told["latency"]] == engines
    assert told["speed"][0]["workers"] == 2
    for row in told["speed"]:
        assert len(row["seconds"]) == len(row["ratios"]) == 2
        assert row["memory"] > 20
        assert row["engine"] == "mtkit" or row["ratios"] == [1, 1]
        assert f"{row['rate']:,.1f}" in printed
    assert all(0 < row["p50"] <= row["p99"] for row in told["latency"])
    (same,) = told["same"]
    assert sum(same[what] for what in beside.COUNTED) == same["lines"] == 5
