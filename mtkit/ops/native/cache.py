"""Compiled libraries in the user's cache folder: what is loaded runs as the user, so nobody else may have written it.

A library's name is made of what it was compiled from, by and for, and ends with the checksum of its content. It is
read once, through a handle whose owner and kind are looked at, and what was read is what is loaded: nothing comes
between. Beside the libraries lie notes on compilers that failed, and on how quick products are (`mtkit.ops.paces`).
"""

import contextlib
import ctypes
import errno
import fcntl
import hashlib
import os
import shutil
import stat
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mtkit import reading
from mtkit.errors import MtkitError

WRITABLE = stat.S_IWGRP | stat.S_IWOTH
REMEMBERED_SECONDS = 24 * 3600.0  # for so long a compiler that failed is not tried again
LEFT_SECONDS = 3600.0  # what was begun so long ago will not be finished
MOST_BYTES = 64 << 20  # of a library: more is something else
MOST_LINKS = 40  # as many as the system itself follows
SCRATCH = "making-"


class UnsafeCache(MtkitError):
    """Somebody else could write what would be loaded."""


def folder() -> Path:
    """The cache folder, made if need be; without links on the way to it.

    Raises:
        OSError: it cannot be made, or no program may lie there.
        UnsafeCache: somebody else could write there, or change where its path leads.
    """
    home = os.environ.get("XDG_CACHE_HOME", "")
    path = (Path(home) if os.path.isabs(home) else Path.home() / ".cache") / "mtkit"
    if not path.is_absolute():
        raise OSError(errno.EINVAL, "HOME is no absolute path", str(path))
    real = _walked(path)
    facts = os.lstat(real)
    if facts.st_mode & WRITABLE:  # no sticky bit and no group of the user's own: it was made for the user alone
        raise _writable(real)
    if os.statvfs(real).f_flag & os.ST_NOEXEC:
        raise OSError(errno.EPERM, "mounted so that nothing there may be run (noexec)", str(real))
    return real


def _walked(path: Path) -> Path:
    """Where a path leads, every folder and link of it looked at before it is followed, and made where it is missing."""
    here, left, links = Path("/"), list(reversed(path.parts[1:])), 0
    _check(here, os.lstat(here))
    while left:
        part = left.pop()
        place = here.parent if part == ".." else here / part
        try:
            facts = os.lstat(place)
        except FileNotFoundError:
            with contextlib.suppress(FileExistsError):  # by another process, just now
                place.mkdir(mode=0o700)
            facts = os.lstat(place)
        _check(place, facts)
        if not stat.S_ISLNK(facts.st_mode):
            here = place
            continue
        links += 1
        if links > MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
        target = Path(os.readlink(place))
        here = Path("/") if target.is_absolute() else here
        left += reversed(target.parts[1:] if target.is_absolute() else target.parts)
    return here


def find(folder: Path, name: str) -> Iterator[tuple[Path, bytes]]:
    """Libraries of this name and what is in them, whole; what is damaged, or is no file, is removed.

    Raises:
        UnsafeCache: somebody else could have written one.
    """
    for path in sorted(folder.glob(f"{name}-*.so")):
        try:
            content = read(path)
        except OSError:
            content = b""
        if _checksum(content) == path.stem.rpartition("-")[2]:
            yield path, content
        else:
            remove(path)


def read(path: Path) -> bytes:
    """The content of a library, of the file that is open, whatever has its name by now.

    Raises:
        OSError: it is no file, or larger than a library.
        UnsafeCache: somebody else could have written it.
    """
    # A link is not followed, and for the other end of a pipe nobody waits.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb") as file:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > MOST_BYTES:
            raise OSError(errno.EINVAL, "is no file of a few megabytes", str(path))
        _check(path, facts)
        return file.read(MOST_BYTES)


