"""The rule from outside of `exactly.py`, registered as long as a test needs it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mtkit import plugins
from mtkit.registry import CHOICES

PATH = Path(__file__).parent / "exactly.py"


@contextmanager
def registered() -> Iterator[None]:
    """As `--plugin exactly.py` does it."""
    plugins.load(str(PATH))
    try:
        yield
    finally:
        plugins._loaded.discard(str(PATH))
        del CHOICES["rule"]["exactly"], sys.modules["exactly"]
