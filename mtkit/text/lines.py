r"""Files of text as lines. Must not know what stands in a line.

A line ends at "\n" and nowhere else: U+2028, NUL, form feed and a lone "\r" are text. One "\r" before the
"\n" belongs to a CRLF line end and is dropped.
"""

from codecs import BOM_UTF8 as MARK
from collections.abc import Iterable, Iterator
from itertools import repeat
from pathlib import Path

from mtkit.errors import DataError
from mtkit.text import compression

LONGEST = 1 << 26  # bytes of a line; a device may give zeros without end


def must_exist(path: Path) -> None:
    """Refuse a path that cannot be read as lines.

    Raises:
        DataError: nothing is there, or a folder; of stdin, that it is closed.
    """
    if path == compression.STDIN:
        compression.stdin()
    elif path.is_dir():
        raise DataError(f"{path} is a folder; expected a text file with a sentence a line")
    elif not path.exists():
        raise DataError(f"{path} does not exist; expected a text file with a sentence a line")


def lines(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield each line of a file, compressed or not, without its line end, and whether that was CRLF.

    Raises:
        DataError: not UTF-8 (file, line and byte are named), a line without end, or a damaged archive.
    """
    name = "stdin" if path == compression.STDIN else str(path)
    number, begun, size = 1, [], 0  # the line that comes next, what there is of it, and how much
    for block in compression.blocks(path):
        cut = block.rfind(b"\n") + 1
        if not cut:
            begun.append(block)
            size = check_length(size + len(block), name, number)
            continue
        size = len(block) - cut
        whole = b"".join([*begun, block[:cut]])
        begun = [block[cut:]]
        yield from _whole(whole, name, number)
        number += whole.count(b"\n")
    if last := b"".join(begun):
        yield from decode([last], name, number)


def _whole(raw: bytes, name: str, first: int) -> Iterator[tuple[str, bool]]:
    """What `decode` makes of many lines, each of which has an end: at once, which is quicker."""
    try:
        text = (raw.removeprefix(MARK) if first == 1 else raw).decode("utf-8")
    except UnicodeDecodeError:  # in one of them: the others are good, and it is to be named
        yield from decode([line + b"\n" for line in raw.split(b"\n")[:-1]], name, first)
        return
    found = text.split("\n")
    found.pop()  # behind the last end
    if "\r" in text:
        yield from ((line.removesuffix("\r"), line.endswith("\r")) for line in found)
    else:
        yield from zip(found, repeat(False))


def check_length(size: int, name: str, number: int) -> int:
    """The bytes that a line has so far.

    Raises:
        DataError: no line has so many; names it.
    """
    if size > LONGEST:
        raise DataError(f"{name}, line {number}: longer than {LONGEST:,} bytes; expected text with a sentence a line")
    return size


def decode(raw_lines: Iterable[bytes], name: str, first: int = 1) -> Iterator[tuple[str, bool]]:
    """Decode lines of bytes, numbered from `first`, as UTF-8; a byte order mark before line 1 is dropped.

    Raises:
        DataError: naming the line and the byte within it, both counted from 1.
    """
    for number, raw in enumerate(raw_lines, first):
        if number == 1:
            raw = raw.removeprefix(MARK)
        crlf = raw.endswith(b"\r\n")
        raw = raw[: -2 if crlf else -1] if raw.endswith(b"\n") else raw
        try:
            yield raw.decode("utf-8"), crlf
        except UnicodeDecodeError as error:
            if number == 1 and (told := compression.told(raw)):
                raise DataError(f"{name} is no plain text but {told}") from None
            raise DataError(
                f"{name}, line {number}, byte {error.start + 1}: 0x{raw[error.start]:02x} is not UTF-8; "
                "convert the text to UTF-8 first, e.g. with iconv"
            ) from None
