"""The model that a run begins from, `train.init_from`: what it settles in the config, and its weights."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtkit import config as configs
from mtkit import files
from mtkit.config import Loaded
from mtkit.errors import BundleError, ConfigError
from mtkit.schema import Config, Model, effects

if TYPE_CHECKING:
    from mtkit.store.bundle_config import BundleConfig

FREE = ("model.dropout", "model.word_dropout", "model.variational")
"""Keys of [model] that weights do not depend on."""


def resolved(loaded: Loaded) -> Loaded:
    """A config with what the model that its run begins from settles: [model], and the tokenizers.

    Raises:
        BundleError: there is no such model, it is damaged, or its weights are rounded to 8 bits.
        ConfigError: the config sets another model or other tokenizers, or the run would begin from itself.
    """
    if not loaded.config.train.init_from:
        return loaded
    from mtkit.store import bundle_config  # which other runs do without

    config, folder = loaded.config, find(loaded)
    found = bundle_config.read(folder)
    if found.kind == "exported" and found.decode.precision == "int8":
        raise BundleError(
            f"{folder} was exported in int8, which is too coarse to train on: set train.init_from to the bundle that "
            "training wrote"
        )
    table = config.model_dump()
    table["model"] = _model(config, found.model, folder)
    table["tokenizer"] |= _tokenizer(loaded, found, folder)
    return loaded.model_copy(update={"config": configs.parse(table, loaded.origin, whole=True)})


def find(loaded: Loaded) -> Path:
    """The folder of the bundle, whole.

    Raises:
        BundleError: there is none, or it is damaged.
        ConfigError: it is that of the run itself.
    """
    from mtkit.store import bundle  # with torch, which preparing text needs for nothing else

    path = loaded.path(loaded.config.train.init_from)
    run, there = (Path(os.path.realpath(one)) for one in (loaded.run_folder, path))
    if run in (there, there.parent):
        raise ConfigError(f"train.init_from = {path} is this run itself: give the new run another name")
    try:
        folder = bundle.locate(path)
        files.verify(folder, "bundle")
    except BundleError as error:
        raise BundleError(f"train.init_from: {error}", error.remedy) from None
    return folder


def _model(config: Config, found: Model, folder: Path) -> dict[str, Any]:
    """The model that is begun from, but for what may be another."""
    table, wrong = found.model_dump(), []
    for key in effects.written(config.model, "model."):
        wanted, there = effects.value(config, key), _value(found, key)
        if key in FREE:
            table[key.removeprefix("model.")] = wanted
        elif wanted != there:
            wrong.append(f"{key} = {wanted!r}, there {there!r}")
    if wrong:
        raise ConfigError(
            f"train.init_from = {folder} is another model ({'; '.join(wrong)}): leave these keys out, or begin anew"
        )
    return table


def _value(model: Model, key: str) -> Any:
    value: Any = model
    for part in key.split(".")[1:]:
        value = getattr(value, part, None)
    return value


def _tokenizer(loaded: Loaded, found: "BundleConfig", folder: Path) -> dict[str, Any]:
    """The keys of [tokenizer] that are settled."""
    given = loaded.config.tokenizer
    paths = [folder / name for name in found.tokenizers]
    if given.model:
        own = [loaded.path(name) for name in given.model]
        if [path.is_file() and path.read_bytes() for path in own] != [path.read_bytes() for path in paths]:
            raise ConfigError(
                f"tokenizer.model = {', '.join(given.model)} is not the tokenizer of train.init_from, "
                f"{', '.join(map(str, paths))}: leave it out"
            )
        return {}
    if "shared" in given.model_fields_set and given.shared != found.shared:
        there = "one tokenizer for both sides" if found.shared else "one each for source and target"
        raise ConfigError(
            f"tokenizer.shared = {str(given.shared).lower()}, but train.init_from = {folder} has {there}: leave it out"
        )
    # As the config says it, so that both may be moved together.
    base = Path(loaded.config.train.init_from)
    base = base if folder == loaded.path(str(base)) else base / folder.name
    return {"shared": found.shared, "model": [str(base / name) for name in found.tokenizers]}
