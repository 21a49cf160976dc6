"""Reading a config: files of TOML, `--set` overrides, recipes, and what differs between two configs.

Must not know torch. All errors of a config are reported at once, each unknown key with the nearest valid one.
"""

import codecs
import hashlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from mtkit import plugins, registry
from mtkit.errors import ConfigError
from mtkit.explaining import explain, explained, place, shown, tables
from mtkit.schema import Config, Decode, Section, effects
from mtkit.schema.kinds import UNKNOWN

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Part = TypeVar("Part", bound=Section)
RECIPES, STDIN = Path(__file__).parent / "recipes", Path("-")
LONGEST = 1 << 20  # bytes of a file
DEMO = "demo"  # the recipe that is taken where nothing was said, and its run
BUNDLED = "mtkit:"  # a path with this prefix names the text that comes with mtkit


class Loaded(BaseModel):
    """A config with where it came from."""

    config: Config
    folder: Path
    """What its relative paths start at."""
    origin: str
    """What to tell the user: a file or a recipe."""

    def path(self, name: str) -> Path:
        """The place of a path of the config; `mtkit:NAME` is the bundled text, ~ the home folder.

        Raises:
            ConfigError: there is no such home folder, or it cannot be a path.
        """
        if name.startswith(BUNDLED):
            return bundled(name.removeprefix(BUNDLED))
        if "\0" in name:
            raise ConfigError(f"{name!r} is no path: it has a NUL inside; write it anew")
        return self.folder / at_home(Path(name))

    @property
    def run_folder(self) -> Path:
        return self.folder / "runs" / self.config.run_name


def bundled(name: str) -> Path:
    """The place of bundled text: inside the package when installed, beside it in a checkout."""
    package = Path(__file__).parent
    inside = package / "data"
    return (inside if inside.is_dir() else package.parent / "data") / name


def at_home(path: Path) -> Path:
    """A path with the home folder in the place of the ~ or ~USER that it may begin with.

    Raises:
        ConfigError: there is no such home folder, nor anything of this name.
    """
    if not str(path).startswith("~"):
        return path
    found = Path(os.path.expanduser(path))
    if found == path and not os.path.lexists(path):
        raise ConfigError(f"{path}: there is no home folder {path.parts[0]}; write the path out, or with ./ before it")
    return found


