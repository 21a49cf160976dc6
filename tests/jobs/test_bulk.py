"""Files in chunks, and what is made of them: which lines a chunk has, and what lies on disk when."""

import gzip
import json
import lzma
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from mtkit import files
from mtkit.errors import DataError
from mtkit.jobs import sharing
from mtkit.jobs.bulk import plan
from mtkit.jobs.bulk.plan import Chunk, Input
from mtkit.jobs.bulk.results import CHUNKS, Results
from mtkit.jobs.bulk.run import lines, run
from mtkit.jobs.bulk.work import Done, Piece

WORK = {"model": "a"}


class Silent:
    """Notes which lines were done and which were not."""

    def __init__(self) -> None:
        self.firsts: list[int] = []
        self.failures: list[str] = []

    def done(self, piece: Piece, done: Done) -> None:
        self.firsts.append(piece.chunk.first)

    def failed(self, piece: Piece, why: str) -> None:
        self.failures.append(f"{piece}: {why}")


def upper(piece: Piece) -> Done:
    return Done("".join(f"{number} {text.upper()}\n" for number, text in piece.texts()).encode())


def texts(folder: Path, count: int = 3) -> list[Path]:
    rng = random.Random(1)
    paths = []
    for number in range(count):
        path = folder / f"{number}.en"
        path.write_text("".join(rng.choice(["", "a", "b" * 9, "ü é"]) + "\n" for _ in range(rng.randint(30, 60))))
        paths.append(path)
    return paths


def expected(path: Path) -> str:
    return "".join(f"{n} {line.upper()}\n" for n, line in enumerate(path.read_text().split("\n")[:-1]))


@pytest.mark.parametrize("text", [b"", b"a", b"a\n", b"\n", b"\n\n\nb", b"a\nb\n" * 700 + b"c" * 300 + b"\n\nd"])
@pytest.mark.parametrize("most", [1, 3, 1000])
@pytest.mark.parametrize("packed", ["", ".gz", ".xz"])
def test_chunks_are_the_file_from_front_to_back(
    tmp_path: Path, text: bytes, most: int, packed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtkit.text.compression.BLOCK", 7)  # lines and chunks end anywhere in one
    monkeypatch.setattr("mtkit.text.compression.READ", 7)
    path = tmp_path / f"t{packed}"
    path.write_bytes(gzip.compress(text) if packed == ".gz" else lzma.compress(text) if packed else text)
    one = Input.scan(path, most)
    want = text.split(b"\n")[:-1] + ([text.split(b"\n")[-1]] if not text.endswith(b"\n") and text else [])
    assert one.lines == len(want)
    got = list(one.read(one.chunks(0)))
    assert b"".join(data for _, data in got) == text
    assert [chunk.first for chunk, _ in got] == list(range(0, len(want), most))
    assert [chunk.lines for chunk, _ in got] == [len(want[n : n + most]) for n in range(0, len(want), most)]
    some = list(one.chunks(0))[1::2]
    assert [data for _, data in one.read(some)] == [data for _, data in got[1::2]]


def test_long_lines_make_short_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "BYTES", 10)
    (tmp_path / "t").write_bytes(b"1234567\n12\n1\n" + b"x" * 30 + b"\ny\nz")
    one = Input.scan(tmp_path / "t", 3)
    assert [(chunk.first, chunk.lines) for chunk in one.chunks(0)] == [(0, 2), (2, 2), (4, 2)]


def test_parts_are_everything_once(tmp_path: Path) -> None:
    results = Results.open(tmp_path / "out", texts(tmp_path), WORK, 7)
    whole = [chunk for file in range(3) for chunk in results.chunks(file)]
    for shards in (1, 2, 5, 100):
        parts = [[chunk for file in range(3) for chunk in results.chunks(file, i, shards)] for i in range(shards)]
        assert sorted((one for part in parts for one in part), key=whole.index) == whole
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_what_is_missing_is_done_by_parts_of_any_numbers(tmp_path: Path) -> None:
    """One is cut off, others follow that are more or fewer; what was done is not done again."""
    paths, out = texts(tmp_path), tmp_path / "out"
    done: list[tuple[str, int]] = []

    def cut_off(piece: Piece) -> Done:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append((piece.name, piece.chunk.first))
        return upper(piece)

    def noted(piece: Piece) -> Done:
        done.append((piece.name, piece.chunk.first))
        return upper(piece)

    with pytest.raises(KeyboardInterrupt):
        run(Results.open(out, paths, WORK, 7), sharing.alone(cut_off), Silent(), 1, 3)
    assert len(done) == 2
    for shard, shards in ((0, 2), (2, 3), (1, 3), (1, 2)):
        results = Results.open(out, paths, WORK, 7)
        run(results, sharing.alone(noted), Silent(), shard, shards)
        whole, there = lines(results, shard, shards)
        assert whole == there > 0
    assert sorted(done) == [(str(path), n) for path in paths for n in range(0, expected(path).count("\n"), 7)]
    assert [Results.open(out, paths, WORK, 7).join(file) for file in range(3)] == [0, 0, 0]
    assert [(out / path.name).read_text() for path in paths] == [expected(path) for path in paths]
    left = sorted(one.name for one in (out / CHUNKS).iterdir())
    assert left == ["00000.done", "00001.done", "00002.done", "plan.json"]


