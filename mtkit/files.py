"""Writing that survives a crash, checksums, and the lock of a folder. Knows bytes and paths, not what they mean.

A file or folder appears under its name only when it is whole and on disk: temporary name, fsync, rename,
fsync of the parent.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from mtkit.errors import BundleError, RunError

CHECKSUMS = "checksums.json"
TEMPORARY = ".tmp-"  # what a crash leaves behind under this prefix is removed by `sweep`


def sha256(path: Path) -> str:
    """The sha256 of a file's bytes, in hex."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            total.update(block)
    return total.hexdigest()


def crc32(path: Path) -> str:
    """The CRC-32 of a file's bytes, in hex: finds damage at the speed of memory, and proves nothing against intent."""
    total = 0
    with path.open("rb") as file:
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
    """Write a whole file atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f"{TEMPORARY}{uuid.uuid4().hex[:8]}-{path.name}"
    try:
        with temporary.open("wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync(path.parent)


@contextlib.contextmanager
def as_os_error(path: Path) -> Iterator[None]:
    """Turn a library's own error of writing (a full disk, say) into the OSError that it stands for."""
    try:
        yield
    except OSError:
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

    A folder already there is set aside as NAME.old until the new one stands, so that at any moment one of
    the two is whole (`standing` finds it); on an error nothing is left behind.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.parent / f"{TEMPORARY}{uuid.uuid4().hex[:8]}-{folder.name}"
    temporary.mkdir()
    try:
        yield temporary
        for path in sorted(temporary.rglob("*")):
            sync(path)
        sync(temporary)
        old = folder.parent / f"{folder.name}.old"
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
            folder.rename(old)
        temporary.rename(folder)
        sync(folder.parent)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def standing(folder: Path) -> Path:
    """`folder`, or the one it was about to replace when a crash came between the two renames."""
    old = folder.parent / f"{folder.name}.old"
    return old if not folder.exists() and old.exists() else folder


def sweep(folder: Path) -> None:
    """Clear up after interrupted writes in a folder. Only for whoever holds its lock.

    What was not finished goes; what was set aside goes if its successor stands, and else comes back.
    """
    for path in folder.glob(f"{TEMPORARY}*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in folder.glob("*.old"):
        if (standing := path.with_suffix("")).exists():
            shutil.rmtree(path)
        else:
            path.rename(standing)


def seal(folder: Path) -> None:
    """Write checksums.json over every file of the folder but README.md."""
    names = sorted(path.name for path in folder.iterdir() if path.name not in (CHECKSUMS, "README.md"))
    (folder / CHECKSUMS).write_text(to_json({name: sha256(folder / name) for name in names}), encoding="utf-8")


def verify(folder: Path, what: str) -> None:
    """Check every file of a sealed folder.

    Raises:
        BundleError: naming the first file that is missing or changed.
    """
    try:
        sums = json.loads((folder / CHECKSUMS).read_text(encoding="utf-8"))
        items = list(sums.items())
    except FileNotFoundError:
        raise BundleError(f"{folder} is no {what}: it has no {CHECKSUMS}; give the folder that holds it") from None
    except (ValueError, AttributeError):
        raise BundleError(f"{folder / CHECKSUMS} is damaged: it is not a JSON table; copy the {what} again") from None
    for name, expected in items:
        path = folder / name
        if not path.is_file():
            raise BundleError(f"{path} is missing; the {what} is incomplete: copy it again, with all its files")
        if sha256(path) != expected:
            raise BundleError(f"{path} has changed: its sha256 is not the one in {CHECKSUMS}; copy the {what} again")


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
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield file
