"""Which formats of documents there are, and which one a file has by its name; a format is loaded when it is used."""

from pathlib import Path
from typing import TYPE_CHECKING

from mtkit import registry
from mtkit.text import compression

if TYPE_CHECKING:
    from mtkit.documents.document import Document, Options


def names() -> list[str]:
    """The formats there are."""
    return list(registry.CHOICES["document"])


def format_of(path: Path) -> str:
    """The format of a file by the ending of its name; "": lines of text, for all that is known."""
    name = compression.bare(path).lower()
    fitting = (
        (len(suffix), kind)
        for kind, choice in registry.CHOICES["document"].items()
        for suffix in choice.suffixes
        if name.endswith(suffix)
    )
    return max(fitting, default=(0, ""))[1]


def opened(kind: str, data: bytes, options: "Options") -> "Document":
    """A document of a format.

    Raises:
        DataError: it is none.
    """
    document: type[Document] = registry.resolve("document", kind)
    return document(data, options)
