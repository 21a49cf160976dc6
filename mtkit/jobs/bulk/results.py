"""What has been made of chunks, on disk: a file a chunk, which is its marker, too; of these one for each file read.

Processes on many machines share the folder and need no locks: whatever appears is whole, two that do the same write the
same, and what a file consists of goes only after a note that the file stands. Must not know what is made of chunks.
"""

import contextlib
import json
import os
import shutil
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from mtkit import files, reading
from mtkit.errors import DataError
from mtkit.jobs.bulk.plan import Chunk, Input
from mtkit.store.format import Format
from mtkit.store.typed import Count, FileName, parsed
from mtkit.text import compression
from mtkit.version import __version__

BULK = Format("bulk work", 1, error=DataError)
CHUNKS, PLAN = ".chunks", "plan.json"
LARGEST = 1 << 30  # bytes of a plan
A_FOLDER = 1000  # chunks: file systems that machines share are slow with more


class Noted(BaseModel):
    """A file, as the plan has it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: FileName
    size: Count
    modified: int
    lines: Count
    length: Count
    starts: list[Count]
    firsts: list[Count]


class Plan(BaseModel):
    """What is done in a folder, and to what."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["bulk work"] = "bulk work"
    format_version: int
    mtkit_version: str = ""
    work: dict[str, str]
    """All that decides what is made of a line, by what messages call it."""
    files: list[Noted]


