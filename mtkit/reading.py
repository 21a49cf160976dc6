"""Reading what anybody may have written, a bundle from the net, say. Knows bytes and paths, not what they mean.

A file is read only when it is known to be one (no pipe, device or folder, which might never end), to lie in the folder
that it is asked from, and to be no larger than what it is to hold. What is wrong is said in one line of bounded length:
values are shortened, and what is no printable character is escaped.
"""

import json
import math
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

LIMIT = 4 << 20  # bytes of a JSON file: read as tables it takes some thirty times as much
DEPTH = 32  # tables and lists inside each other
DIGITS = 20  # of a whole number: more than 64 bits have
SHOWN, LINE = 60, 400  # characters of a value, and of a message, that are shown
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class Unreadable(ValueError):
    """What was found and what was expected, in one line; whoever asked for the file knows what to do about it."""


def printable(text: str) -> str:
    """Text with all that is no printable character escaped: line ends, control characters, halves of characters."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def line(text: str, limit: int = LINE) -> str:
    """A message on one line, without its middle where it is too long."""
    if len(text) > limit:
        text = f"{text[: limit // 2]} … {text[-(limit // 2) :]}"
    return printable(text)


def shown(value: object) -> str:
    """A value about as JSON has it, on one line and not long."""
    match value:
        case str():
            return f'"{printable(value[:SHOWN])}{"…" * (len(value) > SHOWN)}"'
        case dict():
            return f"a table of {len(value)}"
        case list() | tuple():
            return f"a list of {len(value)}"
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case int() if abs(value) >= 10**DIGITS:
            return f"a number of more than {DIGITS} digits"
    return printable(str(value)[:SHOWN])


def plain(name: object) -> bool:
    """Whether this can be the name of a file in a folder, and of nothing outside it."""
    return isinstance(name, str) and 0 < len(name) < 256 and name[0] != "." and "/" not in name and name.isprintable()


def member(folder: Path, name: str) -> Path:
    """The path of a file in a folder.

    Raises:
        Unreadable: it is none, or leads out of the folder.
    """
    if not plain(name):
        raise Unreadable(f"{folder}: {shown(name)} is no name of a file; expected one without folders")
    path = folder / name
    if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
        raise Unreadable(f"{path} is a link that leads out of its folder, expected a file")
    return path


def size(path: Path) -> int:
    """The bytes of a file, of which nothing is read.

    Raises:
        FileNotFoundError: there is nothing of this name.
        Unreadable: it is no regular file.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise Unreadable(f"{path} cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if not stat.S_ISREG(found.st_mode):
        raise Unreadable(f"{path} is {_KINDS.get(stat.S_IFMT(found.st_mode), 'no file')}, expected a file")
    return found.st_size


def opened(path: Path, limit: int) -> BinaryIO:
    """A regular file of at most `limit` bytes, open for reading.

    Raises:
        FileNotFoundError: there is nothing of this name.
        Unreadable: it is something else, or larger.
    """
    _check_size(path, size(path), limit)
    try:  # not to wait, should a pipe have taken its place just now
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unreadable(f"{path} cannot be read ({error.strerror})") from None
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise Unreadable(f"{path} is no file any more")
    return file


def read_bytes(path: Path, limit: int) -> bytes:
    """All of a regular file of at most `limit` bytes.

    Raises:
        FileNotFoundError: there is nothing of this name.
        Unreadable: it is something else, or larger.
    """
    with opened(path, limit) as file:
        try:
            data = file.read(limit + 1)
        except OSError as error:
            raise Unreadable(f"{path} cannot be read ({error.strerror})") from None
    _check_size(path, len(data), limit)
    return data


def read_json(path: Path, limit: int = LIMIT, *, finite: bool = True) -> Any:
    """The value that a file of JSON holds; see `parse_json`.

    Raises:
        FileNotFoundError: there is nothing of this name.
        Unreadable: it is no file, too large, or no JSON.
    """
    return parse_json(read_bytes(path, limit), str(path), finite=finite)


def parse_json(data: bytes, where: str, *, finite: bool = True) -> Any:
    """The value that JSON stands for: UTF-8, no key twice, of bounded depth, with numbers of bounded size.

    Args:
        where: what messages call it.
        finite: refuse the numbers Infinity and NaN, which JSON has not and Python writes.

    Raises:
        Unreadable: it is something else.
    """

    def refuse(what: str) -> NoReturn:
        raise Unreadable(f"{where} is no JSON that can be read: {what}")

    def table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [key for key, _ in pairs]
            refuse(f"key {shown(next(key for key in made if names.count(key) > 1))} comes twice")
        return made

    def whole(digits: str) -> int:
        return int(digits) if len(digits) <= DIGITS else refuse(f"a number of {len(digits)} digits")

    def real(digits: str) -> float:
        number = float(digits)
        return number if math.isfinite(number) else refuse(f"a number that is too large, {shown(digits)}")

    def constant(name: str) -> float:
        return refuse(f"{name} where a number is expected") if finite else float(name)

    try:
        text = data.decode("utf-8")
        made = json.loads(text, object_pairs_hook=table, parse_int=whole, parse_float=real, parse_constant=constant)
    except UnicodeDecodeError as error:
        refuse(f"not UTF-8 at byte {error.start:,}")
    except RecursionError:
        refuse(f"more than {DEPTH} tables and lists inside each other")
    except Unreadable:
        raise
    except ValueError as error:
        refuse(printable(str(error)))
    if text.count("[") + text.count("{") > DEPTH and _deeper(made, DEPTH):
        refuse(f"more than {DEPTH} tables and lists inside each other")
    if _SURROGATE.search(text):
        try:
            json.dumps(made, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            refuse("half a character, as \\ud800 is")
    return made


def _check_size(path: Path, found: int, limit: int) -> None:
    if found > limit:
        raise Unreadable(f"{path} has {found:,} bytes, expected at most {limit:,}")


def _deeper(value: Any, depth: int) -> bool:
    """Whether there are more than `depth` levels of tables and lists."""
    level: list[Any] = [value]
    for _ in range(depth):
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return False
    return any(isinstance(one, dict | list) for one in level)


def _inside(value: Any) -> Iterator[Any]:
    match value:
        case dict():
            yield from (one for one in value.values() if isinstance(one, dict | list))
        case list():
            yield from (one for one in value if isinstance(one, dict | list))
