"""Writing that survives a crash, checksums, and the lock of a folder. Knows bytes and paths, not what they mean.

A file or folder appears under its name only when it is whole and on disk: temporary name, fsync, rename,
fsync of the parent.
"""

import contextlib
import errno
import fcntl
import glob
import hashlib
import json
import os
import re
import shutil
import uuid
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from mtkit import reading
from mtkit.errors import BundleError, RunError

CHECKSUMS = "checksums.json"
TEMPORARY = ".tmp-"  # what a crash leaves behind under this prefix is removed by `sweep` and `publish`
ASIDE = ".old-"  # before the name of a folder while its successor takes its place
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
SHA256 = re.compile("[0-9a-f]{64}")


def sha256(path: Path) -> str:
    """The sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return _sum(file)


def _sum(file: IO[bytes]) -> str:
    total = hashlib.sha256()
    while block := file.read(1 << 20):
        total.update(block)
    return total.hexdigest()


def crc32(path: Path) -> str:
    """The CRC-32 of a file's bytes, in hex: finds damage at the speed of memory, and proves nothing against intent."""
    total = 0
    with reading.opened(path, 1 << 62) as file:
        while block := file.read(1 << 20):
            total = zlib.crc32(block, total)
    return f"{total:08x}"


def sync(path: Path) -> None:
    """Bring a file or folder to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write(path: Path, data: bytes | str) -> None:
    """Write a whole file atomically. What a killed process has left of the same file goes.

    Raises:
        OSError: with the name of the file, even where the system says none (a full disk).
    """
    with writing(path) as file:
        file.write(data.encode() if isinstance(data, str) else data)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """Give a file to write to, which takes the place of `path` when it is whole; on an error nothing is left behind.

    Raises:
        OSError: as of `write`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f"{TEMPORARY}{uuid.uuid4().hex[:8]}-{path.name}"
    try:
        with _alone(path.parent):
            _clear(path)
            file = temporary.open("wb")
            _flock(file.fileno(), fcntl.LOCK_EX)  # held as long as it is being written
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        ours = ("None", str(temporary), str(path.parent))
        if error.errno is None or str(error.filename) not in ours:  # it is of what is read meanwhile
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        temporary.unlink(missing_ok=True)
    sync(path.parent)


@contextlib.contextmanager
def as_os_error(path: Path) -> Iterator[None]:
    """Name the file in what the system says of writing it, also through a library's own error (a full disk, say)."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise
    except Exception as error:
        if found := re.search(r"os error (\d+)", str(error)):
            raise OSError(int(found[1]), os.strerror(int(found[1])), str(path)) from None
        raise


def write_json(path: Path, value: Any) -> None:
    """Write a value as readable JSON, atomically."""
    write(path, to_json(value))


def to_json(value: Any) -> str:
    """Readable JSON text with a line end."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


@contextlib.contextmanager
def publish(folder: Path) -> Iterator[Path]:
    """Give a temporary folder to fill; on success it takes the place of `folder`.

    A folder already there is set aside under a name of ours until the new one stands, so that at any moment one of
    the two is whole (`standing` finds it); on an error nothing is left behind. What a killed process has left of the
    same folder goes.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.parent / f"{TEMPORARY}{uuid.uuid4().hex[:8]}-{folder.name}"
    with _alone(folder.parent):
        _clear(folder)
        temporary.mkdir()
        handle = os.open(temporary, os.O_RDONLY)
        _flock(handle, fcntl.LOCK_EX)  # held as long as it is being filled
    try:
        with _named(folder):
            yield temporary
        shared = temporary.stat().st_mode & 0o666  # as the user wants files to be; safetensors makes its own private
        for path in sorted(temporary.rglob("*")):
            if path.is_file():
                path.chmod(shared)
            sync(path)
        sync(temporary)
        aside = _aside(folder)
        with _alone(folder.parent):
            if folder.exists():
                shutil.rmtree(aside, ignore_errors=True)
                folder.rename(aside)
            temporary.rename(folder)
            sync(folder.parent)
            shutil.rmtree(aside, ignore_errors=True)
    finally:
        os.close(handle)
        shutil.rmtree(temporary, ignore_errors=True)


def standing(folder: Path) -> Path:
    """`folder`, or the one it was about to replace when a crash came between the two renames."""
    if folder.exists():
        return folder
    # The second name is that of earlier versions.
    asides = (_aside(folder), folder.parent / f"{folder.name}.old")
    return next((aside for aside in asides if aside.exists()), folder)


def sweep(folder: Path) -> None:
    """Clear up after interrupted writes in a folder. Only for whoever holds its lock.

    What was not finished goes; what was set aside goes if its successor stands, and else comes back.
    """
    for path in folder.glob(f"{TEMPORARY}*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in folder.glob(f"{ASIDE}*"):
        if (standing := folder / path.name.removeprefix(ASIDE)).exists():
            shutil.rmtree(path)
        else:
            path.rename(standing)


def _aside(folder: Path) -> Path:
    return folder.parent / f"{ASIDE}{folder.name}"


@contextlib.contextmanager
def _named(folder: Path) -> Iterator[None]:
    """Say where there was no room, if whoever wrote into a folder does not."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno in NO_ROOM:
            raise OSError(error.errno, error.strerror, str(folder)) from None
        raise


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep others who publish into a folder waiting, for a moment."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        _flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _clear(path: Path) -> None:
    """Remove what processes that are gone have left of writing a file or folder. Only in `_alone`."""
    for left in path.parent.glob(f"{TEMPORARY}{'?' * 8}-{glob.escape(path.name)}"):
        if _abandoned(left):
            _remove(left)


