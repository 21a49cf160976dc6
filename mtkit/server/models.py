"""The models that are served, by the languages that they translate. Must not know HTTP.

A model is loaded when it is first asked for, and loaded anew when what lies in its folder has changed: until the new
one is ready the old one answers.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mtkit import files
from mtkit.errors import ConfigError, MtkitError
from mtkit.store import bundle, bundle_config
from mtkit.text.languages import primary
from mtkit.text.memory import Memory
from mtkit.text.terms import Glossary
from mtkit.translator.memory import LEAST, Remembering
from mtkit.translator.translator import Translator

LOOK = 1.0  # seconds between two looks at whether a folder has changed
SHOWN = 3  # terms in a message
LOG = logging.getLogger(__name__)
Load = Callable[[Path], Translator]
Stamp = tuple[int, int, int]  # of a file: which, when, how large


class Unserved(MtkitError):
    """Languages between which nothing translates here."""


class Model:
    """One bundle.

    Args:
        path: a bundle or a run, or the name of a bundle that ships.

    Attributes:
        source, target: codes of its languages.
        name: what it is called where it is told: the run, or the bundle.
        memory: what it is asked before, and steered by; to be given before it is loaded.
        least: likeness of lines that steer it.
        terms: that are rendered so whoever asks.

    Raises:
        BundleError: there is none.
    """

    memory: Memory | None = None
    least: float = LEAST
    terms: Glossary | None = None

    def __init__(self, path: Path, load: Load) -> None:
        self.path, self._load = path, load
        folder = bundle.locate(path)
        config = bundle_config.read(folder)
        self.source, self.target = config.source_lang, config.target_lang
        whole = path.resolve()
        self.name = whole.parent.name if whole.name == "best" else whole.name
        self._loaded: Translator | None = None
        self._stamp: Stamp | None = None
        self._looked = time.monotonic()
        self._loading = threading.Lock()
        self._renewing = threading.Lock()

    @property
    def is_loaded(self) -> bool:
        return self._loaded is not None

    def translator(self) -> Translator:
        """The model, loaded; whoever comes while it is loaded for the first time waits.

        Raises:
            BundleError: it is damaged, and none was loaded before.
        """
        if self._loaded is None:
            with self._loading:
                if self._loaded is None:
                    self._stamp = _stamp(bundle.locate(self.path))
                    self._loaded = self._made()
        elif time.monotonic() - self._looked > LOOK and self._renewing.acquire(blocking=False):
            self._looked = time.monotonic()
            try:
                changed = _stamp(bundle.locate(self.path)) != self._stamp
            except (MtkitError, OSError):  # just being replaced
                changed = False
            if changed:
                threading.Thread(target=self._renew, name=f"renew {self.name}", daemon=True).start()
            else:
                self._renewing.release()
        return self._loaded

    def _made(self) -> Translator:
        loaded = self._load(self.path)
        if self.terms is not None and (lacks := loaded.unwritable(self.terms)):
            named = ", ".join(map(repr, lacks[:SHOWN])) + ", ..." * (len(lacks) > SHOWN)
            LOG.warning("the vocabulary of %s cannot write %s: left out of its terms", self.path, named)
        return loaded if self.memory is None else Remembering.of(loaded, self.memory, self.least)

    def _renew(self) -> None:
        try:
            stamp = _stamp(bundle.locate(self.path))
            loaded = self._made()
            if (loaded.source_lang, loaded.target_lang) != (self.source, self.target):
                raise ConfigError("it translates other languages now")
            self._loaded, self._stamp = loaded, stamp
            LOG.info("%s has changed and was loaded anew", self.path)
        except (MtkitError, OSError) as error:
            LOG.warning("%s has changed, but cannot be loaded; the one before is still served: %s", self.path, error)
        finally:
            self._renewing.release()


def _stamp(folder: Path) -> Stamp:
    """What changes when another bundle takes the place."""
    try:
        found = (folder / files.CHECKSUMS).stat()
    except FileNotFoundError:  # loading says what is wrong
        return 0, 0, 0
    return found.st_ino, found.st_mtime_ns, found.st_size


@dataclass(frozen=True)
class Way:
    """How to come from one language to another: a model, or two with a language between."""

    models: Sequence[Model]

    @property
    def languages(self) -> tuple[str, str]:
        """Of what is translated, and what comes of it."""
        return self.models[0].source, self.models[-1].target

    @property
    def name(self) -> str:
        return ", then ".join(model.name for model in self.models)


class Models:
    """All that are served.

    Args:
        paths: bundles, runs or names of bundles that ship.
        load: makes a translator of a path.

    Raises:
        BundleError: one is missing or damaged.
        ConfigError: two translate the same languages, or there is none.
    """

    def __init__(self, paths: Iterable[Path], load: Load) -> None:
        self._of: dict[tuple[str, str], Model] = {}
        for path in paths:
            model = Model(path, load)
            pair = primary(model.source), primary(model.target)
            if pair in self._of:
                raise ConfigError(
                    f"{path} and {self._of[pair].path} both translate {model.source} to {model.target}: "
                    "serve one of them"
                )
            self._of[pair] = model
        if not self._of:
            raise ConfigError("there is no model to serve: name a bundle or a run")

    @property
    def all(self) -> list[Model]:
        return list(self._of.values())

    @property
    def sources(self) -> list[str]:
        """Languages that can be translated from."""
        return sorted({source for source, _ in self._of})

    @property
    def languages(self) -> set[str]:
        """All that can be translated from or to."""
        return {language for pair in self._of for language in pair}

    def targets(self, source: str) -> list[str]:
        """Languages that a language can be translated to, in one step or two."""
        known = sorted({target for _, target in self._of})
        return [target for target in known if target != source and self._find(source, target)]

    def way(self, source: str, target: str) -> Way:
        """How to translate; of the same language, not at all.

        Raises:
            Unserved: there is no way.
        """
        source, target = primary(source), primary(target)
        if source == target:
            return Way([])
        if (found := self._find(source, target)) is None:
            raise Unserved(f"nothing here translates {source} to {target}")
        return Way(found)

    def _find(self, source: str, target: str) -> list[Model] | None:
        if direct := self._of.get((source, target)):
            return [direct]
        for (first, between), model in self._of.items():
            if first == source and (second := self._of.get((between, target))):
                return [model, second]
        return None
