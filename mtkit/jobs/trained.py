"""The model that a config's run has trained."""

from pathlib import Path

from mtkit import files
from mtkit.errors import BundleError


def trained(run: Path) -> Path:
    """A run's folder, if there is a model in it.

    Raises:
        BundleError: there is none yet.
    """
    if not files.standing(run / "best").exists():
        raise BundleError(f"there is no trained model at {run}: run mtkit train first, or name one", remedy="model")
    return run
