"""Many files, shared among processes: the commands, and what users see of them."""

import gzip
import json
import os
import signal
import time
from pathlib import Path

import pytest

from mtkit.errors import MtkitError
from mtkit.jobs.bulk import shipping
from mtkit.jobs.bulk.plan import Chunk
from mtkit.jobs.bulk.work import Piece, Translating
from mtkit.translator import precision
from mtkit.translator.precision import Choice
from mtkit.translator.request import Request
from mtkit.translator.translator import Translator
from tests.system.toy import WORDS, begin, failed, mtkit, ran

FILES = ("a.en", "b.en.gz")


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    """A folder with a model and two files."""
    (tmp_path / "model").symlink_to(trained / "runs/toy/best")
    words = list(WORDS)
    lines = ["", *(f"{words[i % 20]} {words[i * 7 % 20]}" for i in range(60)), "see {name}", "no end"]
    (tmp_path / "a.en").write_text("\n".join(lines))
    (tmp_path / "b.en.gz").write_bytes(gzip.compress("".join(line + "\n" for line in lines[:25]).encode()))
    return tmp_path


def whole(folder: Path) -> dict[str, bytes]:
    """What the command writes of each file alone."""
    for name in FILES:
        ran(mtkit(folder, "translate", name, "-m", "model", "-q", "-o", f"alone.{name}"))
    return {name: (folder / f"alone.{name}").read_bytes() for name in FILES}


