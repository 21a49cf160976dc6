"""What is at hand of the text that a bundle was trained on: files that lie where its config says, and are unchanged."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from mtkit import config as configs
from mtkit import files
from mtkit.config import Loaded
from mtkit.errors import ConfigError, DataError
from mtkit.jobs.texts import trained, used
from mtkit.report.training import TrainingFacts
from mtkit.schema import Config
from mtkit.store.bundle import Bundle
from mtkit.store.prepared import MANIFEST, Prepared
from mtkit.text.readers.reader import Pair, Reader


@dataclass(frozen=True)
class Known:
    """The text of a bundle and of those that it comes from, as far as it is at hand."""

    train: list[Reader] = field(default_factory=list)
    """What it was trained on."""
    dev: dict[str, list[Pair]] = field(default_factory=dict)
    """Name of a model -> what that was validated on."""


def at_hand(found: Bundle, name: str, here: Path) -> Known:
    """Look for the text of a bundle: where the run that it may lie in has its config, and in a folder besides.

    Args:
        name: what the bundle is called; those before it have the names that its line of parents tells.
    """
    own = found.config.training
    line = [(name, own), *((parent.name, parent.training) for parent in own.parents)] if own else []
    run = found.folder.resolve().parent
    folders = list(dict.fromkeys([*([run.parents[1]] if run.parent.name == "runs" else []), here.resolve()]))
    train: list[Reader] = []
    dev: dict[str, list[Pair]] = {}
    for called, facts in line:
        if facts is None or (config := _config(facts)) is None:
            continue
        for folder in folders:
            loaded = Loaded(config=config, folder=folder, origin="config.json")
            train = train or _unchanged(partial(_trained, loaded), facts)
            if called not in dev and (pairs := _dev(loaded, facts)):
                dev[called] = pairs
    return Known(train, dev)


def _config(facts: TrainingFacts) -> Config | None:
    """What a training was told, if it is understood here: it may name choices of plug-ins."""
    try:
        return configs.parse(facts.config, "config.json", whole=True) if facts.config else None
    except ConfigError:
        return None


def _trained(loaded: Loaded) -> list[Reader]:
    """The training text in the first direction of a model, which is the one that is adapted."""
    data = loaded.config.data
    return [one for one, text in zip(trained(loaded), data.train, strict=True) if data.tag(text) == data.tags[0]]


def _validated(loaded: Loaded) -> list[Reader]:
    """The same of data.dev."""
    data = loaded.config.data
    return [use.reader for use in used(loaded, data.dev) if use.tag == data.tags[0]]


def _own(prepared: Prepared) -> list[Pair]:
    """The same of what was held out."""
    lines, made, begin = list(zip(*prepared.dev_text(), strict=True)), list[Pair](), 0
    for part in prepared.manifest.splits["dev"]:
        if part.languages in (None, prepared.manifest.languages):
            made += lines[begin : begin + part.pairs]
        begin += part.pairs
    return made


def _unchanged(find: Callable[[], list[Reader]], facts: TrainingFacts) -> list[Reader]:
    """Text of a config, if all of it is there and unchanged."""
    try:
        readers = find()
        same = [files.sha256(path) in facts.hashes.values() for one in readers for path in one.files]
    except (DataError, ConfigError, OSError):
        return []
    return readers if all(same) else []


def _dev(loaded: Loaded, facts: TrainingFacts) -> list[Pair]:
    """The pairs of data.dev, or those that were held out of train where it was prepared."""
    data = loaded.config.data
    if data.dev:
        readers = _unchanged(partial(_validated, loaded), facts)
        return [pair for one in readers for pair in one.folded()]
    for path in sorted((loaded.folder / "prepared").glob(f"{data.source_lang}-{data.target_lang}-*/{MANIFEST}")):
        try:
            prepared = Prepared.open(path.parent)
            if prepared.report().held_out and prepared.manifest.inputs.items() <= facts.hashes.items():
                return _own(prepared)
        except (DataError, OSError):
            continue
    return []
