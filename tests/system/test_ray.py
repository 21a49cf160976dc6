"""Bulk work on a Ray cluster of three nodes on this machine: one of them goes, the driver is killed, pieces fail."""

import functools
import gzip
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mtkit.errors import ConfigError, WorkerError
from mtkit.jobs.bulk.plan import Chunk
from mtkit.jobs.bulk.work import Done, Piece, given_up
from mtkit.jobs.cluster import Cluster
from tests.system.toy import COMMAND, WORDS, failed, mtkit

ROOT = Path(__file__).parents[2]
HERE = importlib.util.find_spec("ray") is not None
LINES, CHUNK = 6000, 100
needs_ray = pytest.mark.skipif(not HERE, reason="needs ray: pip install 'mtkit[ray]'")


@pytest.mark.skipif(HERE, reason="ray is there")
def test_without_ray_its_package_is_named(trained: Path, tmp_path: Path) -> None:
    done = mtkit(trained, "translate", "test.en", "-q", "-o", str(tmp_path / "out"), "--ray", "auto")
    failed(done, "a Ray cluster needs the ray package: pip install 'mtkit[ray]'")


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    """A cluster whose head works, too, and two more nodes, of a processor each."""
    os.environ["PYTHONPATH"] = str(ROOT)
    from ray.cluster_utils import Cluster as Nodes

    small = {"num_cpus": 1, "object_store_memory": 10**8}
    cluster = Nodes(initialize_head=True, head_node_args=small | {"include_dashboard": False})
    for _ in range(2):
        cluster.add_node(**small)
    yield cluster
    cluster.shutdown()


def command(folder: Path, *options: str) -> list[str]:
    model = ("-m", str(folder / "runs/toy"), "--beam-size", "1", "--chunk-lines", str(CHUNK))
    return [*COMMAND, "translate", "many.en", "more.en.gz", "-o", "out", *model, *options]


def kept(folder: Path) -> int:
    return len(list(folder.glob("out/.chunks/*/*/0*")))


