"""Files as lines: read in blocks, given one by one."""

import os
import sys
from pathlib import Path

import pytest

from mtkit.errors import DataError
from mtkit.text import compression
from mtkit.text.lines import decode, lines
from mtkit.text.stream import opened, windows


def test_a_pipe_is_read_as_it_comes(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    handle = os.open(pipe, os.O_RDWR)  # there is always somebody who may write
    os.write(handle, b"eins\nzwei\r\ndr")
    found = lines(pipe)
    assert next(found) == ("eins", False)
    assert next(found) == ("zwei", True)
    os.write(handle, "ü\n".encode()[:2])
    os.write(handle, "ü\n".encode()[2:])
    assert next(found) == ("drü", False)
    os.close(handle)


@pytest.mark.parametrize("size", range(1, 8))
def test_blocks_may_end_anywhere(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = b"\xef\xbb\xbfa\r\n\n\xc3\xbc\r\r\n\xe4\xb8\xad x\n\r\nend\r"
    (tmp_path / "text").write_bytes(raw)
    monkeypatch.setattr(compression, "blocks", lambda path: (raw[at : at + size] for at in range(0, len(raw), size)))
    there = [("a", True), ("", False), ("ü\r", True), ("中 x", False), ("", True), ("end\r", False)]
    assert list(lines(tmp_path / "text")) == there
    assert list(lines(tmp_path / "text")) == list(decode(_ended(raw), "text"))


def _ended(raw: bytes) -> list[bytes]:
    *whole, last = raw.split(b"\n")
    return [line + b"\n" for line in whole] + [last] * bool(last)


def test_a_line_without_end_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules[lines.__module__]
    monkeypatch.setattr(module, "LONGEST", 100_000)
    says = r"line 2: longer than 100,000 bytes; expected text with a sentence a line"
    (tmp_path / "text").write_bytes(b"a\n" + b"\0" * 900_000)
    with pytest.raises(DataError, match=says):
        list(lines(tmp_path / "text"))
    with opened(tmp_path / "text") as source, pytest.raises(DataError, match=says):
        list(windows(source, 10))
    with pytest.raises(DataError, match="/dev/zero, line 1: longer"):
        list(lines(Path("/dev/zero")))
    with opened(Path("/dev/zero")) as source, pytest.raises(DataError, match="/dev/zero, line 1: longer"):
        list(windows(source, 10))
    (tmp_path / "text").write_bytes(b"a" * 99_000 + b"\n" + b"b" * 99_000 + b"\n")
    assert len(list(lines(tmp_path / "text"))) == 2
    with opened(tmp_path / "text") as source:
        assert sum(map(len, windows(source, 10))) == 2
