"""A run's folder, runs/NAME: whose it is, what may change when it goes on, and its log."""

import json
import os
from pathlib import Path
from typing import Any

from mtkit import config as configs
from mtkit import files
from mtkit.errors import MtkitError, RunError
from mtkit.schema import Config

# Keys that may change when a run goes on: they say when to stop, to look, how to search or what is made of the weights
# at the end. (A limit also bends a schedule that ends at zero from there on; of weights to average, those are there
# that were kept until then.)
HARMLESS = (
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


class Run:
    """The folder of a run, for the process that holds its lock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.checkpoints = folder / "checkpoints"
        self.best = folder / "best"
        self.kept = folder / "kept"
        self._config = folder / "config.json"
        self._log = folder / "log.jsonl"

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

    def begin(self, config: Config, identity: str) -> None:
        """Note whose folder this is.

        Raises:
            RunError: there are checkpoints of nobody knows what.
        """
        if not self.begun and self.checkpoints.is_dir() and any(self.checkpoints.iterdir()):
            raise RunError(
                f"{self.folder} holds checkpoints but no config.json; start anew and keep them beside", "fresh"
            )
        self.checkpoints.mkdir(exist_ok=True)
        files.write_json(self._config, {"identity": identity, "config": config.model_dump()})

    def resume(self, config: Config, identity: str) -> dict[str, tuple[Any, Any]]:
        """Check that a config may go on with this run; returns the harmless keys that it changes.

        Raises:
            RunError: it would not be the same run; names each key with both values, and the way out.
        """
        files.sweep(self.folder)
        files.sweep(self.checkpoints)
        files.sweep(self.kept)
        try:
            noted = json.loads(self._config.read_text(encoding="utf-8"))
            old = configs.parse(noted["config"], str(self._config), whole=True)
            same_text = noted["identity"] == identity
        except (ValueError, KeyError, TypeError, MtkitError) as error:
            raise RunError(f"{self._config} cannot be read ({error}); start anew", "fresh") from None
        changed = configs.differences(old, config)
        harmful = {key: pair for key, pair in changed.items() if not key.startswith(HARMLESS)}
        if harmful:
            shown = "; ".join(f"{key}: {a!r} then, {b!r} now" for key, (a, b) in harmful.items())
            raise RunError(
                f"{self.folder} was begun with another config ({shown}).\nSet it back to go on, give this run "
                "another name, or start anew and keep the old run beside",
                remedy="fresh",
            )
        if not same_text:
            raise RunError(
                f"{self.folder} was begun on other text: the files of [data] have changed since.\nPut them back to "
                "go on, or start anew and keep the old run beside",
                remedy="fresh",
            )
        if changed:
            self.begin(config, identity)
        return changed

    def log(self, event: str, **values: Any) -> None:
        """Append an event to log.jsonl."""
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"event": event, **values}, ensure_ascii=False) + "\n")

    @property
    def log_bytes(self) -> int:
        return self._log.stat().st_size if self._log.exists() else 0

    def cut_log(self, length: int) -> None:
        """Forget the events of updates that are about to be done again."""
        if self.log_bytes > length:
            os.truncate(self._log, length)
