"""Where results are written: so that nothing half-done passes for whole, and nothing that was done is lost."""

import contextlib
import fcntl
import io
import json
import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from mtkit.cli import streams
from mtkit.cli.options import Messages
from mtkit.cli.progress import Progress
from mtkit.errors import DataError
from mtkit.files import CHECKSUMS, sha256
from mtkit.text import compression
from mtkit.version import __version__

if TYPE_CHECKING:
    from mtkit.text.stream import Source
    from mtkit.translator.translator import Translator

FOLDERS_OF_DEVICES = ("/dev/", "/proc/")


class Warned(Protocol):
    """A result."""

    @property
    def warnings(self) -> list[str]:
        """What to tell the user of it."""


Result = TypeVar("Result", bound=Warned)


def check_output(path: Path | None, *read: Path | None) -> None:
    """Refuse, before any work, what cannot be written to.

    Args:
        read: files that the work reads.

    Raises:
        DataError: it is a folder, lies in one that does not exist, is one of those that are read, or needs a package
            which is not installed.
    """
    if path is None or str(path) == "-":
        streams.open_for_writing()
        return
    if path.is_dir():
        raise DataError(f"{path} is a folder; expected the name of a file to write: {path / 'out.txt'}, say")
    folder = Path(os.path.realpath(path)).parent  # links in a circle are no error of its
    if not folder.is_dir():
        raise DataError(f"{path} cannot be written: there is no folder {folder}; make it first, or write elsewhere")
    for other in read:
        if other and path.is_file() and other.is_file() and path.samefile(other):
            raise DataError(f"{path} is read by this command, and would be written over; write to another file")
    compression.packer(io.BytesIO(), compression.kind(path, b""))


