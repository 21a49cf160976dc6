"""Keys, which are kept as hashes, and limits."""

import hashlib
from pathlib import Path

import pytest

from mtkit.errors import ConfigError
from mtkit.server import access as under_test
from mtkit.server.access import Access, Limits, Refused, Slower, add_key


def test_a_key_is_shown_once_and_its_hash_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    key = add_key("weblate", file)
    assert file.stat().st_mode & 0o777 == 0o600
    text = file.read_text()
    assert key not in text
    assert hashlib.sha256(key.encode()).hexdigest() in text
    file.write_text(text + "per_minute = 3\n")
    other = add_key("other", file)
    access = Access(file, limits=Limits(7, 8))
    assert access.client(key, "192.0.2.1").limits == Limits(3, 8)
    assert (access.client(key, "").name, access.client(other, "").name) == ("weblate", "other")
    assert access.client("", "192.0.2.1").name == "192.0.2.1"
    for wrong in (key[:-1], "half \ud83d", other + " "):
        with pytest.raises(Refused, match="Invalid API key"):
            access.client(wrong, "")
    with pytest.raises(Refused, match="get an API key"):
        Access(file, required=True).client("", "192.0.2.1")


DIGEST = "0" * 64


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[a]\nsha256 = 'short'\n", "64 hex digits"),
        (f"[a]\nsha256 = '{'g' * 64}'\n", "64 hex digits"),
        ("a = 1\n", "expected a table"),
        (f"[a]\nsha256 = '{DIGEST}'\nper_minutes = 3\n", "a.per_minutes is unknown"),
        (f"[a]\nsha256 = '{DIGEST}'\nper_minute = -1\n", "expected a whole number"),
        (f"[a]\nsha256 = '{DIGEST}'\ncharacters = true\n", "expected a whole number"),
        ("[a\n", "is no file of keys"),
        ("\ufeff[a]\nsha256 = 1\n", "64 hex digits"),
    ],
)
def test_files_of_keys_that_are_wrong(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "keys.toml").write_text(text)
    with pytest.raises(ConfigError, match=why):
        Access(tmp_path / "keys.toml")


def test_names_that_are_none_or_taken(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        Access(tmp_path / "keys.toml")
    for name in ("", "a.b", "a b", "x" * 65, "]"):
        with pytest.raises(ConfigError, match="no name for a key"):
            add_key(name, tmp_path / "keys.toml")
    add_key("a", tmp_path / "keys.toml")
    with pytest.raises(ConfigError, match="has a key for a already"):
        add_key("a", tmp_path / "keys.toml")


def test_a_rate_fills_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("mtkit.server.access.time.monotonic", lambda: now)
    access = Access(limits=Limits(per_minute=6))
    client = access.client("", "192.0.2.1")
    for _ in range(6):
        access.count(client)
    with pytest.raises(Slower) as slower:
        access.count(client)
    assert slower.value.seconds == pytest.approx(10)
    now += 10
    access.count(client)
    with pytest.raises(Slower):
        access.count(client)
    now += 1000  # no more than a minute's is saved up
    for _ in range(6):
        access.count(client)
    with pytest.raises(Slower):
        access.count(client)


def test_who_came_long_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "REMEMBERED", 3)
    access = Access(limits=Limits(per_minute=1))
    for number in range(50):
        access.count(access.client("", f"192.0.2.{number}"))
    assert len(access._rooms) == 3
