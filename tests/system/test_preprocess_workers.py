"""`mtkit preprocess --workers`: what several processes write, and what becomes of them when something goes wrong."""

import json
import os
import pickle
import signal
import time
from pathlib import Path

import pytest

from mtkit.cli.options import Messages
from mtkit.config import load
from mtkit.errors import DataError
from mtkit.jobs.preparing import chunks
from mtkit.jobs.preparing.encode import Encoder, Marked
from mtkit.jobs.preparing.plan import Judge
from mtkit.jobs.preprocess import preprocess
from mtkit.jobs.sharing import Processes
from mtkit.text.filters import PieceRules, TextRules
from tests.system.toy import begin, failed, mtkit
from tests.text.test_tokenizer import make

SMALL = "from mtkit.jobs.preparing import chunks; chunks.PAIRS = 50\n"
AT_200 = """
import os, signal, time
from mtkit.jobs.preparing.encode import Encoder
def meets(self, marked, work=Encoder.__call__):
    if marked.chunk.first == 200:
        {what}
    return work(self, marked)
Encoder.__call__ = meets
"""


def prepared(folder: Path, workers: int, *sets: str) -> dict[str, bytes]:
    made, _ = preprocess(load(str(folder / "mtkit.toml"), list(sets)), Messages(quiet=True), share=Processes(workers))
    return {path.name: path.read_bytes() for path in made.folder.iterdir()}


def sharing(pid: int) -> list[str]:
    """The processes that a process has begun and that still run."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


@pytest.fixture
def varied(folder: Path) -> Path:
    """A text in two files, with something for every rule, in more chunks than processes."""
    odd = [("same", "same"), ("", "eins"), ("one\u00a0two", "eins zwei"), ("x " * 60, "y"), ("two cat\r", "zwei Katze")]
    lines = [(folder / f"train.{side}").read_text().splitlines() for side in ("en", "de")]
    for side in range(2):
        text = lines[side][:300] + [pair[side] for pair in odd] + lines[side][100:150] + lines[side][300:]
        (folder / f"train.{('en', 'de')[side]}").write_bytes("".join(line + "\n" for line in text).encode())
        (folder / f"more.{('en', 'de')[side]}").write_bytes("".join(line + "\n" for line in lines[side][:250]).encode())
    return folder


def test_processes_change_no_byte(varied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sets = ('data.train=["train", "more"]', "data.dev=", "data.case_augment=0.2", "tokenizer.train_lines=200")
    alone = prepared(varied, 1, *sets)
    (varied / "prepared").rename(tmp_path / "alone")
    monkeypatch.setattr(chunks, "PAIRS", 50)
    assert prepared(varied, 3, *sets) == alone
    dropped = json.loads(alone["report.json"])["dropped"]
    assert all(dropped[rule] for rule in ("empty", "drop_copies", "dedupe", "max_pieces")), dropped


def test_one_process_where_little_is_to_be_done(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [folder / "train.en", folder / "train.de"]
    assert chunks.usual_workers(files) == 1
    monkeypatch.setattr(chunks, "WORTH_IT", 1000)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(64))
    assert chunks.usual_workers(files) == chunks.USUALLY


def test_what_goes_to_a_process_that_is_begun_anew_does_the_same_there() -> None:
    """As where processes are not forked."""
    tokenizer = make()
    treatment = chunks.Treatment(TextRules(50, drop_copies=True), 0.5)
    chunk = chunks.Chunk("t", 0, [("one two", "eins zwei"), ("one\u00a0three", "drei"), ("", "x"), ("one", "eins")])
    judge, encoder = Judge(treatment, hold_out=True), Encoder((tokenizer,) * 2, treatment, PieceRules(9, 3.0), True)
    judged = judge(chunk)
    assert pickle.loads(pickle.dumps(judge))(chunk) == judged
    marked = Marked(chunk, judged.kept, (bytes(len(judged.keys)), bytes(len(judged.copies))))
    one, other = encoder(marked), pickle.loads(pickle.dumps(encoder))(marked)
    assert (one.source, one.target) == (other.source, other.target)
    assert len(one.source.lengths) >= 3


def test_a_worker_that_dies(folder: Path) -> None:
    died = SMALL + AT_200.format(what="os.kill(os.getpid(), signal.SIGKILL)")
    done = mtkit(folder, "preprocess", "-q", "--workers", "2", before=died)
    failed(done, "a worker died (killed by signal 9)", "use fewer workers", " of train")
    assert [path.name for path in (folder / "prepared").iterdir()] == ["lock"]


def test_a_line_that_is_no_text_is_named_as_by_one_process(folder: Path) -> None:
    with (folder / "train.en").open("ab") as file:
        file.write(b"\xff\n")
    with (folder / "train.de").open("ab") as file:
        file.write(b"eins\n")
    one, two = (mtkit(folder, "preprocess", "-q", "--workers", n, before=SMALL) for n in "12")
    failed(two, "train.en, line 601, byte 1: 0xff is not UTF-8")
    assert two.stderr == one.stderr
    assert [path.name for path in (folder / "prepared").iterdir()] == ["lock"]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="asks Linux for the children of a process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_signals_end_all_processes(folder: Path, number: int) -> None:
    running = begin(folder, "preprocess", "-q", "--workers", "2", before=SMALL + AT_200.format(what="time.sleep(60)"))
    try:
        end = time.monotonic() + 30
        while len(workers := sharing(running.pid)) < 2 or not list(folder.glob("prepared/.tmp-*/tokenizer.model")):
            assert time.monotonic() < end
            time.sleep(0.02)
        time.sleep(0.1)
        workers = sharing(running.pid)
        running.kill(number)
        code = running.wait()
        assert code == (-9 if number == signal.SIGKILL else 128 + number)
        end = time.monotonic() + 5
        while any(_runs(worker) for worker in workers):
            assert time.monotonic() < end, workers
            time.sleep(0.02)
        if number != signal.SIGKILL:
            assert running.stderr.read() == b"interrupted\n"
            assert [path.name for path in (folder / "prepared").iterdir()] == ["lock"]
    finally:
        running.close()


def _runs(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_text_that_changes_while_it_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for change in (lambda pairs: pairs[1:], lambda pairs: [*pairs, pairs[0]]):
        readings = iter([lambda pairs: pairs, change])
        monkeypatch.setattr(
            "mtkit.jobs.preparing.inputs.cut",
            lambda reader, *more: chunks.cut(next(readings)(list(reader)), *more),  # noqa: B023 - called at once
        )
        with pytest.raises(DataError, match="train has changed while it was being read"):
            prepared(folder, 1)