class Target:
    """Where lines go: stdout, or a file that appears when it is whole; until then it is called FILE.part.

    What an earlier start left in FILE.part is gone on from if that was the same work, and else kept as FILE.part.1.

    Args:
        path: None or "-": stdout. An ending such as .gz compresses.
        messages: are told what becomes of an earlier start.
        work: all that decides what is written, in plain values, where every input makes a line: None: it is not known
            whether two starts write the same.

    Attributes:
        done: lines that an earlier start has written.
    """

    def __init__(self, path: Path | None, messages: Messages, work: Any = None) -> None:
        self.path = None if path is None or str(path) == "-" else path
        self.done = 0
        self._messages = messages
        self._packed = compression.kind(self.path, b"") if self.path else ""
        self._work = None if self._packed or work is None else json.dumps(work, sort_keys=True, default=str)
        self._part: Path | None = None

    def __enter__(self) -> "Target":
        if self.path is None:
            self._file = streams.open_for_writing()
            return self
        devices = str(self.path.absolute()).startswith(FOLDERS_OF_DEVICES)
        if not devices and self.path.is_symlink():
            self.path = Path(os.path.realpath(self.path))  # not the link, in whose place a file would stand
        with self._named():
            if devices or (self.path.exists() and not self.path.is_file()):
                self._raw: Any = self.path.open("wb")  # a device or a pipe has no place to put a file in
            else:
                self._part = self.path.with_name(self.path.name + ".part")
                self._raw = self._begin(self._part)
        self._binary = compression.packer(self._raw, self._packed)
        self._file = io.TextIOWrapper(self._binary, encoding="utf-8", newline="\n")
        return self

    def write(self, text: str) -> None:
        """Write lines."""
        with self._named():
            self._file.write(text)

    def flush(self) -> None:
        """Let whoever reads it have what was written; an archive would grow by that."""
        if not self._packed:
            with self._named():
                self._file.flush()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.path is None:
            return
        try:
            with self._named():
                self._file.flush()
                if self._packed:
                    self._binary.close()
                self._raw.flush()
                if self._part and kind is None:
                    os.fsync(self._raw.fileno())
                    self._part.replace(self.path)
                    self._note.unlink(missing_ok=True)
        except (OSError, streams.Gone):
            streams.mute(self._raw.fileno())
            self._keep()
            if kind is None:  # else what came first is what is told
                raise
        else:
            if kind is not None:
                self._keep()
        finally:
            self._raw.close()

    @property
    def _note(self) -> Path:
        """What says of which work the part is."""
        assert self.path is not None
        return self.path.with_name(self.path.name + ".part.json")

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Errors of the system name the file."""
        try:
            yield
        except BrokenPipeError:
            raise streams.Gone from None
        except OSError as error:
            if error.filename is None:
                error.filename = str(self.path or streams.STDOUT)
            raise

    def _begin(self, part: Path) -> io.BufferedRandom:
        """The part, locked, and behind what of it can be used."""
        while True:
            file = os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT, 0o666), "r+b")
            with contextlib.suppress(OSError):  # some file systems know no locks
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    file.close()
                    raise DataError(
                        f"{self.path} is being written by another process; wait for it, or write to another file"
                    ) from None
            status = os.fstat(file.fileno())
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(status, part.stat()):
                    if not status.st_size or self._goes_on(file):
                        break
                    self._set_aside(part)
            file.close()  # what was opened has another name by now
        if self._work is not None:
            self._note.write_text(self._work, encoding="utf-8")
        return file

    def _goes_on(self, file: io.BufferedRandom) -> bool:
        """Whether what is there is a beginning of this work; its last line may be torn, and is left out."""
        try:
            if self._work is None or self._note.read_text(encoding="utf-8") != self._work:
                return False
        except (OSError, UnicodeDecodeError):
            return False
        whole = 0
        for line in file:
            if line.endswith(b"\n"):
                whole += len(line)
                self.done += 1
        file.seek(whole)
        file.truncate()
        self._messages.say(f"going on after line {self.done:,}, the last in {self._part}")
        return True

    def _set_aside(self, part: Path) -> None:
        number = 1
        while os.path.lexists(aside := part.with_name(f"{part.name}.{number}")):
            number += 1
        part.rename(aside)
        self._note.unlink(missing_ok=True)
        self._messages.say(f"what an earlier start left in {part} is kept as {aside}")

    def _keep(self) -> None:
        """Say where what was done is; hours of work may lie in it."""
        if self._part is None:
            return
        if not self._part.stat().st_size:
            self._part.unlink()
            self._note.unlink(missing_ok=True)
            return
        then = "keeps it beside" if self._work is None else "goes on from there, with the same input, model and options"
        print(streams.printable(f"what was done so far is in {self._part}; a new start {then}"), file=sys.stderr)


def work_of(
    translator: "Translator", source: "Source", asked: tuple[object, ...], prefixes: Path | None = None
) -> list[object] | None:
    """What decides what is written (see `Target`); None where the input is gone when it has been read."""
    if not source.is_file or (prefixes and not prefixes.is_file()):
        return None
    models = [sha256(Path(name) / CHECKSUMS) for name in translator.names]
    status = prefixes.stat() if prefixes else None
    beside = [str(prefixes), status.st_size, status.st_mtime_ns] if status else None
    tag = [] if translator.tag is None else [translator.tag]
    return [__version__, models, translator.decode.model_dump(), str(asked), source.identity, beside, *tag]


def write(
    results: "Generator[Iterable[Result], None, None]",
    target: Target,
    source: "Source",
    messages: Messages,
    shown: Callable[[int, Result], str],
    what: str,
) -> int:
    """Write results as their windows come, and say their warnings; returns how many there are.

    Args:
        results: the first window is empty, and comes when all is ready.
        source: what they are of.
        shown: number (from 0) and result -> lines.
        what: was done to them, in a word.
    """
    busy = source.is_terminal or (target.path is None and sys.stdout.isatty())
    with contextlib.closing(results), Progress(messages, what, source, "lines", target.done, not busy) as progress:
        try:
            next(results)
            progress.begin()
            for window in results:
                for result in window:
                    for warning in result.warnings:
                        messages.warn_of(f"line {progress.done + 1}", warning)
                    target.write(shown(progress.done, result))
                    progress.done += 1
                target.flush()
                progress.tell()
        finally:
            progress.end()
            messages.count_up("lines")
    return progress.done