class Results:
    """A folder of results.

    Attributes:
        folder: holds a file for each that is read, of the same name.
        inputs: what is read.
    """

    def __init__(self, folder: Path, inputs: Sequence[Input]) -> None:
        self.folder, self.inputs = folder, list(inputs)
        self._chunks = folder / CHUNKS
        self._before = [0, *accumulate(len(one.starts) for one in self.inputs)]
        """How many chunks the files before each have."""

    @classmethod
    def open(cls, folder: Path, paths: Sequence[Path], work: dict[str, str], most: int) -> "Results":
        """Go on with what was begun in a folder, or begin.

        Args:
            paths: of files, each of another name.
            work: all that decides what is made of a line, by what messages call it.
            most: lines of a chunk.

        Raises:
            DataError: other work was begun there; says in what it differs. Or a file cannot be read.
        """
        work = work | {"mtkit": __version__, "chunk size": str(most)}
        path = folder / CHUNKS / PLAN
        if not path.exists():
            inputs = [Input.scan(one, most) for one in paths]
            made = Plan(**BULK.head(), work=work, files=[_noted(one) for one in inputs])
            _publish(path, json.dumps(made.model_dump(mode="json"), ensure_ascii=False))
        plan = _read(path)
        differs = [name for name in work if plan.work.get(name) != work[name]]
        found = [(one.name, one.stat().st_size, one.stat().st_mtime_ns) for one in paths]
        if found != [(one.name, one.size, one.modified) for one in plan.files]:
            differs.append("text")
        if differs:
            raise DataError(
                f"{folder} holds what was made with another {' and another '.join(differs)}; give another folder, or "
                f"remove {path.parent} to begin anew"
            )
        return cls(folder, [_input(one, path) for one, path in zip(plan.files, paths, strict=True)])

    def chunks(self, file: int, shard: int = 0, shards: int = 1) -> Iterator[Chunk]:
        """The chunks of a file, or those that are the part of a process.

        Args:
            shard: which process it is, from 0.
            shards: how many there are; that another start had another number of them matters to nothing.
        """
        for chunk in self.inputs[file].chunks(file):
            if (self._before[file] + chunk.number) % shards == shard:
                yield chunk

    def missing(self, file: int, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Those chunks of a file that have no result."""
        there = bytearray(len(self.inputs[file].starts))
        with contextlib.suppress(FileNotFoundError):  # another process has put them together, as its note then says
            for path in (self._chunks / f"{file:05d}").glob("*/*"):
                if path.name.isdecimal() and int(path.name) < len(there):
                    there[int(path.name)] = 1
        # In this order: a chunk goes after the note of its file has come.
        if not self._note(file).exists():
            yield from (chunk for chunk in chunks if not there[chunk.number])

    def write(self, chunk: Chunk, text: bytes) -> None:
        """Keep what was made of a chunk."""
        files.write(self._path(chunk), text)

    def join(self, file: int) -> int:
        """Put a file together if all of it is there; returns how many chunks are not."""
        if not self._note(file).exists():
            if lacking := sum(1 for _ in self.missing(file, self.chunks(file))):
                return lacking
            self._put_together(file, self.inputs[file])
        shutil.rmtree(self._chunks / f"{file:05d}", ignore_errors=True)
        return 0

    def gone(self) -> list[tuple[Path, Path]]:
        """Files that were put together and are not there any more, each with the note that it stands."""
        paths = (self.folder / one.path.name for one in self.inputs)
        noted = ((path, self._note(file)) for file, path in enumerate(paths))
        return [(path, note) for path, note in noted if note.exists() and not path.exists()]

    def _put_together(self, file: int, one: Input) -> None:
        path = self.folder / one.path.name
        try:
            with files.writing(path) as raw:
                packed = compression.packer(raw, compression.kind(path, b""))
                for chunk in one.chunks(file):
                    with self._path(chunk).open("rb") as part:
                        shutil.copyfileobj(part, packed, 1 << 20)
                packed.flush()  # as where one process writes the whole file: then the bytes are the same
                if packed is not raw:
                    packed.close()
        except FileNotFoundError:
            if not self._note(file).exists():
                raise
            return  # another process was quicker
        files.write(self._note(file), b"")

    def _path(self, chunk: Chunk) -> Path:
        return self._chunks / f"{chunk.file:05d}" / f"{chunk.number // A_FOLDER:05d}" / f"{chunk.number:08d}"

    def _note(self, file: int) -> Path:
        """What says that a file stands."""
        return self._chunks / f"{file:05d}.done"


def _noted(one: Input) -> Noted:
    return Noted(
        name=one.path.name,
        size=one.size,
        modified=one.modified,
        lines=one.lines,
        length=one.length,
        starts=list(one.starts),
        firsts=list(one.firsts),
    )


def _publish(path: Path, text: str) -> None:
    """Write a plan, unless another process has been quicker: then its plan counts, for all."""
    mine = path.with_name(f"{path.name}.new")  # whoever comes after one that was killed writes it anew
    files.write(mine, text)
    try:
        os.link(mine, path)
    except (FileExistsError, FileNotFoundError):  # another process has done so, and has taken this one away
        pass
    except OSError:  # a file system without links
        with contextlib.suppress(FileNotFoundError):
            mine.replace(path)
    finally:
        mine.unlink(missing_ok=True)
    files.sync(path.parent)


def _input(noted: Noted, path: Path) -> Input:
    starts, firsts = array("Q", noted.starts), array("Q", noted.firsts)
    return Input(path, noted.size, noted.modified, noted.lines, noted.length, starts, firsts)


def _must_cut(noted: Noted) -> None:
    """Refuse chunks that are not a file from front to back, which would be read as a whole, or not at all."""
    sides = [*noted.starts, noted.length], [*noted.firsts, noted.lines]
    rise = all(side[0] == 0 and all(one < other for one, other in pairwise(side)) for side in sides)
    if len(noted.starts) != len(noted.firsts) or not rise:
        raise reading.Unreadable(f"{noted.name} is not cut in chunks that follow one another")


def _read(path: Path) -> Plan:
    try:
        table = reading.read_json(path, LARGEST)
        BULK.check(table, path)
        plan: Plan = parsed(TypeAdapter(Plan), table, path.name)
        for one in plan.files:
            _must_cut(one)
        return plan
    except (reading.Unreadable, FileNotFoundError) as error:
        raise DataError(f"{path} is damaged ({error}); remove {path.parent} to begin anew") from None
