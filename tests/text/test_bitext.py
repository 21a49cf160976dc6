"""Reading parallel text: file formats, line ends, errors."""

import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from mtkit.errors import DataError
from mtkit.text.bitext import locate

STRANGE = "a\u2028b\x00c\x0cd\re"  # one line: only "\n" ends one


def write(folder: Path, name: str, data: bytes) -> None:
    (folder / name).write_bytes(data)


def read(path: Path) -> list[tuple[str, str]]:
    return list(locate(path, "en", "de"))


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [("", bytes), (".gz", gzip.compress), (".xz", lzma.compress), (".zst", zstandard.ZstdCompressor().compress)],
)
def test_prefixes_in_every_form(tmp_path: Path, suffix: str, compress: Callable[[bytes], bytes]) -> None:
    write(tmp_path, f"t.en{suffix}", compress(f"one\n{STRANGE}\n".encode()))
    write(tmp_path, f"t.de{suffix}", compress("eins\nzwei ä\n".encode()))
    assert read(tmp_path / "t") == [("one", "eins"), (STRANGE, "zwei ä")]
    write(tmp_path, f"p.tsv{suffix}", compress(f"one\teins\n{STRANGE}\tzwei\tmore\n".encode()))
    assert read(tmp_path / f"p.tsv{suffix}") == [("one", "eins"), (STRANGE, "zwei")]


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [(".gz", gzip.compress), (".xz", lzma.compress), (".zst", zstandard.ZstdCompressor().compress)],
)
def test_damaged_archives(tmp_path: Path, suffix: str, compress: Callable[[bytes], bytes]) -> None:
    whole = compress(b"line of some text\n" * 1000)
    for name in ("t.en", "t.de"):
        write(tmp_path, name + suffix, whole[: len(whole) // 2])
    with pytest.raises(DataError, match="damaged archive"):
        read(tmp_path / "t")


def test_last_line_needs_no_end_and_crlf_is_counted(tmp_path: Path) -> None:
    write(tmp_path, "t.en", b"\xef\xbb\xbfone\r\ntwo\r\r\nthree")
    write(tmp_path, "t.de", b"eins\nzwei\ndrei\n")
    source = locate(tmp_path / "t", "en", "de")
    assert list(source) == [("one", "eins"), ("two\r", "zwei"), ("three", "drei")]
    assert source.crlf == {str(tmp_path / "t.en"): 2}


@pytest.mark.parametrize(("left", "right"), [(3, 5), (5, 3), (0, 2)])
def test_unequal_counts_name_both(tmp_path: Path, left: int, right: int) -> None:
    write(tmp_path, "t.en", b"x\n" * left)
    write(tmp_path, "t.de", b"y\n" * right)
    with pytest.raises(DataError, match=f"t.en has {left} lines but .*t.de has {right}"):
        read(tmp_path / "t")


def test_invalid_utf8_names_file_line_and_byte(tmp_path: Path) -> None:
    write(tmp_path, "t.en", b"fine\nab\xff\n")
    write(tmp_path, "t.de", b"gut\ngut\n")
    with pytest.raises(DataError, match=r"t\.en, line 2, byte 3: 0xff is not UTF-8"):
        read(tmp_path / "t")


def test_missing_files_say_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.en does not exist, nor with \.gz"):
        locate(tmp_path / "none", "en", "de")
    write(tmp_path, "t.en", b"")
    with pytest.raises(DataError, match=r"t\.de does not exist"):
        locate(tmp_path / "t", "en", "de")
    with pytest.raises(DataError, match="without its language ending"):
        locate(tmp_path / "t.en", "en", "de")
    with pytest.raises(DataError, match="none.tsv does not exist"):
        locate(tmp_path / "none.tsv", "en", "de")


def test_tsv_without_a_tab(tmp_path: Path) -> None:
    write(tmp_path, "t.tsv", b"one\teins\nno tab\n")
    with pytest.raises(DataError, match="line 2: expected SOURCE<TAB>TARGET"):
        read(tmp_path / "t.tsv")
