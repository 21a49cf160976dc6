"""Reading a config: files of TOML, `--set` overrides, recipes, and what differs between two configs.

Must not know torch. All errors of a config are reported at once, each unknown key with the nearest valid one.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from mtkit import registry
from mtkit.errors import ConfigError
from mtkit.schema import Config, Decode

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RECIPES = Path(__file__).parent / "recipes"
BUNDLED = "mtkit:"  # a path with this prefix names the text that comes with mtkit


class Loaded(BaseModel):
    """A config with where it came from."""

    config: Config
    folder: Path
    """What its relative paths start at."""
    origin: str
    """What to tell the user: a file or a recipe."""

    def path(self, name: str) -> Path:
        """The place of a path of the config; `mtkit:NAME` is the bundled text."""
        return bundled(name.removeprefix(BUNDLED)) if name.startswith(BUNDLED) else self.folder / name

    @property
    def run_folder(self) -> Path:
        return self.folder / "runs" / self.config.run_name


def bundled(name: str) -> Path:
    """The place of bundled text: inside the package when installed, beside it in a checkout."""
    package = Path(__file__).parent
    inside = package / "data"
    return (inside if inside.is_dir() else package.parent / "data") / name


def recipes() -> list[str]:
    """Names of the built-in recipes."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def load(where: str | None = None, overrides: list[str] | None = None) -> Loaded:
    """Read a config: a file, a recipe's name, or, with None, `mtkit.toml` here or else the recipe `demo`.

    Raises:
        ConfigError: listing every error found.
    """
    here = Path.cwd()
    if where is None:
        path = here / "mtkit.toml"
        origin, folder = "mtkit.toml", here
        if not path.is_file():
            path, origin = RECIPES / "demo.toml", "built-in recipe demo (there is no mtkit.toml here)"
    elif Path(where).is_file():
        path, origin, folder = Path(where), where, Path(where).resolve().parent
    elif where in recipes():
        path, origin, folder = RECIPES / f"{where}.toml", f"built-in recipe {where}", here
    else:
        names = recipes()
        raise ConfigError(
            f"config {where!r} is neither a file nor a recipe{registry.nearest(where, names)} "
            f"(recipes: {', '.join(names)})"
        )
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{origin} is not valid TOML: {error}") from None
    for override in overrides or []:
        _set(table, override)
    return Loaded(config=parse(table, origin), folder=folder, origin=origin)


def parse(table: dict[str, Any], origin: str) -> Config:
    """Check a table of plain values.

    Raises:
        ConfigError: listing every error found, one a line.
    """
    try:
        return Config.model_validate(table)
    except ValidationError as error:
        lines = [_explain(dict(item)) for item in error.errors()]
        raise ConfigError(f"{origin}: " + "\n  ".join(lines)) from None


def parse_decode(overrides: list[str]) -> Decode:
    """The [decode] settings of `--set` alone, for a model that needs no config.

    Raises:
        ConfigError: a key of another section, or a wrong value.
    """
    table: dict[str, Any] = {}
    for override in overrides:
        _set(table, override)
    if other := [key for key in table if key != "decode"]:
        raise ConfigError(f"--set {other[0]}…: with --model and no --config, only decode.KEY=VALUE has an effect")
    needed = {"data": {"source_lang": "source", "target_lang": "target", "train": "none"}}
    return parse(table | needed, "--set").decode


def digest(*parts: Any) -> str:
    """Eight hex digits over plain values, for folder names."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def differences(old: Config, new: Config) -> dict[str, tuple[Any, Any]]:
    """Dotted key -> (old value, new value), of all keys that differ."""
    before, after = _flat(old.model_dump()), _flat(new.model_dump())
    return {key: (before[key], after[key]) for key in after if before[key] != after[key]}


def _flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat


def _set(table: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set takes KEY=VALUE, e.g. model.encoder.cell=lstm; got {override!r}")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *parents, last = key.strip().split(".")
    for parent in parents:
        table = table.setdefault(parent, {})
        if not isinstance(table, dict):
            raise ConfigError(f"--set {override}: {parent} is a value, not a table")
    table[last] = value


def _explain(error: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"])
    kind, got = error["type"], error["input"]
    if kind == "extra_forbidden":
        section: Any = Config
        for part in error["loc"][:-1]:
            section = section.model_fields[part].annotation
        keys = list(section.model_fields)
        return f"unknown key {where}{registry.nearest(str(error['loc'][-1]), keys)} (keys here: {', '.join(keys)})"
    if kind == "missing":
        return f"{where} is required but missing"
    message = str(error["msg"]).removeprefix("Value error, ")
    if kind == "value_error":
        return f"{where}: {message}" if where else message
    return f"{where} = {json.dumps(got, ensure_ascii=False, default=str)}: {message[0].lower()}{message[1:]}"