def waits(what: Any, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.system
@needs_ray
@pytest.mark.filterwarnings("ignore")
def test_a_node_goes_and_the_driver_is_killed(nodes: Any, trained: Path, tmp_path: Path) -> None:
    folder = tmp_path
    (folder / "runs").symlink_to(trained / "runs")
    words = list(WORDS)
    lines = [" ".join(words[(i * k) % 20] for k in range(1, 3 + i % 7)) for i in range(LINES)]
    (folder / "many.en").write_text("".join(line + "\n" for line in lines))
    (folder / "more.en.gz").write_bytes(gzip.compress("\n".join(lines[:950]).encode()))
    whole = folder / "whole"
    run = functools.partial(subprocess.run, cwd=folder, check=True, capture_output=True, text=True)
    whole.mkdir()
    for name in ("many.en", "more.en.gz"):
        run([*COMMAND, "translate", name, "-q", "-m", "runs/toy", "--beam-size", "1", "-o", str(whole / name)])

    driver = subprocess.Popen(command(folder, "--ray", nodes.address), cwd=folder, stderr=subprocess.PIPE, text=True)
    waits(lambda: kept(folder) >= 5 or driver.poll() is not None)
    nodes.remove_node(next(iter(nodes.worker_nodes)), allow_graceful=False)
    gone = kept(folder)
    waits(lambda: kept(folder) >= gone + 5 or driver.poll() is not None)
    driver.send_signal(signal.SIGKILL)
    assert driver.wait() == -signal.SIGKILL, driver.stderr and driver.stderr.read()
    assert not (folder / "out/many.en").exists()
    before = kept(folder)
    assert before < LINES // CHUNK
    again = run(command(folder, "--ray", nodes.address))
    assert f"going on: {before * CHUNK:,} of 6,950 lines are done" in again.stderr
    assert "out is whole" in again.stderr
    for name in ("many.en", "more.en.gz"):
        assert (folder / "out" / name).read_bytes() == (whole / name).read_bytes()
    nodes.add_node(num_cpus=1, object_store_memory=10**8)


def dies_at(number: int, shipped: str) -> Any:
    """What ends its process where it meets a piece, fails at another, and is otherwise well."""

    def work(piece: Piece) -> Done:
        if piece.chunk.number == number:
            os.kill(os.getpid(), signal.SIGKILL)
        if piece.chunk.number == number + 1:
            raise RuntimeError("this one, too")
        return Done(f"{shipped} {piece.chunk.number}".encode())

    return work


def cannot_begin(shipped: str) -> Any:
    raise WorkerError("not here")


def pieces(count: int) -> Iterator[Piece]:
    for number in range(count):
        yield Piece("t", Chunk(0, number, number, 1, 0, 0), b"a\n")


@pytest.mark.system
@needs_ray
@pytest.mark.filterwarnings("ignore")
def test_pieces_that_fail_three_times_are_told_and_the_rest_is_done(nodes: Any) -> None:
    said: list[str] = []
    with Cluster(nodes.address, said.append) as cluster:
        with cluster.pool(functools.partial(dies_at, 7), "x", given_up, 2) as each:
            done = {piece.chunk.number: done for piece, done in each(pieces(40))}
        assert sorted(done) == list(range(40))
        assert [number for number in done if done[number].error] == sorted([7, 8], key=list(done).index)
        assert "3 times in vain, the last time: the worker died" in done[7].error
        assert "this one, too" in done[8].error
        assert all(done[number].text == f"x {number}".encode() for number in done if number not in (7, 8))
        lost = sum("a worker was lost" in message for message in said)
        assert lost in (3, 4), said  # of the first time it may not be known that another piece was done before
        with pytest.raises(WorkerError, match="not here"), cluster.pool(cannot_begin, "x", given_up, 2) as each:
            list(each(pieces(3)))


@pytest.mark.system
@needs_ray
@pytest.mark.filterwarnings("ignore")
def test_no_more_is_read_than_can_be_worked_on(nodes: Any) -> None:
    given = 0

    def counted() -> Iterator[Piece]:
        nonlocal given
        for piece in pieces(60):
            given += 1
            yield piece

    with Cluster(nodes.address) as cluster, cluster.pool(functools.partial(dies_at, -2), "x", given_up, 2) as each:
        for number, _ in enumerate(each(counted()), 1):
            assert given - number <= 4


@pytest.mark.system
@needs_ray
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_is_not_there_and_a_driver_that_is_ended(nodes: Any, trained: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no Ray cluster can be reached at '127.0.0.1:1'"):
        Cluster("127.0.0.1:1")
    (tmp_path / "t.en").write_text("one two\n" * 20_000)
    line = [sys.executable, "-m", "mtkit", "translate", "t.en", "-m", str(trained / "runs/toy"), "-o", "out", "-q"]
    driver = subprocess.Popen(
        [*line, "--chunk-lines", "50", "--ray", nodes.address], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    waits(lambda: kept(tmp_path) >= 2 or driver.poll() is not None)
    driver.terminate()
    assert driver.wait(60) == 128 + signal.SIGTERM
    assert driver.stderr is not None
    assert driver.stderr.read() == "interrupted\n"


@pytest.mark.system
@needs_ray
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_prepares_the_same_text(nodes: Any, trained: Path, tmp_path: Path) -> None:
    sources = [f"{i} one two" for i in range(5000)]
    for side in ("en", "de"):
        (tmp_path / f"much.{side}").write_text("".join(f"{line} {side}\n" for line in [*sources, *sources[:50]]))
    lines = ["source_lang = 'en'", "target_lang = 'de'", "train = 'much'"]
    (tmp_path / "mtkit.toml").write_text("\n".join(["[data]", *lines, ""]))
    made = {}
    for name, options in (("cluster", ["--ray", nodes.address]), ("here", ["--workers", "1"])):
        line = [*COMMAND, "preprocess", *options]
        done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert ("workers on the Ray cluster" in done.stderr) == (name == "cluster")
        folder = next(path for path in (tmp_path / "prepared").iterdir() if path.is_dir())
        made[name] = {path.name: path.read_bytes() for path in folder.iterdir()}
        folder.rename(tmp_path / name)
    assert made["cluster"] == made["here"]