def remove(path: Path) -> None:
    """Remove what should not be in the cache folder, whatever it is, if that can be."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def add(folder: Path, name: str, content: bytes) -> None:
    """Keep a library."""
    _write(folder / f"{name}-{_checksum(content)}.so", content)


def keep(folder: Path, name: str, content: bytes) -> None:
    """Keep a note, unless there is one of this name already."""
    with contextlib.suppress(FileExistsError):
        _write(folder / name, content, os.link)


def _write(path: Path, content: bytes, give_name: Callable[[str, Path], None] = os.replace) -> None:
    """Write what only the user may read and write, safely on disk before it has its name."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=SCRATCH)
    try:
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(handle)
        give_name(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def load(content: bytes, folder: Path) -> ctypes.CDLL:
    """Load a library from a copy of its own, which no write to any file can change, now or while it is used.

    Raises:
        OSError: it is no library, or none for this machine.
    """
    if not _complete(content):
        raise OSError("it is no library, or not all of one")
    with contextlib.suppress(OSError):  # some systems refuse it
        return _in_memory(content)
    with tempfile.TemporaryDirectory(dir=folder, prefix=SCRATCH) as private:
        copy = Path(private) / "native.so"
        copy.write_bytes(content)
        return ctypes.CDLL(str(copy))


def _in_memory(content: bytes) -> ctypes.CDLL:
    handle = os.memfd_create("mtkit-native", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with open(handle, "wb", closefd=False) as file:
        file.write(content)
    fcntl.fcntl(handle, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    # The handle stays open: of a name that it has met before, the loader does not look at the content again.
    return ctypes.CDLL(f"/proc/self/fd/{handle}")


def _complete(content: bytes) -> bool:
    """Whether all of an ELF file is there: the loader itself does not ask, and ends the process by a bus error."""
    if content[:4] != b"\x7fELF" or len(content) < 64:
        return False
    order, wide = "<" if content[5] == 1 else ">", content[4] == 2
    (table,) = struct.unpack_from(order + ("Q" if wide else "I"), content, 40 if wide else 32)
    size, count = struct.unpack_from(order + "HH", content, 58 if wide else 46)
    return bool(table) and table + size * count <= len(content)  # linkers put the table of sections last


def sweep(folder: Path) -> None:
    """Remove what was begun and never finished."""
    for path in folder.glob(f"{SCRATCH}*"):
        with contextlib.suppress(OSError):
            if time.time() - path.lstat().st_mtime > LEFT_SECONDS:
                remove(path)


def failure(folder: Path, key: str) -> str:
    """Why a compiler is not tried again yet, and what to do about it; "": it is."""
    path = folder / f"failed-{key}"
    try:
        noted = path.lstat().st_mtime
        if not 0 <= time.time() - noted < REMEMBERED_SECONDS:
            return ""
        said = read(path).decode(errors="replace")
    except (OSError, UnsafeCache):
        return ""
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(noted))
    return f"{one_line(said)} ({when}; it is tried again a day later, or now if you remove {path})"


def note_failure(folder: Path, key: str, reason: str) -> str:
    """Note that a compiler failed, and why; gives what `failure` will say."""
    with contextlib.suppress(OSError):
        if shutil.disk_usage(folder).free > MOST_BYTES:  # else it may have failed for want of space
            _write(folder / f"failed-{key}", one_line(reason).encode())
    return failure(folder, key) or reason


def one_line(text: str) -> str:
    """The last line of a text that has anything to say, for a message."""
    last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
    return reading.line(last)


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _check(path: Path, facts: os.stat_result) -> None:
    """Whether nobody but the user and the administrator can put something there, or lead there."""
    if facts.st_uid not in (0, os.geteuid()):
        raise UnsafeCache(f"{path} belongs to another user; set XDG_CACHE_HOME to a folder of your own")
    writers = facts.st_mode & WRITABLE
    if stat.S_ISLNK(facts.st_mode) or not writers:  # of a link only the owner counts
        return
    # Where a folder has the sticky bit, as /tmp has, others can add names but change none that is not theirs.
    sticky, own = facts.st_mode & stat.S_ISVTX, writers == stat.S_IWGRP and _private(facts.st_gid)
    if stat.S_ISDIR(facts.st_mode) and (sticky or own):
        return
    raise _writable(path)


def _writable(path: Path) -> UnsafeCache:
    return UnsafeCache(f"others can write {path}; take their leave (chmod go-w), or set XDG_CACHE_HOME")


def _private(group: int) -> bool:
    """Whether a group is the user's own, with nobody else in it: many systems give everybody such a one."""
    import grp
    import pwd

    try:
        found, user = grp.getgrgid(group), pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return False
    return found.gr_name == user and set(found.gr_mem) <= {user}
