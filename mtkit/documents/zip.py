"""A ZIP archive of which some members change: all others stay as they are, byte for byte, in their places.

Read with distrust: sizes that are not what was said, members above one another, names that lead elsewhere, more than
anybody would unpack. Must not know what the members are.
"""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from mtkit.errors import DataError

MOST = 1 << 28  # bytes that a member may have
MEMBERS = 10_000
STORED, DEFLATED = 0, 8
_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_LOCAL_HEAD, _CENTRAL_HEAD, _END_HEAD = (
    struct.Struct("<4s5H3L2H"),
    struct.Struct("<4s6H3L5H2L"),
    struct.Struct("<4s4H2LH"),
)
_LARGE = 0xFFFFFFFF  # what archives of more than 4 GB have in the place of a size
_ENCRYPTED, _SIZES_BEHIND = 1, 8  # flags


@dataclass(frozen=True)
class Member:
    """What the directory says of a file.

    Attributes:
        record: its entry in the directory.
        start, end: of all that belongs to it, up to the next member.
        content: where its bytes begin, packed.
    """

    name: str
    record: bytes
    start: int
    end: int
    content: int
    method: int
    flags: int
    crc: int
    packed: int
    size: int


class Archive:
    """An archive in memory.

    Args:
        name: of the file, for messages.

    Raises:
        DataError: it is damaged, or made to deceive.
    """

    def __init__(self, data: bytes, name: str) -> None:
        self._data, self._name = data, name
        end = data.rfind(_END, max(0, len(data) - (1 << 16) - 22))
        if end < 0 or len(data) < end + _END_HEAD.size:
            raise self._wrong("it has no directory at its end")
        self._end = end
        _, disk, other, _, count, size, self._directory, _ = _END_HEAD.unpack_from(data, end)
        if disk or other or _LARGE in (size, self._directory) or count > MEMBERS:
            raise self._wrong(f"{count:,} members, or several volumes, or more than 4 GB; documents have not")
        if self._directory + size != end:
            raise self._wrong("its directory is not where it should be")
        self.members = self._read(count)

    def _read(self, count: int) -> dict[str, Member]:
        found, at = [], self._directory
        for _ in range(count):
            if self._data[at : at + 4] != _CENTRAL or at + _CENTRAL_HEAD.size > self._end:
                raise self._wrong("its directory is damaged")
            head = _CENTRAL_HEAD.unpack_from(self._data, at)
            length = _CENTRAL_HEAD.size + sum(head[10:13])
            record = self._data[at : at + length]
            raw = record[_CENTRAL_HEAD.size : _CENTRAL_HEAD.size + head[10]]
            found.append((head[16], raw.decode("utf-8", "replace"), record, head))
            at += length
        if at != self._end:
            raise self._wrong("its directory is damaged")
        found.sort(key=lambda one: one[0])
        starts = [one[0] for one in found] + [self._directory]
        made: dict[str, Member] = {}
        for (start, name, record, head), end in zip(found, starts[1:], strict=True):
            self._check_name(name, made)
            if self._data[start : start + 4] != _LOCAL or start + _LOCAL_HEAD.size > end:
                raise self._wrong(f"{name!r} is not where the directory says")
            local = _LOCAL_HEAD.unpack_from(self._data, start)
            content = start + _LOCAL_HEAD.size + local[9] + local[10]
            flags, method, crc, packed, size = head[3], head[4], *head[7:10]
            if content + packed > end:
                raise self._wrong(f"{name!r} overlaps with what comes after it")
            made[name] = Member(name, record, start, end, content, method, flags, crc, packed, size)
        return made

    def _check_name(self, name: str, before: Mapping[str, Member]) -> None:
        parts = name.replace("\\", "/").split("/")
        if not name or parts[0] == "" or ".." in parts or ":" in parts[0] or "\0" in name:
            raise self._wrong(f"a member is called {name[:60]!r}, which leads out of it")
        if name in before:
            raise self._wrong(f"{name[:60]!r} is in it twice")

    def read(self, name: str) -> bytes:
        """What a member holds.

        Raises:
            DataError: it is damaged, or far too large.
        """
        one = self.members[name]
        packed = self._data[one.content : one.content + one.packed]
        if one.flags & _ENCRYPTED:
            raise self._wrong(f"{name} is encrypted; save it without a password")
        if one.size > MOST:
            raise self._wrong(f"{name} has {one.size:,} bytes, expected at most {MOST:,}")
        if one.method == STORED:
            data = packed
        elif one.method == DEFLATED:
            unpacker = zlib.decompressobj(-15)
            try:
                data = unpacker.decompress(packed, one.size + 1)  # not more than was said, however much there is
            except zlib.error as error:
                raise self._wrong(f"{name}: {error}") from None
        else:
            raise self._wrong(f"{name} is compressed in a way that is not known ({one.method})")
        if len(data) != one.size or zlib.crc32(data) != one.crc:
            raise self._wrong(f"{name} is not what the directory says: its size or its sum differs")
        return data

    def written(self, changed: Mapping[str, bytes]) -> bytes:
        """The archive with other contents of some members."""
        first = min((one.start for one in self.members.values()), default=self._directory)
        made = bytearray(self._data[:first])
        records = {}
        for one in self.members.values():
            moved = len(made)
            if one.name not in changed:
                made += self._data[one.start : one.end]
                records[one.name] = self._patched(one.record, moved)
                continue
            data = changed[one.name]
            packed = _deflated(data) if one.method == DEFLATED else data
            numbers = zlib.crc32(data), len(packed), len(data)
            head = list(_LOCAL_HEAD.unpack_from(self._data, one.start))
            head[2] &= ~_SIZES_BEHIND
            head[6:9] = numbers
            made += _LOCAL_HEAD.pack(*head) + self._data[one.start + _LOCAL_HEAD.size : one.content] + packed
            records[one.name] = self._patched(one.record, moved, numbers)
        directory = len(made)
        at = self._directory
        for _ in self.members:  # in the order of the directory
            head = list(_CENTRAL_HEAD.unpack_from(self._data, at))
            raw = self._data[at + _CENTRAL_HEAD.size : at + _CENTRAL_HEAD.size + head[10]]
            made += records[raw.decode("utf-8", "replace")]
            at += _CENTRAL_HEAD.size + sum(head[10:13])
        end = list(_END_HEAD.unpack_from(self._data, self._end))
        end[5], end[6] = len(made) - directory, directory
        return bytes(made) + _END_HEAD.pack(*end) + self._data[self._end + _END_HEAD.size :]

    @staticmethod
    def _patched(record: bytes, start: int, numbers: tuple[int, int, int] | None = None) -> bytes:
        """An entry of the directory, for a member that begins elsewhere, or has other contents."""
        head = list(_CENTRAL_HEAD.unpack_from(record))
        head[16] = start
        if numbers:
            head[3] &= ~_SIZES_BEHIND
            head[7:10] = numbers
        return _CENTRAL_HEAD.pack(*head) + record[_CENTRAL_HEAD.size :]

    def _wrong(self, what: str) -> DataError:
        return DataError(f"{self._name} is no archive that can be read: {what}")


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()
