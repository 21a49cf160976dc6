"""Prepared corpora that no run needs any more: every change of text or settings leaves one behind."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from mtkit import files, reading
from mtkit.config import Loaded
from mtkit.errors import DataError
from mtkit.store.prepared import MANIFEST, Prepared


def spare(loaded: Loaded, prepared: Prepared) -> list[Path]:
    """Folders of the config's languages that neither it nor any run beside it refers to.

    Where a run does not say what it was begun on, none is: it may be any of them.
    """
    runs = (loaded.folder / "runs").glob("*/config.json")
    try:
        used = {str(reading.read_json(path)["identity"]) for path in runs}
    except (OSError, ValueError, KeyError, TypeError):
        return []
    prefix = "-".join(prepared.manifest.languages) + "-"
    found = []
    for path in sorted(prepared.folder.parent.glob(f"{prefix}*/{MANIFEST}")):
        try:
            one = Prepared.open(path.parent)
        except DataError:
            continue  # whatever it is, it is not ours to remove
        same = one.manifest.languages == prepared.manifest.languages
        if same and one.folder != prepared.folder and one.manifest.identity not in used:
            found.append(one.folder)
    return found


def size(folders: Sequence[Path]) -> int:
    """Their bytes on disk."""
    return sum(path.stat().st_size for folder in folders for path in folder.iterdir())


def remove(folders: Sequence[Path]) -> None:
    """Remove prepared corpora; what a crash leaves half removed goes when text is prepared next."""
    for folder in folders:
        with files.lock(folder.parent, wait=True):
            shutil.rmtree(folder.rename(folder.parent / f"{files.TEMPORARY}{folder.name}"))
