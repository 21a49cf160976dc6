"""The bundles that come with mtkit: names such as en-de that mean one wherever a bundle is named.

Must not know torch.
"""

import os
from pathlib import Path

from mtkit import files

FOLDER = Path(__file__).parent.parent / "bundles"
DEFAULT = "en-de"  # what translates where nothing was said at all


def names() -> list[str]:
    """Of all that ship."""
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{files.CHECKSUMS}"))


def meant(path: Path) -> Path:
    """The folder that a path means: what is there of this name, else the run that has it, else the bundle that ships.

    The path itself where it is none of these.
    """
    if len(path.parts) == 1 and not os.path.lexists(path):
        run = Path("runs") / path
        if files.standing(run / "best").exists():
            return run
        if path.name in names():
            return FOLDER / path
    return path
