"""Compiled libraries in the user's cache folder: what is loaded runs as the user, so nobody else may have written it.

A library's name is made of what it was compiled from, by and for, and ends with the checksum of its content.
"""

import contextlib
import hashlib
import os
import stat
import time
from pathlib import Path

from mtkit.errors import MtkitError

WRITABLE = stat.S_IWGRP | stat.S_IWOTH
REMEMBERED_SECONDS = 3600.0  # for so long a compiler that took too long is not tried again


class UnsafeCache(MtkitError):
    """Somebody else could write what would be loaded."""


def folder() -> Path:
    """The cache folder, made if need be.

    Raises:
        OSError: it cannot be made.
        UnsafeCache: somebody else could write there.
    """
    home = os.environ.get("XDG_CACHE_HOME", "")
    path = (Path(home) if os.path.isabs(home) else Path.home() / ".cache") / "mtkit"
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    real = path.resolve(strict=True)  # what links lead to is what is looked at, and used
    for place in (real, *real.parents):
        _check(place, os.stat(place, follow_symlinks=False))
    return real


def find(folder: Path, name: str) -> Path | None:
    """The library of this name, whole; one that is damaged is removed.

    Raises:
        UnsafeCache: somebody else could have written it.
    """
    for path in sorted(folder.glob(f"{name}-*.so")):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(handle, "rb") as file:
            # Of the file that is open, whatever has its name by now.
            _check(path, os.fstat(handle))
            whole = _checksum(file.read()) == path.stem.rpartition("-")[2]
        if whole:
            return path
        path.unlink(missing_ok=True)
    return None


def add(folder: Path, name: str, made: Path) -> Path:
    """Move a library that was made in the cache folder to its name, safely on disk before it has it."""
    with made.open("rb+") as file:
        content = file.read()
        os.fsync(file.fileno())
    made.chmod(0o700)
    return made.rename(folder / f"{name}-{_checksum(content)}.so")


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _check(path: Path, facts: os.stat_result) -> None:
    """Whether nobody but the user and the administrator can put something there."""
    if stat.S_ISLNK(facts.st_mode) or facts.st_uid not in (0, os.geteuid()):
        raise UnsafeCache(f"{path} belongs to another user, or is a link; set XDG_CACHE_HOME to a folder of your own")
    writers = facts.st_mode & WRITABLE
    if writers == stat.S_IWGRP and _private(facts.st_gid):
        return
    # Where a folder has the sticky bit, as /tmp has, others can add names but change none that is not theirs.
    if writers and not (stat.S_ISDIR(facts.st_mode) and facts.st_mode & stat.S_ISVTX):
        raise UnsafeCache(f"others can write {path}; take their leave (chmod go-w), or set XDG_CACHE_HOME")


def _private(group: int) -> bool:
    """Whether a group is the user's own, with nobody else in it: many systems give everybody such a one."""
    import grp
    import pwd

    try:
        found, user = grp.getgrgid(group), pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return False
    return found.gr_name == user and set(found.gr_mem) <= {user}


def too_slow(folder: Path, key: str) -> bool:
    """Whether it is noted that a compiler took too long, not long ago."""
    with contextlib.suppress(OSError):
        return 0 <= time.time() - (folder / f"slow-{key}").stat().st_mtime < REMEMBERED_SECONDS
    return False


def note_slow(folder: Path, key: str) -> None:
    """Note that a compiler took too long."""
    with contextlib.suppress(OSError):
        (folder / f"slow-{key}").touch(mode=0o600)
