"""Terms that clients have sent, each list under a name, for whoever sent it; on disk, where a folder is given.

Must not know HTTP, or what a term is for.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path

from mtkit import files, reading
from mtkit.errors import ConfigError, MtkitError
from mtkit.text.fold import fold
from mtkit.text.terms import Form, Glossary, Term

MOST = 1000  # lists of one client
LARGEST = 1 << 26  # bytes of a file
_ID = re.compile("[0-9a-f]{32}")


class Missing(MtkitError):
    """There is no such list, or it is somebody else's."""


@dataclass(frozen=True)
class Kept:
    """A list of terms.

    Attributes:
        owner: whose key it came with; "": with none.
        created: in ISO 8601.
        entries: terms, and what each becomes.
    """

    id: str
    owner: str
    name: str
    source: str
    target: str
    created: str
    entries: Sequence[tuple[str, str]]

    @cached_property
    def glossary(self) -> Glossary:
        """As search is given it."""
        terms = [Term((_form(term),), (_form(target),)) for term, target in self.entries]
        return Glossary(terms, (self.source, self.target))


class Glossaries:
    """Lists of terms.

    Args:
        folder: where they are kept, a file each; None: they end with the server.

    Raises:
        ConfigError: the folder cannot be made, or a file in it is none of these.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder, self._there = folder, dict[str, Kept]()
        if folder is None:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            paths = [path for path in sorted(folder.glob("*.json")) if _ID.fullmatch(path.stem)]
        except OSError as error:
            raise ConfigError(f"glossaries cannot be kept in {folder}: {error.strerror}") from None
        for path in paths:
            try:
                said = reading.read_json(path, LARGEST)
                one = Kept(**said | {"entries": [(str(term), str(target)) for term, target in said["entries"]]})
            except (reading.Unreadable, TypeError, KeyError, ValueError) as error:
                raise ConfigError(f"{path} is no glossary: {reading.line(str(error))}") from None
            self._there[one.id] = one

    def add(self, owner: str, name: str, languages: tuple[str, str], entries: Sequence[tuple[str, str]]) -> Kept:
        """Keep a list.

        Raises:
            ConfigError: the owner has too many.
        """
        if len(self.of(owner)) >= MOST:
            raise ConfigError(f"{MOST} glossaries are kept already: delete one first")
        created = datetime.now(timezone.utc).isoformat()
        one = Kept(secrets.token_hex(16), owner, name, *languages, created, entries)
        if self._folder:
            files.write_json(self._folder / f"{one.id}.json", asdict(one))
        self._there[one.id] = one
        return one

    def of(self, owner: str) -> list[Kept]:
        """Those of a client, the oldest first."""
        return sorted((one for one in self._there.values() if one.owner == owner), key=lambda one: one.created)

    def get(self, owner: str, name: str) -> Kept:
        """A list by its name.

        Raises:
            Missing: there is none.
        """
        one = self._there.get(name)
        if one is None or one.owner != owner:
            raise Missing("Not found. Reason: there is no such glossary")
        return one

    def delete(self, owner: str, name: str) -> None:
        """Delete a list.

        Raises:
            Missing: there is none.
        """
        one = self.get(owner, name)
        if self._folder:
            (self._folder / f"{one.id}.json").unlink(missing_ok=True)
        del self._there[one.id]


def _form(text: str) -> Form:
    return Form(" ".join(fold(text).split()))
