"""Files that were translated, each for an hour under a name that nobody guesses. Must not know HTTP."""

import asyncio
import re
import secrets
import tempfile
from pathlib import Path, PurePosixPath

from mtkit.server.batcher import Full

KEPT = 3600.0  # seconds
MOST = 1 << 30  # bytes of all of them
LONGEST = 100  # characters of a name
_ODD = re.compile(r"[^\w.-]+")


class Stored:
    """A temporary folder of files.

    Args:
        seconds: for which each is kept.
        most: bytes of all, at most.
    """

    def __init__(self, seconds: float = KEPT, most: int = MOST) -> None:
        self._seconds, self._most, self._size = seconds, most, 0
        self._folder = tempfile.TemporaryDirectory(prefix="mtkit-serve-")
        self._there: dict[str, int] = {}

    def keep(self, name: str, data: bytes) -> str:
        """Keep a file, within a running event loop, which deletes it; returns the name by which it is asked for.

        Raises:
            Full: there are too many.
        """
        if self._size + len(data) > self._most:
            raise Full("too many translated files wait to be fetched: ask again later")
        kept = f"{secrets.token_urlsafe(18)}.{bare(name)}"
        (Path(self._folder.name) / kept).write_bytes(data)
        self._there[kept] = len(data)
        self._size += len(data)
        asyncio.get_running_loop().call_later(self._seconds, self._forget, kept)
        return kept

    def path(self, kept: str) -> Path | None:
        """A file; None: there is none of this name, or not any more."""
        return Path(self._folder.name) / kept if kept in self._there else None

    def _forget(self, kept: str) -> None:
        self._size -= self._there.pop(kept)
        (Path(self._folder.name) / kept).unlink(missing_ok=True)

    def close(self) -> None:
        """Delete them all."""
        self._there.clear()
        self._folder.cleanup()


def bare(name: str) -> str:
    """A file's name as it may stand in an address and a folder: without folders and what is odd, and not too long."""
    return _ODD.sub("_", PurePosixPath(name.replace("\\", "/")).name)[-LONGEST:].lstrip(".") or "file"
