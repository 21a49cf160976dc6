"""Prepared corpora that no run needs any more: every change of text or settings leaves one behind, and every adaptation
its text, divided."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mtkit import files, reading
from mtkit.config import Loaded
from mtkit.errors import DataError
from mtkit.store.prepared import MANIFEST, Prepared

DIVIDED, COUNTS = "adapt", "counts.json"
"""Of the text of an adaptation: what stands in its folder's name after the languages, and a file that tells it."""


def spare(loaded: Loaded, prepared: Prepared) -> list[Path]:
    """Folders of the config's languages that neither it nor any run beside it refers to.

    Where a run does not say what it was begun on, none is: it may be any of them.
    """
    used, entries = set[str](), [*_entries(loaded.config.model_dump())]
    try:
        for path in (loaded.folder / "runs").glob("*/config.json"):
            noted = reading.read_json(path)
            used.add(str(noted["identity"]))
            entries += _entries(noted["config"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
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
    named = {part for entry in entries for part in Path(entry).parts}
    for path in sorted(prepared.folder.parent.glob(f"{prefix}{DIVIDED}-*/{COUNTS}")):
        if path.parent.name not in named:
            found.append(path.parent)
    return found


def _entries(config: dict[str, Any]) -> Iterator[str]:
    """The paths that a config names."""
    for section, key in (("data", "train"), ("data", "dev"), ("data", "test"), ("tokenizer", "model")):
        value = config.get(section, {}).get(key) or []
        for one in [value] if isinstance(value, str | dict) else value:
            yield str(one["path"] if isinstance(one, dict) else one)


def size(folders: Sequence[Path]) -> int:
    """Their bytes on disk."""
    return sum(path.stat().st_size for folder in folders for path in folder.iterdir())


def remove(folders: Sequence[Path]) -> None:
    """Remove prepared corpora; what a crash leaves half removed goes when text is prepared next."""
    for folder in folders:
        with files.lock(folder.parent, wait=True):
            shutil.rmtree(folder.rename(folder.parent / f"{files.TEMPORARY}{folder.name}"))
