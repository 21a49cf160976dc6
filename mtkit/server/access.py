"""Who may ask, and how often. Keys lie in a file as hashes, each with its limits. Must not know HTTP.

The file is TOML, a table a key, by the name of whose it is:

    [weblate]
    sha256 = "..."      # of the key
    per_minute = 600    # requests; left out: as for those without a key
    characters = 5000   # of a request
"""

import hashlib
import os
import re
import secrets
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtkit import files, reading
from mtkit.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

REMEMBERED = 100_000  # clients whose requests are counted; whoever has not come for longest is forgotten
MINUTE = 60.0
LARGEST = 1 << 20  # bytes of a file of keys
_NAME = re.compile("[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Limits:
    """What a client may do.

    Attributes:
        per_minute: requests; 0: any.
        characters: of a request; 0: any.
    """

    per_minute: int = 0
    characters: int = 0


@dataclass(frozen=True)
class Client:
    """Whoever asks.

    Attributes:
        name: whose key it is, or the address.
        has_key: whether there is a key.
    """

    name: str
    limits: Limits
    has_key: bool


class Refused(Exception):
    """A key that is missing or wrong."""


class Slower(Exception):
    """More requests than a client may make.

    Attributes:
        seconds: after which the next one may come.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"too many requests: the next one in {seconds:.0f} s")
        self.seconds = seconds


class Access:
    """Keys and limits.

    Args:
        keys: a file; None: there are none.
        required: whether nobody may translate without.
        limits: of whoever has no key.

    Raises:
        ConfigError: the file is missing, or something in it is wrong.
    """

    def __init__(self, keys: Path | None = None, required: bool = False, limits: Limits | None = None) -> None:
        self.limits, self.required = limits or Limits(), required
        self._of = _read(keys, self.limits) if keys else {}
        self._rooms: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Client -> how many requests it may make at once, and when that was."""
        self._one_at_a_time = threading.Lock()

    @property
    def has_keys(self) -> bool:
        """Whether any key is known."""
        return bool(self._of)

    def client(self, key: str, address: str) -> Client:
        """Whoever comes with a key ("": with none) from an address.

        Raises:
            Refused: a key is wanted, or it is wrong.
        """
        if key and self._of:  # clients that cannot do without a key send any
            digest = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
            for known, client in self._of.items():
                if secrets.compare_digest(known, digest):
                    return client
            raise Refused("Invalid API key")
        if self.required:
            raise Refused("Please contact the server operator to get an API key")
        return Client(address, self.limits, False)

    def count(self, client: Client) -> None:
        """Note a request.

        Raises:
            Slower: it comes too early.
        """
        most = client.limits.per_minute
        if not most:
            return
        with self._one_at_a_time:
            now = time.monotonic()
            name = f"{client.has_key}{client.name}"
            room, at = self._rooms.pop(name, (float(most), now))
            room = min(float(most), room + (now - at) * most / MINUTE)
            self._rooms[name] = (max(room - 1, room if room < 1 else 0.0), now)
            while len(self._rooms) > REMEMBERED:
                self._rooms.popitem(last=False)
        if room < 1:
            raise Slower((1 - room) * MINUTE / most)


def _read(path: Path, others: Limits) -> dict[str, Client]:
    try:
        text = reading.read_bytes(path, LARGEST).decode("utf-8-sig")
        tables = tomllib.loads(text)
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist; expected a file of keys", remedy="keys") from None
    except (reading.Unreadable, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is no file of keys: {reading.line(str(error))}") from None
    return dict(_client(path, name, table, others) for name, table in tables.items())


def _client(path: Path, name: str, table: Any, others: Limits) -> tuple[str, Client]:
    if not isinstance(table, Mapping):
        raise ConfigError(f'{path}: {name} = {str(table)[:40]!r}, expected a table [{name}] with sha256 = "..."')
    digest = table.get("sha256")
    if not isinstance(digest, str) or len(digest) != 64 or set(digest.lower()) - set("0123456789abcdef"):
        raise ConfigError(f"{path}: {name}.sha256 = {str(digest)[:70]!r}, expected 64 hex digits of a key's sha256")
    if unknown := sorted(set(table) - {"sha256", "per_minute", "characters"}):
        raise ConfigError(f"{path}: {name}.{unknown[0]} is unknown; expected sha256, per_minute or characters")
    numbers = {}
    for key, default in (("per_minute", others.per_minute), ("characters", others.characters)):
        value = table.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ConfigError(f"{path}: {name}.{key} = {str(value)[:40]!r}, expected a whole number, 0 for any")
        numbers[key] = value
    return digest.lower(), Client(name, Limits(**numbers), True)


def add_key(name: str, path: Path) -> str:
    """Add a key to a file, which is made where there is none, and readable to its owner alone.

    Returns:
        The key, of which the file keeps the hash only.

    Raises:
        ConfigError: the name is none for a table, or is taken; or the file is wrong.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no name for a key: take letters, digits, - and _")
    text = ""
    if path.exists():
        _read(path, Limits())
        text = reading.read_bytes(path, LARGEST).decode("utf-8-sig")
        if name in tomllib.loads(text):
            raise ConfigError(f"{path} has a key for {name} already: delete its table first, or take another name")
    key = secrets.token_urlsafe(24)
    digest = hashlib.sha256(key.encode()).hexdigest()
    gap = "\n" if text and not text.endswith("\n\n") else ""
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    with files.writing(path) as file:
        os.fchmod(file.fileno(), mode)
        file.write(f'{text}{gap}[{name}]\nsha256 = "{digest}"\n'.encode())
    return key
