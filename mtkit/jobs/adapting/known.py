"""What is at hand of the text that a bundle was trained on: files that lie where its config says, and are unchanged."""

from dataclasses import dataclass, field
from pathlib import Path

from mtkit import config as configs
from mtkit import files
from mtkit.config import Loaded
from mtkit.errors import ConfigError, DataError
from mtkit.report.training import TrainingFacts
from mtkit.schema import Config
from mtkit.store.bundle import Bundle
from mtkit.store.prepared import MANIFEST, Prepared
from mtkit.text.readers.reader import Pair, Reader, locate

Languages = tuple[str, str]


@dataclass(frozen=True)
class Known:
    """The text of a bundle, as far as it is at hand."""

    train: list[Reader] = field(default_factory=list)
    dev: list[Pair] = field(default_factory=list)
    """What it was validated on."""


def at_hand(found: Bundle, here: Path) -> Known:
    """Look for the text of a bundle: where the run that it may lie in has its config, and in a folder besides."""
    facts = found.config.training
    if facts is None or not facts.config:
        return Known()
    try:
        config = configs.parse(facts.config, "config.json", whole=True)
    except ConfigError:  # of a plug-in, say, that is not here
        return Known()
    run = found.folder.resolve().parent
    for folder in dict.fromkeys([*([run.parents[1]] if run.parent.name == "runs" else []), here.resolve()]):
        loaded = Loaded(config=config, folder=folder, origin="config.json")
        train, dev = _readers(loaded, config.data.train, facts), _dev(loaded, config, facts, found)
        if train or dev:
            return Known(train, dev)
    return Known()


def _readers(loaded: Loaded, entries: list[str], facts: TrainingFacts) -> list[Reader]:
    """Text of the config, if all of it is there and unchanged."""
    data = loaded.config.data
    try:
        readers = [locate(loaded.path(entry), data.source_lang, data.target_lang) for entry in entries]
        same = [files.sha256(path) in facts.hashes.values() for one in readers for path in one.files]
    except (DataError, ConfigError, OSError):
        return []
    return readers if all(same) else []


def _dev(loaded: Loaded, config: Config, facts: TrainingFacts, found: Bundle) -> list[Pair]:
    """The pairs of data.dev, or those that were held out of train where it was prepared."""
    if config.data.dev:
        return [pair for one in _readers(loaded, [config.data.dev], facts) for pair in one.folded()]
    ours = [found.source_tokenizer.model, found.target_tokenizer.model][: len(found.config.tokenizers)]
    for path in sorted((loaded.folder / "prepared").glob(f"{found.source_lang}-{found.target_lang}-*/{MANIFEST}")):
        try:
            prepared = Prepared.open(path.parent)
            same = [one.read_bytes() for one in prepared.tokenizer_files] == ours
            if same and prepared.manifest.inputs.items() <= facts.hashes.items():
                return list(zip(*prepared.dev_text(), strict=True))
        except (DataError, OSError):
            continue
    return []
