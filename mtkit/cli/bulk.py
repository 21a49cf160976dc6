"""Bulk work as commands ask for it: many files, a part of them a process, or all of them a cluster."""

import contextlib
import functools
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtkit.cli.options import Messages
from mtkit.cli.output import check_output
from mtkit.cli.progress import Progress, Total
from mtkit.errors import DataError

if TYPE_CHECKING:
    from mtkit.jobs.bulk.results import Results
    from mtkit.jobs.bulk.work import Done, Job, Piece
    from mtkit.jobs.sharing import Each
    from mtkit.translator.translator import Translator

ShardOption = Annotated[
    str | None,
    typer.Option("--shard", metavar="I/N", help="Of FILES to -o FOLDER, do part I of N (1/N to N/N) and no other."),
]
JoinOption = Annotated[
    bool, typer.Option("--join", help="Put together in -o FOLDER what all the parts have made, and do nothing else.")
]
RayOption = Annotated[
    str | None,
    typer.Option("--ray", metavar="auto|ADDRESS", help="Do FILES to -o FOLDER on a Ray cluster."),
]
ChunkOption = Annotated[
    int,
    typer.Option("--chunk-lines", min=1, max=1 << 20, help="Of FILES to -o FOLDER: lines done at once."),
]
CHUNK_LINES = 4096
ALONE = (0, 1)


@dataclass(frozen=True)
class Bulk:
    """What was asked for."""

    files: list[Path]
    folder: Path
    shard: tuple[int, int]
    """Which part, from 0, and of how many."""
    join: bool
    ray: str | None
    chunk_lines: int


def asked(
    files: list[Path],
    output: Path | None,
    shard: str | None,
    join: bool,
    ray: str | None,
    chunk_lines: int,
) -> Bulk | None:
    """What options ask for; None: one file or stdin, as ever.

    Raises:
        DataError: a file or folder that cannot be used.
    """
    from mtkit import reading
    from mtkit.text.compression import STDIN
    from mtkit.text.lines import must_exist

    asked_for = {"--shard": shard is not None, "--join": join, "--ray": ray is not None}
    given = [flag for flag, there in asked_for.items() if there]
    if len(given) > 1:
        raise typer.BadParameter(f"{given[0]} and {given[1]} are two ways to share work: give one of them")
    if not given and len(files) < 2:
        if chunk_lines != CHUNK_LINES:
            raise typer.BadParameter("--chunk-lines has an effect with several FILES, --shard, --join or --ray only")
        return None
    what = given[0] if given else f"{len(files)} FILES"
    if not files or STDIN in files:
        raise typer.BadParameter(f"{what}: name files to read; stdin cannot be read twice")
    if output is None or output == STDIN:
        raise typer.BadParameter(f"{what}: name a folder for the results: -o FOLDER")
    if output.exists() and not output.is_dir():
        raise DataError(f"{output} is a file; several files, and shared work, are written to a folder: -o FOLDER")
    for path in files:
        must_exist(path)
        if not path.is_file():
            raise DataError(f"{path} is no plain file, and is to be read more than once; copy it into one")
        if not reading.plain(path.name):
            raise DataError(f"{path.name!r} cannot be the name of a result: rename it")
    counts = Counter(path.name for path in files)
    if twice := next((name for name, count in counts.items() if count > 1), None):
        raise DataError(f"two files are called {twice}, and so would their results; rename one, or give it another -o")
    if ray is not None:
        from mtkit import plugins

        if plugins.named():
            raise typer.BadParameter("--plugin is not for --ray: install it as a package on all machines instead")
        check_cluster(ray)
    part = ALONE if shard is None else _parsed(shard)
    output.mkdir(parents=True, exist_ok=True)
    read = {(found.st_dev, found.st_ino) for found in map(os.stat, files)}  # each once, however many there are
    for path in files:
        target = output / path.name
        found = target.stat() if target.exists() else None
        check_output(target, *(files if found and (found.st_dev, found.st_ino) in read else ()))
    return Bulk(files, output, part, join, ray, chunk_lines)


def check_cluster(ray: str) -> None:
    """Refuse before any work what no cluster can have.

    Raises:
        ConfigError: Ray is not installed.
    """
    if not ray.strip():
        raise typer.BadParameter("--ray is auto or the address of a cluster, HOST:PORT, and here it is empty")
    from mtkit.jobs.cluster import need

    need()


