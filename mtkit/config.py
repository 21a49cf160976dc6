"""Reading a config: files of TOML, `--set` overrides, recipes, and what differs between two configs.

Must not know torch. All errors of a config are reported at once, each unknown key with the nearest valid one.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any, get_args

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

    Where an override names another kind of encoder or decoder, keys of the file that this kind does not have are left
    out; the overrides' own are an error.

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
    _override(table, overrides or [])
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
    _override(table, overrides)
    if other := [key for key in table if key != "decode"]:
        raise ConfigError(f"--set {other[0]}…: with --model and no --config, only decode.KEY=VALUE has an effect")
    needed = {"data": {"source_lang": "source", "target_lang": "target", "train": "none"}}
    return parse(table | needed, "--set").decode


def digest(*parts: Any) -> str:
    """Eight hex digits over plain values, for folder names."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def differences(old: Config, new: Config) -> dict[str, tuple[Any, Any]]:
    """Dotted key -> (old value, new value), of all keys that differ; None: that config has no such key.

    Only one of them has a key where they differ in a table's kind (`model.encoder.name`, say).
    """
    before, after = _flat(old.model_dump()), _flat(new.model_dump())
    pairs = {key: (before.get(key), after.get(key)) for key in before | after}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def _flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat


def _override(table: dict[str, Any], overrides: list[str]) -> None:
    """Set what `--set` says; first, so that no override is lost, leave out what belongs to kinds no longer wanted."""
    read = [_read(override) for override in overrides]
    for (*parents, last), value in read:
        if last == "name" and isinstance(value, str):
            _change_kind(table, parents, value)
    for override, ((*parents, last), value) in zip(overrides, read, strict=True):
        inner = table
        for parent in parents:
            inner = inner.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise ConfigError(f"--set {override}: {parent} is a value, not a table")
        inner[last] = value


def _read(override: str) -> tuple[list[str], Any]:
    """The parts of the dotted key, and the value, of KEY=VALUE."""
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set takes KEY=VALUE, e.g. model.encoder.cell=lstm; got {override!r}")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    return key.strip().split("."), value


def _change_kind(table: Any, keys: list[str], kind: str) -> None:
    """Leave out what other kinds of the table at `keys` have, and this one has not."""
    _, _, kinds = _place(tuple(keys))
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    if kind in kinds and isinstance(table, dict):
        for key in {key for other in kinds.values() for key in other.model_fields} - set(kinds[kind].model_fields):
            table.pop(key, None)


def _explain(error: dict[str, Any]) -> str:
    """One error of pydantic in the words of the config: keys as the user writes them, and the way out."""
    loc, kind, got = error["loc"], error["type"], error["input"]
    where, table, kinds = _place(loc[:-1] if kind == "extra_forbidden" else loc)
    message = str(error["msg"]).removeprefix("Value error, ")
    match kind:
        case "extra_forbidden":
            return _unknown_key(where, str(loc[-1]), table, kinds)
        case "missing":
            return f"{where} is required but missing"
        case "union_tag_invalid":
            name = error["ctx"]["tag"]
            return f"{where}.name = {_shown(name)}: expected {' or '.join(kinds)}{registry.nearest(name, list(kinds))}"
        case "model_type" | "model_attributes_type" | "union_tag_not_found" if not isinstance(got, dict):
            hint = f"; did you mean {where}.name = {_shown(got)}?" if got in list(kinds) else ""
            return f"{where} = {_shown(got)}: expected a table of keys{hint}"
        case "value_error":
            return f"{where}: {message}" if where else message
    return f"{where} = {_shown(got)}: {message[0].lower()}{message[1:]}"


def _unknown_key(where: str, key: str, table: Any, kinds: dict[str, Any]) -> str:
    full = f"{where}.{key}" if where else key
    keys = list(getattr(table, "model_fields", {}))
    if others := [name for name, other in kinds.items() if key in other.model_fields]:
        own = next(name for name, other in kinds.items() if other is table)
        return (
            f"{full} is a key of the {others[0]} {where.rpartition('.')[2]}, and this one is {own}: "
            f"leave it out, or set {where}.name = {_shown(others[0])}"
        )
    return f"unknown key {full}{registry.nearest(key, keys)} (keys here: {', '.join(keys)})"


def _place(loc: tuple[str | int, ...]) -> tuple[str, Any, dict[str, Any]]:
    """What pydantic's path to a value stands for.

    Returns:
        The dotted key as the user writes it, the type found there, and, where that is one of several tables that go
        by their name, all of them: name -> table.
    """
    where = ""
    here: Any = Config
    kinds: dict[str, Any] = {}
    for part in loc:
        if isinstance(part, int):
            where, here, kinds = f"{where}[{part}]", next(iter(get_args(here)), None), {}
        elif field := getattr(here, "model_fields", {}).get(part):
            where, here, kinds = f"{where}.{part}".lstrip("."), field.annotation, _kinds(field.annotation)
        else:  # pydantic's word for which type of a union it read; the user wrote none
            here = kinds.get(part)
    return where, here, kinds


def _kinds(annotation: Any) -> dict[str, Any]:
    """The tables of a union that goes by name: name -> table; of anything else none."""
    tables = [table for table in get_args(annotation) if "name" in getattr(table, "model_fields", {})]
    return {name: table for table in tables for name in get_args(table.model_fields["name"].annotation)}


def _shown(value: Any) -> str:
    """A value about as TOML has it."""
    return json.dumps(value, ensure_ascii=False, default=str)