def written(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_parts_make_what_one_process_makes(folder: Path) -> None:
    """By parts of two numbers of processes, one after another."""
    command = ("translate", *FILES, "-m", "model", "-o", "out", "--chunk-lines", "10")
    first = mtkit(folder, *command, "--shard", "2/3")
    assert ran(first) == ""
    assert "this part is done; 7 chunks of 2 file(s) are for others to do" in first.stderr
    failed(mtkit(folder, *command, "-q", "--join"), "a.en lacks 5 of its chunks in out", "run the parts")
    again = mtkit(folder, *command, "--shard", "1/1", "--workers", "2")
    assert ran(again) == ""
    assert "going on: " in again.stderr
    assert "out is whole: 2 file(s), 88 lines" in again.stderr
    assert written(folder / "out") == whole(folder)
    before = {path: path.stat().st_mtime_ns for path in (folder / "out").iterdir()}
    ran(mtkit(folder, *command, "-q", "--join"))
    ran(mtkit(folder, *command, "-q", "--shard", "3/3"))
    assert {path: path.stat().st_mtime_ns for path in (folder / "out").iterdir()} == before
    (folder / "out/a.en").unlink()
    for more in (("--join",), ("--shard", "1/2"), ()):
        failed(mtkit(folder, *command, "-q", *more), "out/a.en was put together and is gone; to do it again")
    (folder / "out/.chunks/00000.done").unlink()
    ran(mtkit(folder, *command, "-q"))
    assert written(folder / "out") == whole(folder)
    other = mtkit(folder, *command, "-q", "--format", "jsonl")
    failed(other, "out holds what was made with another form", "remove out/.chunks")


def test_killed_and_started_again(folder: Path) -> None:
    slow = "import time\nfrom mtkit.jobs.bulk.results import Results\nwrite = Results.write\n"
    slow += "Results.write = lambda *given: (write(*given), time.sleep(0.1))\n"
    command = ("translate", *FILES, "-m", "model", "-o", "out", "--chunk-lines", "5", "-q")
    running = begin(folder, *command, before=slow)
    try:
        end = time.monotonic() + 60
        while len(list((folder / "out").glob(".chunks/00000/*/0*"))) < 3:
            assert time.monotonic() < end
            time.sleep(0.02)
        running.kill(signal.SIGKILL)
        running.wait()
    finally:
        running.close()
    assert written(folder / "out") == {}
    done = {path: path.stat().st_mtime_ns for path in (folder / "out").glob(".chunks/*/*/0*")}
    assert 3 <= len(done) < 18
    ran(mtkit(folder, *command, "--shard", "1/2"))  # so that what was done still stands
    there = {path: path.stat().st_mtime_ns for path in (folder / "out").glob(".chunks/*/*/0*")}
    assert done.items() <= there.items()
    ran(mtkit(folder, *command))
    assert written(folder / "out") == whole(folder)


def test_pairs_are_scored_so_too(folder: Path) -> None:
    pairs = [f"{source}\t{target}" for source, target in WORDS.items()]
    (folder / "a.tsv").write_text("".join(line + "\n" for line in pairs))
    (folder / "b.tsv").write_text(pairs[0] + "\n")
    ran(mtkit(folder, "score", "a.tsv", "b.tsv", "-m", "model", "-q", "-o", "out", "--chunk-lines", "7"))
    for name in ("a.tsv", "b.tsv"):
        alone = ran(mtkit(folder, "score", name, "-m", "model", "-q"))
        assert (folder / "out" / name).read_text() == alone


def test_lines_that_cannot_be_done_are_named_and_the_rest_is_done(folder: Path) -> None:
    with (folder / "a.en").open("ab") as file:
        file.write(b"\n" + b"one\n" * 1000 + b"\xff\none\n")
    done = mtkit(folder, "translate", *FILES, "-m", "model", "-o", "out", "--chunk-lines", "100")
    assert done.returncode == 1
    said = done.stderr.splitlines()
    assert "lines 1,001 to 1,065 of a.en were not translated: a.en, line 1064, byte 1: 0xff is not UTF-8" in said[1]
    assert "error: 65 lines in 1 chunks were not translated, and their files are not put together" in said[2]
    assert list(written(folder / "out")) == ["b.en.gz"]


def test_what_cannot_be_shared_is_refused(folder: Path) -> None:
    (folder / "x").mkdir()
    (folder / "x/a.en").write_text("one\n")
    (folder / "file").write_text("")
    (folder / "mine.py").write_text("")
    for name in (".dot.en", "tab\t.en", os.fsdecode(b"latin-\xe9.en")):
        (folder / name).write_text("one\n")
    two = ("translate", *FILES, "-m", "model", "-q")
    for arguments, code, part in (
        ((*two,), 2, "-o FOLDER"),
        ((*two, "-o", "file"), 1, "file is a file"),
        ((*two, "-o", "."), 1, "a.en is read by this command"),
        (("translate", "a.en", "x/a.en", "-o", "out"), 1, "two files are called a.en"),
        ((*two, "-o", "out", "--shard", "0/2"), 2, "from 1 to N"),
        ((*two, "-o", "out", "--shard", "1/2", "--join"), 2, "two ways"),
        (("translate", "a.en", "-o", "out", "--shard", ""), 2, "from 1 to N"),
        (("translate", "a.en", "-o", "out", "--ray", ""), 2, "here it is empty"),
        (("translate", "a.en", "-o", "out", "--ray", "auto", "--plugin", "mine.py"), 2, "--plugin is not for --ray"),
        (("translate", "-o", "out", "--shard", "1/2"), 2, "stdin cannot be read twice"),
        (("translate", "a.en", "--chunk-lines", "5"), 2, "has an effect with"),
        ((*two, "-o", "out", "--prefix", "a.en"), 2, "--prefix"),
        (("translate", "a.en", ".dot.en", "-o", "out"), 1, "'.dot.en' cannot be the name of a result"),
        (("translate", "a.en", "tab\t.en", "-o", "out"), 1, r"'tab\t.en' cannot be the name of a result"),
        (("translate", os.fsdecode(b"latin-\xe9.en"), "a.en", "-o", "out"), 1, r"'latin-\udce9.en' cannot"),
        (("translate", "a.en", "none.en", "-o", "out"), 1, "none.en does not exist"),
    ):
        done = mtkit(folder, *arguments)
        assert done.returncode == code, (arguments, done.stderr)
        assert part in " ".join(done.stderr.replace("│", " ").split()), (arguments, done.stderr)
        assert "Traceback" not in done.stderr
    assert not (folder / "out/.chunks").exists()


def test_a_machine_that_takes_another_precision_does_nothing(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "choose", lambda asked, models: Choice(asked, "as asked"))
    translator = Translator.load(trained / "runs/toy/best", device="cpu", precision="bf16")
    make = shipping.maker(translator, Translating(Request(), "text", False), "cpu", 1)
    data = f"{next(iter(WORDS))}\n".encode()
    done = make(shipping.packed(translator))(Piece("a", Chunk(0, 0, 0, 1, 0, len(data)), data))
    assert done.text
    assert not done.error
    monkeypatch.setattr(precision, "choose", lambda asked, models: Choice("fp32", "no other is quicker"))
    with pytest.raises(MtkitError, match="computes in fp32, and was asked for bf16; name fp32 as the precision"):
        make(shipping.packed(translator))


def test_warnings_and_numbers_are_those_of_the_file(folder: Path) -> None:
    (folder / "b.en").write_text("one\n" * 12 + "one \u00a0 {name} two\n")
    done = mtkit(
        folder, "translate", "a.en", "b.en", "-m", "model", "-o", "out", "--chunk-lines", "5", "--format", "jsonl"
    )
    assert ran(done) == ""
    numbers = [json.loads(line)["id"] for line in (folder / "out/b.en").read_text().splitlines()]
    assert numbers == list(range(13))
    if warned := json.loads((folder / "out/b.en").read_text().splitlines()[-1])["warnings"]:
        assert f"WARNING: b.en, line 13: {warned[0]}" in done.stderr