def _parsed(shard: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", shard)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise typer.BadParameter(f"--shard is I/N with I from 1 to N, 1/8 say, not {shard!r}")
    return int(found[1]) - 1, int(found[2])


def run(
    bulk: Bulk,
    translator: "Translator",
    job: "Job",
    processes: tuple[int | None, int],
    device: str,
    messages: Messages,
    what: str,
) -> None:
    """Do the work.

    Args:
        processes: workers (None: one, or as many as a cluster has room for), and the threads of each.
        what: is done to lines, in a word: "translated".

    Raises:
        DataError: some lines could not be done, or are not there to be joined.
    """
    from mtkit.jobs.bulk import run as job_run
    from mtkit.jobs.bulk.results import Results
    from mtkit.jobs.bulk.work import deciding

    if bulk.ray is not None and device.startswith("cuda") and translator.asked.precision == "auto":
        # What this processor would choose says nothing of GPUs, which take fp32.
        settings = translator.asked.model_dump() | {"precision": "fp32"}
        translator = type(translator).load(*translator.names, device="cpu", tag=translator.tag, **settings)
    results = Results.open(bulk.folder, bulk.files, deciding(translator, job), bulk.chunk_lines)
    # Looked for now: what others put together meanwhile, a shared file system may show later than their note of it.
    gone = results.gone()
    whole, before = job_run.lines(results, *bulk.shard)
    if bulk.join:
        if left := [(path, count) for path, count in _joined(results) if count]:
            path, count = left[0]
            raise DataError(
                f"{path} lacks {count:,} of its chunks in {bulk.folder}"
                + (f", and so do {len(left) - 1} other files" if len(left) > 1 else "")
                + "; run the parts that are not done, each with its --shard"
            )
        _must_be_there(gone)
        messages.say(f"{bulk.folder} is whole")
        return
    if before and before < whole:
        messages.say(f"going on: {before:,} of {whole:,} lines are done")
    with Progress(messages, what, Total(whole), "lines", before) as progress:
        view = _View(messages, progress, what)
        if before < whole:
            with _workers(bulk, translator, job, processes, device, messages) as each:
                progress.begin()
                job_run.run(results, each, view, *bulk.shard)
    messages.count_up("lines")
    lacking = [count for _, count in _joined(results) if count]
    if view.failures:
        raise DataError(
            f"{view.lines:,} lines in {view.failures:,} chunks were not {what}, and their files are not put together; "
            "the same command does what is missing"
        )
    _must_be_there(gone)
    if lacking:
        others = f"{sum(lacking):,} chunks of {len(lacking)} file(s)"
        messages.say(f"this part is done; {others} are for others to do")
    else:
        lines = sum(one.lines for one in results.inputs)
        messages.say(f"{bulk.folder} is whole: {len(bulk.files)} file(s), {lines:,} lines")


def _joined(results: "Results") -> list[tuple[Path, int]]:
    return [(one.path, results.join(file)) for file, one in enumerate(results.inputs)]


def _must_be_there(gone: list[tuple[Path, Path]]) -> None:
    if gone:
        path, note = gone[0]
        raise DataError(
            f"{path} was put together and is gone"
            + (f", and so are {len(gone) - 1} other files" if len(gone) > 1 else "")
            + f"; to do it again, remove {note} and run the same command"
        )


@contextlib.contextmanager
def _workers(
    bulk: Bulk,
    translator: "Translator",
    job: "Job",
    processes: tuple[int | None, int],
    device: str,
    messages: Messages,
) -> "Iterator[Each[Piece, Done]]":
    """Those who do it: this process, some like it, or a cluster."""
    from mtkit.jobs import sharing
    from mtkit.jobs.bulk.work import attempted
    from mtkit.translator.parallel import shared

    workers, threads = processes
    if bulk.ray is not None:
        from mtkit.jobs.bulk import shipping
        from mtkit.jobs.bulk.work import given_up
        from mtkit.jobs.cluster import Cluster

        with Cluster(bulk.ray, lambda message: messages.warn_of("cluster", message)) as cluster:
            gpus = int(device.startswith("cuda"))
            count = workers or cluster.room(threads, gpus)
            messages.say(f"{count} workers on the Ray cluster at {bulk.ray}")
            make = shipping.maker(translator, job, "cuda" if gpus else "cpu", threads)
            with cluster.pool(make, shipping.packed(translator), given_up, count, threads, gpus) as each:
                yield each
        return
    work = functools.partial(attempted, job, translator)
    if (workers or 1) == 1:
        yield sharing.alone(work)
        return
    with shared(translator, work, workers or 1, threads, name=str) as pool:
        yield sharing.together(pool)


class _View:
    """Shows how far it is, and says what went wrong."""

    def __init__(self, messages: Messages, progress: Progress, what: str) -> None:
        self._messages, self._progress, self._what = messages, progress, what
        self.failures = self.lines = 0

    def done(self, piece: "Piece", done: "Done") -> None:
        for number, warning in done.warnings:
            self._messages.warn_of(f"{piece.name}, line {number + 1}", warning)
        self._progress.done += piece.chunk.lines
        self._progress.tell()

    def failed(self, piece: "Piece", why: str) -> None:
        self.failures += 1
        self.lines += piece.chunk.lines
        self._messages.warn(f"{piece} were not {self._what}: {why}")