def _remove(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def _abandoned(path: Path) -> bool:
    """Whether the process that filled a temporary file or folder has gone."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return _flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(handle)


def _flock(handle: int, how: int) -> bool:
    """Whether a lock was taken; some file systems know none."""
    try:
        fcntl.flock(handle, how)
    except OSError:
        return False
    return True


def seal(folder: Path) -> None:
    """Write checksums.json over every file of the folder but README.md."""
    names = sorted(path.name for path in folder.iterdir() if path.name not in (CHECKSUMS, "README.md"))
    (folder / CHECKSUMS).write_text(to_json({name: sha256(folder / name) for name in names}), encoding="utf-8")


@dataclass(frozen=True)
class Seal:
    """The checksums of a sealed folder; a file is looked at when it is asked for."""

    folder: Path
    what: str
    """What the folder is, in messages."""
    sums: Mapping[str, str]
    """Name -> sha256."""

    @classmethod
    def of(cls, folder: Path, what: str) -> "Seal":
        """Read the checksums of a folder.

        Raises:
            BundleError: there are none, or it is not they that stand there.
        """
        path = folder / CHECKSUMS
        try:
            sums = reading.read_json(path)
        except FileNotFoundError:
            raise BundleError(f"{folder} is no {what}: it has no {CHECKSUMS}; give the folder that holds it") from None
        except reading.Unreadable as error:
            raise BundleError(f"{path} is damaged: {error}; copy the {what} again") from None
        if not isinstance(sums, dict):
            raise BundleError(f"{path} is damaged: it is not a JSON table; copy the {what} again")
        for name, value in sums.items():
            if not reading.plain(name):
                raise BundleError(
                    f"{path} is damaged: {reading.shown(name)} is no name of a file; copy the {what} again"
                )
            if not isinstance(value, str) or not SHA256.fullmatch(value):
                raise BundleError(
                    f"{path}, {name}: found {reading.shown(value)}, expected a sha256 of 64 hex digits; "
                    f"copy the {what} again"
                )
        return cls(folder, what, sums)

    def check(self, name: str, limit: int) -> Path:
        """The path of a file that is there, is no larger than `limit` bytes, and has not changed.

        Raises:
            BundleError: says which of these it is.
        """
        try:
            path = reading.member(self.folder, name)
            if name not in self.sums:
                raise BundleError(f"{self.folder / CHECKSUMS} does not name {name}; copy the {self.what} again")
            with reading.opened(path, limit) as file:
                found = _sum(file)
        except FileNotFoundError:
            path = self.folder / name
            raise BundleError(
                f"{path} is missing; the {self.what} is incomplete: copy it again, with all its files"
            ) from None
        except (reading.Unreadable, OSError) as error:
            raise BundleError(f"{reading.line(str(error))}; copy the {self.what} again") from None
        if found != self.sums[name]:
            raise BundleError(
                f"{path} has changed: its sha256 is not the one in {CHECKSUMS}; copy the {self.what} again"
            )
        return path


def verify(folder: Path, what: str, limit: int = 1 << 62) -> None:
    """Check every file of a sealed folder.

    Args:
        limit: bytes that none of them has more of.

    Raises:
        BundleError: naming the first file that is missing or changed.
    """
    seal = Seal.of(folder, what)
    for name in seal.sums:
        seal.check(name, limit)


@contextlib.contextmanager
def lock(folder: Path, wait: bool = False) -> Iterator[IO[str]]:
    """Keep other processes out of a folder. The kernel lets go of the lock when the process ends, however it ends.

    Args:
        wait: until another process lets go of it, instead of failing.

    Raises:
        RunError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            file.seek(0)
            raise RunError(
                f"{folder} is in use by process {file.read().strip() or '(unknown)'}; "
                "wait for it, or give this run another name"
            ) from None
        with as_os_error(folder / "lock"):
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
        yield file
