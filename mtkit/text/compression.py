"""Compressed files as bytes, by the ending of their names. Must not know what the bytes mean."""

import gzip
import importlib.util
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mtkit.errors import DataError

SUFFIXES = (".gz", ".xz", ".zst")
BEGINNINGS = {  # of what is taken for text by mistake
    b"\x1f\x8b": "compressed (gzip)",
    b"\xfd7zXZ": "compressed (xz)",
    b"\x28\xb5\x2f\xfd": "compressed (zstd)",
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


def told(beginning: bytes) -> str:
    """What a file is that begins so, and what to do; "": nothing that is known."""
    what = next((what for mark, what in BEGINNINGS.items() if beginning.startswith(mark)), "")
    if what.startswith("compressed"):
        what += "; decompress it first, or name a file with its ending, .gz, .xz or .zst"
    elif what == "UTF-16":
        what += "; convert it first, e.g. with iconv -f UTF-16 -t UTF-8"
    elif what:
        what += "; save its text as plain text first"
    return what


@contextmanager
def opened(path: Path) -> Iterator[Iterator[bytes]]:
    r"""Give the lines of a file, compressed or not, each with its "\n".

    Raises:
        DataError: a damaged archive, or one that needs a package which is not installed.
    """
    try:
        if path.name.endswith(".gz"):
            with gzip.open(path, "rb") as file:
                yield iter(file)
        elif path.name.endswith(".xz"):
            with lzma.open(path, "rb") as file:
                yield iter(file)
        elif path.name.endswith(".zst"):
            yield _zstandard(path)
        else:
            with path.open("rb") as file:
                yield iter(file)
    except (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError) as error:
        raise _damaged(path, str(error)) from None


def _zstandard(path: Path) -> Iterator[bytes]:
    if importlib.util.find_spec("zstandard") is None:
        raise DataError(f"{path}: reading .zst needs the zstandard package: pip install 'mtkit[zstd]'")
    rest = b""
    for block in _frames(path):
        *whole, rest = (rest + block).split(b"\n")
        yield from (line + b"\n" for line in whole)
    if rest:
        yield rest


def _frames(path: Path) -> Iterator[bytes]:
    """Frame by frame, since zstandard's own stream reader takes a file that ends too early for a whole one."""
    import zstandard

    frame = None
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            while data:
                frame = frame or zstandard.ZstdDecompressor().decompressobj()
                try:
                    yield frame.decompress(data)
                except zstandard.ZstdError as error:
                    raise _damaged(path, str(error)) from None
                data = frame.unused_data if frame.eof else b""
                frame = None if frame.eof else frame
    if frame is not None:
        raise _damaged(path, "it ends too early")


def _damaged(path: Path, reason: str) -> DataError:
    return DataError(f"{path} is a damaged archive: {reason}; compress it again")
