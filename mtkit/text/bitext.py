"""Reading parallel text as a stream of string pairs. Knows file formats; must not know filters or tokenizers.

A line ends at "\\n" and nowhere else: U+2028, NUL, form feed and a lone "\\r" are text. One "\\r" before the
"\\n" belongs to a CRLF line end and is dropped, with a count.
"""

import gzip
import importlib.util
import lzma
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import IO, cast

from mtkit.errors import DataError

SUFFIXES = ("", ".gz", ".xz", ".zst")
Pair = tuple[str, str]


@dataclass
class Source:
    """Where a stream of pairs comes from, and what was mended while reading it."""

    files: list[Path]
    """The two files of a prefix, or one TSV."""
    languages: Pair
    crlf: dict[str, int] = field(default_factory=dict)
    """File -> lines whose "\\r" was dropped; filled while reading."""

    def __iter__(self) -> Iterator[Pair]:
        self.crlf.clear()
        if len(self.files) == 1:
            return self._tsv(self.files[0])
        return self._two(*self.files)

    def _two(self, source: Path, target: Path) -> Iterator[Pair]:
        both = zip_longest(self._lines(source), self._lines(target))
        for number, (left, right) in enumerate(both):
            if left is None or right is None:
                extra = 1 + sum(1 for _ in both)
                counts = (number, number + extra) if left is None else (number + extra, number)
                raise DataError(
                    f"{source} has {counts[0]} lines but {target} has {counts[1]}: "
                    "line N of the one must translate line N of the other; align the files first"
                )
            yield left, right

    def _tsv(self, path: Path) -> Iterator[Pair]:
        for number, line in enumerate(self._lines(path), 1):
            columns = line.split("\t")
            if len(columns) < 2:
                raise DataError(f"{path}, line {number}: expected SOURCE<TAB>TARGET, got no tab: {line[:60]!r}")
            yield columns[0], columns[1]

    def _lines(self, path: Path) -> Iterator[str]:
        for line, crlf in lines(path):
            if crlf:
                self.crlf[str(path)] = self.crlf.get(str(path), 0) + 1
            yield line


def locate(path: Path, source_lang: str, target_lang: str) -> Source:
    """Find the files of a prefix (PREFIX.LANG, plain or compressed) or a TSV.

    Raises:
        DataError: nothing is there; says which names were looked for.
    """
    languages = (source_lang, target_lang)
    name = path.name
    for suffix in SUFFIXES[1:]:
        name = name.removesuffix(suffix)
    if name.endswith(".tsv"):
        if not path.is_file():
            raise DataError(f"{path} does not exist; expected a file of SOURCE<TAB>TARGET lines")
        return Source([path], languages)
    return Source([_one(path, lang) for lang in languages], languages)


def _one(prefix: Path, lang: str) -> Path:
    for suffix in SUFFIXES:
        path = prefix.parent / f"{prefix.name}.{lang}{suffix}"
        if path.is_file():
            return path
    wanted = f"{prefix}.{lang}"
    hint = " (it is a file: give the path without its language ending)" if prefix.is_file() else ""
    raise DataError(
        f"{wanted} does not exist, nor with .gz, .xz or .zst{hint}; a path names PREFIX.{lang} or a .tsv file"
    )


def must_exist(path: Path) -> None:
    """Refuse a path that cannot be read as lines.

    Raises:
        DataError: nothing is there, or a folder.
    """
    if not path.exists() or path.is_dir():
        raise DataError(f"{path} does not exist; expected a text file with a sentence a line")


def lines(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield each line of a file without its line end, and whether that was CRLF.

    Raises:
        DataError: not UTF-8 (file, line and byte are named), or a damaged archive.
    """
    try:
        with _open(path) as file:
            yield from decode(file, str(path))
    except (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{path} is a damaged archive: {error}; compress it again") from None


def decode(raw_lines: Iterable[bytes], name: str, first: int = 1) -> Iterator[tuple[str, bool]]:
    """Decode lines of bytes, numbered from `first`, as UTF-8; a byte order mark before line 1 is dropped.

    Raises:
        DataError: naming the line and the byte within it, both counted from 1.
    """
    for number, raw in enumerate(raw_lines, first):
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        crlf = raw.endswith(b"\r\n")
        raw = raw[: -2 if crlf else -1] if raw.endswith(b"\n") else raw
        try:
            yield raw.decode("utf-8"), crlf
        except UnicodeDecodeError as error:
            raise DataError(
                f"{name}, line {number}, byte {error.start + 1}: 0x{raw[error.start]:02x} is not UTF-8; "
                "convert the text to UTF-8 first, e.g. with iconv"
            ) from None


def _open(path: Path) -> IO[bytes]:
    if path.name.endswith(".gz"):
        return cast(IO[bytes], gzip.open(path, "rb"))
    if path.name.endswith(".xz"):
        return lzma.open(path, "rb")
    if path.name.endswith(".zst"):
        if importlib.util.find_spec("zstandard") is None:
            raise DataError(f"{path}: reading .zst needs the zstandard package: pip install 'mtkit[zstd]'")
        return cast(IO[bytes], _Zstandard(path))
    return path.open("rb")


class _Zstandard:
    """A .zst file as an iterable of byte lines.

    Frame by frame, since zstandard's own stream reader takes a file that ends too early for a whole one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._raw = path.open("rb")

    def __enter__(self) -> Iterator[bytes]:
        return self._lines()

    def __exit__(self, *_: object) -> None:
        self._raw.close()

    def _lines(self) -> Iterator[bytes]:
        rest = b""
        for block in self._blocks():
            *whole, rest = (rest + block).split(b"\n")
            yield from (line + b"\n" for line in whole)
        if rest:
            yield rest

    def _blocks(self) -> Iterator[bytes]:
        import zstandard

        frame = None
        while data := self._raw.read(1 << 20):
            while data:
                frame = frame or zstandard.ZstdDecompressor().decompressobj()
                try:
                    yield frame.decompress(data)
                except zstandard.ZstdError as error:
                    raise DataError(f"{self._path} is a damaged archive: {error}; compress it again") from None
                data = frame.unused_data if frame.eof else b""
                frame = None if frame.eof else frame
        if frame is not None:
            raise DataError(f"{self._path} is a damaged archive: it ends too early; compress it again")
