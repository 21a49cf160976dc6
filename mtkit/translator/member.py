"""One model of a translator, with what it reads and writes. Must not know files but through the bundle."""

from dataclasses import dataclass
from functools import cached_property

from mtkit.metrics.confidence import Estimator
from mtkit.model.seq2seq import Seq2Seq
from mtkit.search.shortlist import Shortlist
from mtkit.store.bundle import Bundle
from mtkit.store.bundle_config import ConfidenceFacts, TagFacts
from mtkit.text.tokenizer import Tokenizer
from mtkit.translator.sure import FEATURES


@dataclass(frozen=True)
class Member:
    """A model in eval mode, and its tokenizers.

    Attributes:
        max_pieces: of the longest sentence that it was trained on.
        tags: what it was trained to be told before a source, first what it takes where nothing is said; (): nothing.
        name: what messages call it.
        spans: regular expressions of what was hidden from it in training, beside placeholders, tags and the like; None:
            it was trained on text as it is.
        estimator: of confidence; None: nobody has fitted one.
    """

    model: Seq2Seq
    source_tokenizer: Tokenizer
    target_tokenizer: Tokenizer
    max_pieces: int
    shortlist: Shortlist | None = None
    name: str = "the model"
    spans: tuple[str, ...] | None = None
    estimator: Estimator | None = None
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
            bundle.config.spans,
            _estimator(bundle.config.confidence),
            bundle.config.tags or (),
        )


def _estimator(facts: ConfidenceFacts | None) -> Estimator | None:
    """None: of other features, which another mtkit knows, nothing can be made here."""
    return facts.estimator if facts and facts.features == FEATURES else None
