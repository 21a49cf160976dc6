"""mtkit: machine translation with attention, quick and exact on the machine you have."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Translator", "__version__"]

if TYPE_CHECKING:
    from mtkit.pipeline.translate import Translator


def __getattr__(name: str) -> Any:
    # Imported when first used: the commands' help must not wait for torch.
    if name == "Translator":
        from mtkit.pipeline.translate import Translator

        return Translator
    raise AttributeError(f"module 'mtkit' has no attribute {name!r}")