def test_pieces_that_fail_are_left_and_the_rest_is_done(tmp_path: Path) -> None:
    (path,), out = texts(tmp_path, 1), tmp_path / "out"
    (tmp_path / "0.en").write_text("a\nb\nc\nd\ne\n")
    view = Silent()
    run(
        Results.open(out, [path], WORK, 2),
        sharing.alone(lambda piece: Done(error="why") if piece.chunk.first == 2 else upper(piece)),
        view,
    )
    assert view.failures == [f"lines 3 to 4 of {path}: why"]
    assert view.firsts == [0, 4]
    assert not (out / "0.en").exists()
    again = Silent()
    run(Results.open(out, [path], WORK, 2), sharing.alone(upper), again)
    assert again.firsts == [2]
    assert (out / "0.en").read_text() == expected(path)


def test_two_that_put_together_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one reads the chunks the other one has finished and removes them."""
    (path,), out = texts(tmp_path, 1), tmp_path / "out"
    path.write_text("a\nb\nc\n")
    results = Results.open(out, [path], WORK, 1)
    for chunk, data in results.inputs[0].read(results.chunks(0)):
        results.write(chunk, data)
    other = Results.open(out, [path], WORK, 1)
    writing = files.writing

    def late(at: Path):  # type: ignore[no-untyped-def]
        monkeypatch.setattr(files, "writing", writing)
        assert other.join(0) == 0
        return writing(at)

    monkeypatch.setattr(files, "writing", late)
    assert results.join(0) == 0
    assert (out / "0.en").read_text() == "a\nb\nc\n"
    assert [one.name for one in out.iterdir() if one.name.startswith(files.TEMPORARY)] == []


def test_chunks_that_go_while_they_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one has just put them together."""
    (path,), out = texts(tmp_path, 1), tmp_path / "out"
    path.write_text("a\nb\nc\n")
    results, other = (Results.open(out, [path], WORK, 1) for _ in range(2))
    glob = Path.glob

    def late(at: Path, pattern: str) -> Iterator[Path]:
        monkeypatch.setattr(Path, "glob", glob)
        for chunk, data in other.inputs[0].read(other.chunks(0)):
            other.write(chunk, data)
        yield next(glob(at, pattern))
        assert other.join(0) == 0
        raise FileNotFoundError

    monkeypatch.setattr(Path, "glob", late)
    assert list(results.missing(0, results.chunks(0))) == []
    assert results.join(0) == 0
    assert (out / "0.en").read_text() == "a\nb\nc\n"


def test_other_work_is_not_mixed_in(tmp_path: Path) -> None:
    paths, out = texts(tmp_path, 2), tmp_path / "out"
    Results.open(out, paths, WORK, 7)
    for work, given, most, differs in (
        ({"model": "b"}, paths, 7, "another model;"),
        (WORK, paths, 8, "another chunk size;"),
        (WORK, paths[:1], 7, "another text;"),
        ({"model": "b"}, paths[::-1], 7, "another model and another text;"),
    ):
        with pytest.raises(DataError, match=differs):
            Results.open(out, given, work, most)
    paths[0].write_text("changed\n")
    with pytest.raises(DataError, match="another text"):
        Results.open(out, paths, WORK, 7)
    plan = out / CHUNKS / "plan.json"
    whole = json.loads(plan.read_text())
    for name, value in (
        ("starts", [0]),
        ("starts", []),
        ("starts", whole["files"][1]["starts"][::-1]),
        ("firsts", [one + 1 for one in whole["files"][1]["firsts"]]),
        ("lines", whole["files"][1]["firsts"][-1]),
        ("length", 0),
    ):
        plan.write_text(json.dumps(whole | {"files": [whole["files"][0], whole["files"][1] | {name: value}]}))
        with pytest.raises(DataError, match=r"is damaged \(1.en is not cut in chunks"):
            Results.open(out, paths, WORK, 7)
    (out / CHUNKS / "plan.json").write_text("{")
    with pytest.raises(DataError, match="is damaged"):
        Results.open(out, paths, WORK, 7)


def test_a_file_of_no_lines(tmp_path: Path) -> None:
    path, out = tmp_path / "none.en", tmp_path / "out"
    path.write_text("")
    for _ in range(2):
        run(Results.open(out, [path], WORK, 7), sharing.alone(upper), Silent())
        assert (out / "none.en").read_bytes() == b""


def test_of_two_that_begin_together_one_makes_the_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths, out = texts(tmp_path, 1), tmp_path / "out"
    scan = Input.scan

    def late(path: Path, most: int) -> Input:
        monkeypatch.setattr(Input, "scan", scan)
        Results.open(out, paths, WORK, 8)
        return scan(path, most)

    monkeypatch.setattr(Input, "scan", late)
    with pytest.raises(DataError, match="another chunk size"):
        Results.open(out, paths, WORK, 7)
    assert len(list(Results.open(out, paths, WORK, 8).chunks(0))) > 0
    assert [path.name for path in (out / CHUNKS).iterdir()] == ["plan.json"]


def test_a_file_that_shrinks_is_noticed(tmp_path: Path) -> None:
    for name, pack in (("t", bytes), ("t.gz", gzip.compress)):
        path = tmp_path / name
        path.write_bytes(pack(b"one\ntwo\nthree\n"))
        one = Input.scan(path, 1)
        path.write_bytes(pack(b"one\n"))
        with pytest.raises(DataError, match="has changed since"):
            list(one.read(one.chunks(0)))


def test_lines_keep_their_numbers_and_their_ends() -> None:
    data = b"\xef\xbb\xbfone\r\n\ntwo\r"
    assert list(Piece("t", Chunk(0, 0, 0, 3, 0, len(data)), data).texts()) == [(0, "one"), (1, ""), (2, "two\r")]
    with pytest.raises(DataError, match="t, line 8, byte 2: 0xff is not UTF-8"):
        list(Piece("t", Chunk(0, 3, 6, 2, 0, 0), b"a\nb\xff\n").texts())
