"""The model that a run begins from, `train.init_from`: what it settles in the config, and what is taken over of it."""

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

SHOWN = 3  # tensors that a refusal names
FEW = (8, 8)  # pieces of models that are only held against each other
FREE = ("model.dropout", "model.word_dropout", "model.variational")
"""Keys of [model] that weights do not depend on."""


def resolved(loaded: Loaded) -> Loaded:
    """A config with what the model that its run begins from settles: [model], and, where all is taken, the tokenizers.

    Raises:
        BundleError: there is no such model, or it is damaged.
        ConfigError: the config sets another model or other tokenizers, what is to be taken over does not fit, or the
            run would begin from itself.
    """
    if not loaded.config.train.init_from:
        return loaded
    from mtkit.store import bundle_config  # which other runs do without

    config, folder = loaded.config, find(loaded)
    found = bundle_config.read(folder)
    table = config.model_dump()
    if config.train.init_parts:
        table["model"] = _like(config, found.model)
    else:
        table["model"] = _model(config, found.model, folder)
        table["tokenizer"] |= _tokenizer(loaded, found, folder)
    made = loaded.model_copy(update={"config": configs.parse(table, loaded.origin, whole=True)})
    if config.train.init_parts:
        _fit(made.config, found, folder)
    return made


def find(loaded: Loaded) -> Path:
    """The folder of the bundle, whole.

    Raises:
        BundleError: there is none, or it is damaged.
        ConfigError: it is that of the run itself.
    """
    from mtkit.store import bundle, shipped  # with torch, which preparing text needs for nothing else

    path = loaded.path(loaded.config.train.init_from)
    if not os.path.lexists(path):
        path = loaded.folder / shipped.meant(Path(loaded.config.train.init_from))
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


def _like(config: Config, found: Model) -> dict[str, Any]:
    """The model of a config, where it says nothing else as the one that it takes parts of."""
    table: dict[str, Any] = found.model_dump()
    if not config.tokenizer.shared and found.tie in ("inputs", "all"):
        table["tie"] = config.model.tie
    for side in ("encoder", "decoder"):
        if getattr(config.model, side).name != table[side]["name"] and side in config.model.model_fields_set:
            table[side] = getattr(config.model, side).model_dump()
    for key in effects.written(config.model, "model."):
        *path, last = key.split(".")[1:]
        inner = table
        for part in path:
            inner = inner[part]
        inner[last] = effects.value(config, key)
    return table


def _fit(config: Config, found: "BundleConfig", folder: Path) -> None:
    """Refuse a model into which the parts of another do not fit."""
    from mtkit.model.inherit import misfits
    from mtkit.store.bundle import blank

    own, there = blank(config.model, FEW, config.tokenizer.shared), blank(found.model, FEW, found.shared)
    if wrong := misfits(own, there, config.train.init_parts):
        shown = "; ".join(wrong[:SHOWN]) + (f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else "")
        raise ConfigError(
            f"train.init_from = {folder} does not fit this model: {shown}.\n"
            "Leave out the keys of [model] that differ, or the part from train.init_parts"
        )


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
    if not os.path.lexists(loaded.path(str(base))):
        base = folder  # one that was named
    elif folder != loaded.path(str(base)):
        base = base / folder.name
    return {"shared": found.shared, "model": [str(base / name) for name in found.tokenizers]}
