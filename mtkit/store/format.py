"""What a file on disk is, and of which version: two things, said by its keys "kind" and "format_version".

Must not know what any of the files hold. A version goes up when this mtkit's predecessor could not read what it writes;
an older one is read as long as `oldest` says so, a newer one is refused by name and never taken for damage.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtkit import reading
from mtkit.errors import BundleError, MtkitError
from mtkit.version import __version__

KIND, VERSION, WRITER = "kind", "format_version", "mtkit_version"


@dataclass(frozen=True)
class Format:
    """A kind of file, and the versions of it that this mtkit reads."""

    kind: str
    """What it is, in messages, and in the file unless `kinds` says otherwise: "bundle", "corpus"."""
    version: int
    """What is written, and the newest that is read."""
    oldest: int = 1
    """The oldest that is read."""
    kinds: tuple[str, ...] = ()
    """What the file may say that it is; (): the kind."""
    error: type[MtkitError] = BundleError
    """What is raised where it is something else."""

    def head(self, kind: str = "") -> dict[str, Any]:
        """The keys that say what a file is, to be written first."""
        return {KIND: kind or self.kind, VERSION: self.version, WRITER: __version__}

    def check(self, table: Any, where: Path | str, unversioned: int | None = None) -> int:
        """The version of what was read from a file.

        Args:
            table: what the file says; files older than kinds say none.
            unversioned: the version of a file that says none; None: every one says it.

        Raises:
            MtkitError: of the class `error`: it is another kind of file, of a version that is not read, or no table.
        """
        if not isinstance(table, Mapping):
            raise self.error(f"{where} is damaged: it holds no JSON table, as a {self.kind} does; copy it again")
        kind, version = table.get(KIND), table.get(VERSION, unversioned)
        shown = reading.shown(version)
        if not isinstance(version, int) or isinstance(version, bool):
            raise self.error(f"{where} is no {self.kind}: its {VERSION} is {shown}, expected a number; copy it again")
        if kind is not None and kind not in (self.kinds or (self.kind,)):
            raise self.error(
                f"{where} is a {reading.shown(kind)} of format {shown}; expected a {self.kind} of format "
                f"{self._readable}: give another, or {self._advice(table)}"
            )
        if not self.oldest <= version <= self.version:
            raise self.error(
                f"{where} is of {self.kind} format {shown}, this mtkit ({__version__}) reads {self._readable}; "
                f"{self._advice(table)}"
            )
        return version

    @property
    def _readable(self) -> str:
        return f"{self.oldest} to {self.version}" if self.oldest < self.version else str(self.version)

    def _advice(self, table: Mapping[str, Any]) -> str:
        writer = table.get(WRITER)
        return f"use the mtkit that wrote it{f', {reading.line(writer, 60)}' if isinstance(writer, str) else ''}"
