"""One model of a translator, with what it reads and writes. Must not know files but through the bundle."""

from dataclasses import dataclass
from functools import cached_property

from mtkit.model.seq2seq import Seq2Seq
from mtkit.search.shortlist import Shortlist
from mtkit.store.bundle import Bundle
from mtkit.store.bundle_config import TagFacts
from mtkit.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class Member:
    """A model in eval mode, and its tokenizers.

    Attributes:
        max_pieces: of the longest sentence that it was trained on.
        tags: what it was trained to be told before a source, first what it takes where nothing is said; (): nothing.
        name: what messages call it.
    """

    model: Seq2Seq
    source_tokenizer: Tokenizer
    target_tokenizer: Tokenizer
    max_pieces: int
    shortlist: Shortlist | None = None
    name: str = "the model"
    tags: tuple[TagFacts, ...] = ()

    @cached_property
    def told(self) -> frozenset[int]:
        """The ids of all that can be said before a source."""
        return frozenset(self.source_tokenizer.id_of(tag.symbol) for tag in self.tags if tag.symbol)

    @classmethod
    def of(cls, bundle: Bundle) -> "Member":
        """The one that a bundle holds."""
        return cls(
            bundle.model,
            bundle.source_tokenizer,
            bundle.target_tokenizer,
            bundle.max_pieces,
            bundle.shortlist,
            str(bundle.folder),
            bundle.config.tags or (),
        )
