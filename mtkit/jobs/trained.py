"""The model to take where none was named: that of a config's run, or one that comes with mtkit."""

import os
from pathlib import Path

from mtkit import files
from mtkit.config import DEMO
from mtkit.errors import BundleError
from mtkit.store import shipped


def trained(run: Path) -> Path:
    """A run's folder, if there is a model in it.

    Raises:
        BundleError: there is none yet.
    """
    if not files.standing(run / "best").exists():
        raise BundleError(f"there is no trained model at {run}: run mtkit train first, or name one", remedy="model")
    return run


def without_config(overrides: list[str]) -> Path | None:
    """The bundle that ships, for whoever has neither a config nor a run here, and sets nothing of either.

    Args:
        overrides: what is set, KEY=VALUE; keys of search go with any model.
    """
    here = os.path.lexists("mtkit.toml") or Path("runs", DEMO).exists()
    of_search = all(override.strip().startswith("decode.") for override in overrides)
    return shipped.FOLDER / shipped.DEFAULT if not here and of_search and shipped.DEFAULT in shipped.names() else None
