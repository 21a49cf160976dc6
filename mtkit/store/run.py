"""A run's folder, runs/NAME: whose it is, and what may change when it goes on."""

from pathlib import Path
from typing import Any

from mtkit import config as configs
from mtkit import files, reading
from mtkit.errors import MtkitError, RunError
from mtkit.schema import Config
from mtkit.store.format import Format
from mtkit.store.log import Log

# Keys that may change when a run goes on: they say where it lies, when to stop, to look, how to search or what is made
# of the weights at the end. (A limit also bends a schedule that ends at zero from there on; of weights to average,
# those are there that were kept until then.) Whole keys, and tables with a dot at their end, of which all keys count.
HARMLESS = (
    "name",
    "train.max_epochs",
    "train.max_updates",
    "train.max_minutes",
    "train.patience",
    "train.validate_every",
    "train.validate_lines",
    "train.average",
    "train.average_of",
    "data.test",
    "decode.",
    "eval.",
)

RUN = Format("run", 5, error=RunError)
"""Of config.json. Version 1 did not say its version, version 2 knew of no model to begin from, version 3 of one process
only and of no parts of a model, version 4 of no mixtures and tags."""


def harmless(key: str) -> bool:
    """Whether a key of the config, dots and all, may change when a run goes on."""
    return any(key.startswith(one) if one.endswith(".") else key == one for one in HARMLESS)


class Run:
    """The folder of a run, for the process that holds its lock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.checkpoints = folder / "checkpoints"
        self.best = folder / "best"
        self.kept = folder / "kept"
        self._config = folder / "config.json"
        self.log = Log(folder / "log.jsonl")

    @property
    def begun(self) -> bool:
        """Whether there is something to go on from."""
        return self._config.exists()

    def set_aside(self) -> Path | None:
        """Rename the whole folder to NAME.1, NAME.2, …, unless there is nothing in it but the lock."""
        if all(path.name == "lock" for path in self.folder.iterdir()):
            return None
        number = 1
        while (aside := self.folder.parent / f"{self.folder.name}.{number}").exists():
            number += 1
        self.folder.rename(aside)
        return aside

    def check(self) -> None:
        """Refuse a folder of which a part is missing, so that a start would write over what is left of a run.

        Raises:
            RunError: says what is missing, what is there, and the ways out.
        """
        for path in (self.folder, self.checkpoints, self.kept):
            files.sweep(path)
        left = [path for path in (self.best, self.checkpoints, self.kept, self.log.path) if self._tells(path)]
        lacks = "" if self._config.exists() else self._config.name
        if not lacks and left and self.checkpoints not in left:
            lacks = f"checkpoint in {self.checkpoints.name}/"
        if lacks and left:
            held = ", ".join(path.name if path == self.log.path else f"{path.name}/" for path in left)
            raise RunError(
                f"{self.folder} has no {lacks} to go on from, and a new start would write over what it holds ({held}): "
                "put that back, give this run another name, or start anew and keep the old run beside",
                remedy="fresh",
            )

    def _tells(self, path: Path) -> bool:
        """Whether there is something of a run at a path, which a new start would not make again."""
        if path.is_dir():
            return any(not one.name.startswith(files.TEMPORARY) for one in path.iterdir())
        if path == self.log.path and self.begun and path.is_file():
            # Killed before its first checkpoint, a run has logged what it chose.
            return any(mark in path.read_bytes() for mark in (b'"event": "update"', b'"event": "validation"'))
        return path.exists() or path.is_symlink()

    def begin(self, config: Config, identity: str) -> None:
        """Note whose folder this is."""
        self.checkpoints.mkdir(exist_ok=True)
        files.write_json(self._config, RUN.head() | {"identity": identity, "config": config.model_dump()})

    @property
    def config(self) -> Config:
        """That it was begun with.

        Raises:
            RunError: what is noted of it cannot be read.
        """
        return self._noted()[0]

    @property
    def identity(self) -> str:
        """Of the text that it was begun on.

        Raises:
            RunError: what is noted of it cannot be read.
        """
        return self._noted()[1]

    def agree(self, config: Config, identity: str = "") -> dict[str, tuple[Any, Any]]:
        """Check that a config may go on with this run, and change nothing; returns the harmless keys that differ.

        Args:
            config: where it leaves the size of the vocabulary to the text, it means the one that came out.
            identity: of its text; "": not known yet.

        Raises:
            RunError: it would not be the same run; names each key with both values, and the way out.
        """
        old, noted_identity = self._noted()
        unasked = not config.tokenizer.vocab_size
        if unasked:
            tokenizer = config.tokenizer.model_copy(update={"vocab_size": old.tokenizer.vocab_size})
            config = config.model_copy(update={"tokenizer": tokenizer})
        changed = configs.differences(old, config)
        harmful = {key: pair for key, pair in changed.items() if not harmless(key)}
        if harmful:
            shown = "; ".join(f"{key}: {a!r} then, {b!r} now" for key, (a, b) in harmful.items())
            raise RunError(
                f"{self.folder} was begun with another config ({shown}).\nSet it back to go on, give this run "
                "another name, or start anew and keep the old run beside",
                remedy="fresh",
            )
        if identity not in ("", noted_identity):
            size = f", or tokenizer.vocab_size = {old.tokenizer.vocab_size} was set" if unasked else ""
            raise RunError(
                f"{self.folder} was begun on other text: the files of [data] have changed since{size}.\n"
                "Put them back to go on, or start anew and keep the old run beside",
                remedy="fresh",
            )
        return changed

    def resume(self, config: Config, identity: str) -> dict[str, tuple[Any, Any]]:
        """Note the harmless keys that a config changes; returns them.

        Raises:
            RunError: it would not be the same run; see `agree`.
        """
        if changed := self.agree(config, identity):
            self.begin(config, identity)
        return changed

    def _noted(self) -> tuple[Config, str]:
        """The config and the identity of the text that it was begun with."""
        try:
            noted = reading.read_json(self._config)
        except (OSError, reading.Unreadable) as error:
            raise self._unreadable(error) from None
        RUN.check(noted, self._config, unversioned=1)
        try:
            return configs.parse(noted["config"], self._config.name, whole=True), str(noted["identity"])
        except KeyError as error:
            raise self._unreadable(f"no key {error}") from None
        except MtkitError as error:
            raise self._unreadable(error) from None

    def _unreadable(self, why: object) -> RunError:
        return RunError(
            f"{self._config} cannot be read ({reading.line(str(why))}): put it back, or start anew", remedy="fresh"
        )