def recipes() -> list[str]:
    """Names of the built-in recipes."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def load(where: str | None = None, overrides: list[str] | None = None) -> Loaded:
    """Read a config: a file, a recipe's name, or, with None, `mtkit.toml` here or else the recipe `demo`.

    Where an override names another kind of encoder or decoder, keys of the file that this kind does not have are left
    out, and where one leaves keys of the file without effect, that is no error; of the overrides' own keys it is.

    Raises:
        ConfigError: listing every error found.
    """
    path, origin, folder = _find(where)
    return made(read_toml(path, origin), overrides or [], origin, folder)


def made(table: dict[str, Any], overrides: list[str], origin: str, folder: Path) -> Loaded:
    """A config of plain values, which overrides change; see `load`."""
    if not overrides:
        return Loaded(config=parse(table, origin), folder=folder, origin=origin)
    before = _dead_before(table)
    _override(table, overrides)
    config = parse(table, f"{origin} with what was set", whole=True)
    if dead := effects.without(config):
        own = {".".join(_read(override)[0]) for override in overrides} | before
        mine = {key: why for key, why in dead.items() if any(key == one or key.startswith(f"{one}.") for one in own)}
        _refuse(config, mine, origin)
    return Loaded(config=config, folder=folder, origin=origin)


def _find(where: str | None) -> tuple[Path, str, Path]:
    """The file of a config, what to call it, and what its relative paths start at."""
    here, names = Path.cwd(), recipes()
    if where is None and not os.path.lexists(here / "mtkit.toml"):
        return RECIPES / f"{DEMO}.toml", f"built-in recipe {DEMO} (there is no mtkit.toml here)", here
    origin = "mtkit.toml" if where is None else where
    if origin == "-":
        return STDIN, "stdin", here
    path = at_home(Path(origin)) if where else here / origin
    if path.is_file():
        return path, origin, here if where is None else path.resolve().parent
    if where in names:
        return RECIPES / f"{where}.toml", f"built-in recipe {where}", here
    if path.is_dir():
        inside = f"; did you mean {origin.rstrip('/')}/mtkit.toml?" if (path / "mtkit.toml").is_file() else ""
        raise ConfigError(f"config {origin!r} is a folder, expected a file of TOML or a recipe{inside}")
    if path.exists():
        return path, origin, here  # a pipe lies nowhere
    if where is None:
        raise ConfigError("mtkit.toml is a link to what does not exist: mend it, or take it away")
    raise ConfigError(
        f"config {where!r} is neither a file nor a recipe{registry.nearest(where, names)} (recipes: {', '.join(names)})"
    )


def read_toml(path: Path, origin: str) -> dict[str, Any]:
    """A file's TOML.

    Raises:
        ConfigError: it is none, or not UTF-8.
    """
    if path != STDIN:
        with path.open("rb") as file:
            data = file.read(LONGEST + 1)
    elif sys.stdin is None:
        raise ConfigError("stdin is closed: there is no config to read")
    else:
        data = sys.stdin.buffer.read(LONGEST + 1)
    if len(data) > LONGEST:  # a device never ends
        raise ConfigError(f"{origin} has more than {LONGEST:,} bytes, which no config has; expected a file of TOML")
    data = data.removeprefix(codecs.BOM_UTF8)  # as editors of Windows write it
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in data[:100]:
        raise ConfigError(f"{origin} is in UTF-16, or no text; expected UTF-8: save it so, or convert it with iconv")
    try:
        return tomllib.loads(data.decode())
    except RecursionError:
        raise ConfigError(f"{origin} is not valid TOML: it is nested too deeply") from None
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"{origin}, line {line}: 0x{data[error.start]:02x} is not UTF-8; save it as UTF-8, or convert it with iconv"
        ) from None
    except ValueError as error:  # of a number with thousands of digits, too
        raise ConfigError(f"{origin} is not valid TOML: {error}") from None


def parse(table: dict[str, Any], origin: str, *, whole: bool = False) -> Config:
    """Check a table of plain values.

    Args:
        whole: it is a config that was written with every key, so that some of them may have no effect.

    Raises:
        ConfigError: listing every error found, one a line.
    """
    plugins.load_installed()
    try:
        config = Config.model_validate(table)
    except ValidationError as error:
        raise ConfigError(explained(error, table, origin)) from None
    if not whole:
        _refuse(config, effects.without(config), origin)
    return config


def parse_part(part: type[Part], table: dict[str, Any], origin: str) -> Part:
    """A table of a bundle, [model] or [decode], with every key.

    Raises:
        ConfigError: listing every error found; of a choice that is not here, too, that a plug-in may be missing.
    """
    try:
        return part.model_validate(table)
    except ValidationError as error:
        text = explained(error, table, origin, part).replace("\n  ", "; ")
        if any(item["type"] == UNKNOWN or item["msg"].startswith("Value error, unknown ") for item in error.errors()):
            text += "; if a plug-in brought it, install or load that plug-in here, too"
        raise ConfigError(text) from None


def _refuse(config: Config, dead: dict[str, str], origin: str) -> None:
    if dead:
        lines = (f"{key} = {shown(effects.value(config, key))} has no effect {why}" for key, why in dead.items())
        raise ConfigError(f"{origin}: " + "\n  ".join(lines))


def _dead_before(table: dict[str, Any]) -> set[str]:
    """Keys of a file that have no effect whatever is set besides."""
    try:
        return set(effects.without(Config.model_validate(table)))
    except ValidationError:  # it cannot stand by itself
        return set()


def decode_with(base: Decode, changes: Mapping[str, object]) -> Decode:
    """Settings of search with some of them changed.

    Raises:
        ConfigError: a wrong value, or no such setting; names the nearest one.
    """
    if not changes:
        return base
    try:
        return type(base).model_validate(base.model_dump() | dict(changes))
    except ValidationError as error:
        errors = [dict(item) | {"loc": ("decode", *item["loc"])} for item in error.errors()]
        found = [explain(item, {"decode": dict(changes)}, Config) for item in errors]
        raise ConfigError("\n  ".join(found)) from None


def parse_decode(overrides: list[str], origin: str) -> Decode:
    """The [decode] settings of KEY=VALUE lines alone, for a model that needs no config.

    Args:
        origin: what messages call them.

    Raises:
        ConfigError: a key of another section, or a wrong value.
    """
    table: dict[str, Any] = {}
    _override(table, overrides)
    if other := [key for key in table if key != "decode"]:
        raise ConfigError(
            f"{other[0]}…: of a model without a config, only decode.KEY=VALUE has an effect", remedy="set"
        )
    needed = {"data": {"source_lang": "source", "target_lang": "target", "train": "none"}}
    return parse(table | needed, origin).decode


def digest(*parts: Any) -> str:
    """Eight hex digits over plain values, for folder names."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:8]


def differences(old: Config, new: Config) -> dict[str, tuple[Any, Any]]:
    """Dotted key -> (old value, new value), of all keys that differ; None: that config has no such key.

    Only one of them has a key where they differ in a table's kind (`model.encoder.name`, say).
    """
    before, after = flat(old.model_dump()), flat(new.model_dump())
    return {key: (a, b) for key in before | after if (a := before.get(key)) != (b := after.get(key))}


def flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted key -> value, of all keys of a table."""
    found = dict[str, Any]()
    for key, value in table.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return found


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
                raise ConfigError(f"{override}: {parent} is a value, not a table", remedy="set")
        inner[last] = value


def _read(override: str) -> tuple[list[str], Any]:
    """The parts of the dotted key, and the value, of KEY=VALUE."""
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"expected KEY=VALUE, e.g. model.encoder.cell=lstm; got {shown(override)}", remedy="set")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        value = text
    return key.strip().split("."), value


def _change_kind(table: Any, keys: list[str], name: str) -> None:
    """Leave out what other kinds of the table at `keys` have, and this one has not."""
    by_name = place(tuple(keys), table, Config)[2]
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    if by_name is not None and name in registry.CHOICES[by_name.kind] and isinstance(table, dict):
        others = [*by_name.tables.values(), *tables(by_name, by_name.name_in(table))]
        for key in {key for other in others for key in other.model_fields} - set(by_name.table(name).model_fields):
            table.pop(key, None)
