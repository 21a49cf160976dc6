"""mtkit: machine translation with attention, quick and exact on the machine you have."""

from typing import TYPE_CHECKING, Any

from mtkit.version import __version__

__all__ = ["Translator", "__version__"]

if TYPE_CHECKING:
    from mtkit.translator.translator import Translator


def __getattr__(name: str) -> Any:
    # Imported when first used: the commands' help must not wait for torch.
    if name == "Translator":
        from mtkit.translator.translator import Translator

        return Translator
    raise AttributeError(f"module 'mtkit' has no attribute {name!r}")
