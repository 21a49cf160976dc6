"""Reading parallel text: file formats, line ends, errors."""

import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from mtkit.errors import DataError
from mtkit.registry import CHOICES, Choice
from mtkit.text.readers.reader import locate
from mtkit.text.readers.tsv import parse

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


JSONL = '''"""One file with a JSON object a line: {"source": ..., "target": ...}."""

import json
from collections.abc import Iterator

from mtkit.errors import DataError
from mtkit.registry import CHOICES, Choice
from mtkit.text.readers.reader import Pair, Reader


class JSONLines(Reader):
    """Keys source and target; others are somebody else's."""

    suffix = ".jl"
    expects = "JSON objects with source and target, one a line"

    def pairs(self) -> Iterator[Pair]:
        (path,) = self.files
        for number, line in enumerate(self.lines(path), 1):
            try:
                pair = json.loads(line)
                yield str(pair["source"]), str(pair["target"])
            except (ValueError, TypeError, KeyError):
                raise DataError(f"{path}, line {number}: expected {self.expects}, got {line[:60]!r}") from None
'''


@pytest.fixture
def jsonl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A format that mtkit does not have: one file, and one line of the registry."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "outside_lines.py").write_text(JSONL)
    monkeypatch.syspath_prepend(str(tmp_path / "outside"))
    choice = Choice("outside_lines:JSONLines", "NAME.jl, an object a line with source and target")
    monkeypatch.setitem(CHOICES["reader"], "jl", choice)


def test_a_format_is_one_file_and_one_line(tmp_path: Path, jsonl: None) -> None:
    lines = b'{"source": "one", "target": "eins", "id": 7}\r\n{"source": "two", "target": "zwei"}'
    write(tmp_path, "t.jl.xz", lzma.compress(lines))
    source = locate(tmp_path / "t.jl.xz", "en", "de")
    assert list(source) == [("one", "eins"), ("two", "zwei")]
    assert list(source.crlf.values()) == [1]
    write(tmp_path, "t.jl", b'{"source": "one", "target": "eins"}\n["two"]\n')
    with pytest.raises(DataError, match=r"t\.jl, line 2: expected JSON objects with source and target, .*got "):
        read(tmp_path / "t.jl")
    with pytest.raises(DataError, match=r"none.jl does not exist; expected a file of JSON objects"):
        read(tmp_path / "none.jl")
    with pytest.raises(DataError, match=r"a path names PREFIX\.en or a \.tsv or .* or \.jl file"):
        read(tmp_path / "none")


def test_the_longest_ending_says_the_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jsonl: None) -> None:
    write(tmp_path, "t.tsv", b"one\teins\n")
    others = {name: choice for name, choice in CHOICES["reader"].items() if name != "prefix"}
    last = others | {"prefix": CHOICES["reader"]["prefix"]}  # and still after the others
    monkeypatch.setitem(CHOICES, "reader", last)
    assert read(tmp_path / "t.tsv") == [("one", "eins")]


def test_a_line_of_tsv() -> None:
    assert parse("one\teins\tmore", "stdin", 3) == ("one", "eins")
    with pytest.raises(DataError, match="stdin, line 3: expected SOURCE<TAB>TARGET, got no tab: 'one'"):
        parse("one", "stdin", 3)
