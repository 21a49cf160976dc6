"""Compressed files as bytes, by the ending of their names or by how they begin. Must not know what the bytes mean."""

import gzip
import importlib.util
import lzma
import sys
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, BinaryIO

from mtkit.errors import DataError

MAGIC = {".gz": b"\x1f\x8b\x08", ".xz": b"\xfd7zXZ\0", ".zst": b"\x28\xb5\x2f\xfd"}
SUFFIXES = tuple(MAGIC)
STDIN = Path("-")  # where a command line says so
BLOCK = 1 << 16  # bytes given at a time, at most: a small archive may hold a lot
LITTLE = 1 << 10
READ = 1 << 18
_BEGUN: dict[str, Callable[[], Any]] = {".gz": lambda: zlib.decompressobj(31), ".xz": lzma.LZMADecompressor}
_ERRORS = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError)
BEGINNINGS = {  # of what is taken for text by mistake
    b"BZh": "compressed (bzip2)",
    b"PK\x03\x04": "an archive (zip), as documents of Office are, too",
    b"%PDF": "a PDF",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


def bare(path: Path) -> str:
    """A file's name without the ending of its compression."""
    name = path.name
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def kind(path: Path | None, start: bytes) -> str:
    """How a file is compressed: one of SUFFIXES by its name, or else by its first bytes; "": not at all."""
    if path is not None and path.suffix in SUFFIXES:
        return path.suffix
    return next((suffix for suffix, magic in MAGIC.items() if start.startswith(magic)), "")


def undecided(start: bytes) -> bool:
    """Whether more bytes are needed to tell how something is compressed."""
    return any(len(start) < len(magic) and magic.startswith(start) for magic in MAGIC.values())


def stdin() -> BinaryIO:
    """Stdin.

    Raises:
        DataError: it is closed.
    """
    if sys.stdin is None:
        raise DataError("stdin is closed: there is nothing to read; name a file, or pipe one in")
    return sys.stdin.buffer


def told(beginning: bytes) -> str:
    """What a file is that begins so, and what to do; "": nothing that is known."""
    what = next((what for mark, what in BEGINNINGS.items() if beginning.startswith(mark)), "")
    if what.startswith("compressed"):
        what += "; decompress it first, or use .gz, .xz or .zst"
    elif what == "UTF-16":
        what += "; convert it first, e.g. with iconv -f UTF-16 -t UTF-8"
    elif what:
        what += "; save its text as plain text first"
    return what


def blocks(path: Path) -> Iterator[bytes]:
    """Yield what a file, or stdin, holds, compressed or not, in blocks of no particular size.

    Raises:
        DataError: a damaged archive, or one that needs a package which is not installed.
    """
    with ExitStack() as stack:
        file: Any = stdin() if path == STDIN else stack.enter_context(path.open("rb"))
        data: bytes = file.read1(READ)  # what has come: a pipe is not waited for until it has given a whole block
        while undecided(data) and (more := file.read1(READ)):
            data += more
        unpacker = Unpacker(kind(path, data), str(path))
        while data:
            yield from unpacker.feed(data)
            data = file.read1(READ)
        unpacker.end()


class Unpacker:
    """What an archive holds, as its bytes come.

    Args:
        kind: one of SUFFIXES, or "" for what is not compressed.
        name: of the archive, for messages.

    Raises:
        DataError: it needs a package which is not installed.
    """

    def __init__(self, kind: str, name: str) -> None:
        self._kind, self._name = kind, name
        self._frame: Any = None
        if kind == ".zst":
            _need_zstandard(name)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what some more bytes make, in blocks.

        Raises:
            DataError: they are damaged.
        """
        if not self._kind:
            yield data
        while self._kind and data:
            if self._frame is None:
                data = data.lstrip(b"\0")  # between frames there may be padding
                self._frame = self._begun() if data else None
                continue
            try:
                data = yield from self._some(data)
            except Exception as error:
                if isinstance(error, _ERRORS) or type(error).__name__ == "ZstdError":
                    raise _damaged(self._name, str(error)) from None
                raise
            if self._frame.eof:
                self._frame = None

    def end(self) -> None:
        """Nothing more comes.

        Raises:
            DataError: something should.
        """
        if self._frame is not None:
            raise _damaged(self._name, "it ends too early")

    def _begun(self) -> Any:
        if self._kind != ".zst":
            return _BEGUN[self._kind]()
        import zstandard

        return zstandard.ZstdDecompressor().decompressobj()

    def _some(self, data: bytes) -> Generator[bytes, None, bytes]:
        """Yield what bytes make until they or the frame end; returns those that are left."""
        frame = self._frame
        if self._kind == ".zst":  # it gives all at once: so it is given little
            yield frame.decompress(data[:LITTLE])
            rest: bytes = frame.unused_data + data[LITTLE:]
            return rest
        block = frame.decompress(data, BLOCK)
        yield block
        while not frame.eof and (len(block) == BLOCK if self._kind == ".gz" else not frame.needs_input):
            block = frame.decompress(frame.unconsumed_tail if self._kind == ".gz" else b"", BLOCK)
            yield block
        left: bytes = frame.unused_data
        return left


def packer(file: IO[bytes], suffix: str) -> Any:
    """A file that compresses what is written to it into another; closing it leaves that one open.

    Args:
        suffix: one of SUFFIXES, or "": it is written as it is.

    Raises:
        DataError: it needs a package which is not installed.
    """
    if suffix == ".gz":
        return gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0)  # of the same text the same bytes
    if suffix == ".xz":
        return lzma.open(file, "wb")
    if suffix == ".zst":
        _need_zstandard(suffix)
        import zstandard

        return zstandard.ZstdCompressor().stream_writer(file, closefd=False)
    return file


def _need_zstandard(name: str) -> None:
    if importlib.util.find_spec("zstandard") is None:
        raise DataError(f"{name}: .zst needs the zstandard package: pip install 'mtkit[zstd]'")


def _damaged(name: str, reason: str) -> DataError:
    return DataError(f"{name} is a damaged archive: {reason}; compress it again")
