"""mtkit: machine translation with attention, quick and exact on the machine you have.

>>> from mtkit import Translator
>>> Translator.load("runs/demo").translate("Save the file").text
"""

import logging
from typing import TYPE_CHECKING, Any

from mtkit.errors import BundleError, ConfigError, DataError, MtkitError
from mtkit.version import __version__

__all__ = [
    "BundleError",
    "Candidate",
    "ConfigError",
    "DataError",
    "MtkitError",
    "Sampling",
    "Translation",
    "Translator",
    "__version__",
]

logging.getLogger("mtkit").addHandler(logging.NullHandler())  # silent, unless whoever imports it asks

if TYPE_CHECKING:
    from mtkit.search.batched import Sampling
    from mtkit.translator.request import Candidate, Translation
    from mtkit.translator.translator import Translator

_LATER = {
    "Candidate": "mtkit.translator.request",
    "Sampling": "mtkit.search.batched",
    "Translation": "mtkit.translator.request",
    "Translator": "mtkit.translator.translator",
}


def __getattr__(name: str) -> Any:
    # Imported when first used: the commands' help must not wait for torch.
    if name in _LATER:
        import importlib

        return getattr(importlib.import_module(_LATER[name]), name)
    raise AttributeError(f"module 'mtkit' has no attribute {name!r}")
