"""What a rule of search is, and what it can be made from. Must not know models, nor how hypotheses are selected.

A rule rules pieces out. It is an object of one batch, made by what its line in the registry names: a function or class

    (context, *, settings of its own) -> rule, or None where it has nothing to rule out

whose settings are the table [decode.rules.NAME] of the config. Pieces are known to search by numbers: by their ids, or,
with a shortlist, by their places in that. `Context` knows both.

Dimensions: B sentences, K hypotheses of each, V vocabulary, L pieces so far.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mtkit.decoding import Decoding
from mtkit.search.sentence import Sentence, Vocabulary
from mtkit.search.shortlist import Listed


@dataclass(frozen=True)
class Context:
    """A batch, before search begins.

    Attributes:
        decode: the table [decode] of the config.
        listed: the shortlist's pieces; None: all.
        device: where logits will lie.
    """

    decode: Decoding
    vocabulary: Vocabulary
    sentences: Sequence[Sentence]
    device: torch.device
    listed: Listed | None = None

    @cached_property
    def bos(self) -> int:
        """Search's number of what stands before the first piece."""
        return self.numbers([self.vocabulary.bos])[0]

    @cached_property
    def eos(self) -> int:
        """Search's number of the end of sentence."""
        return self.numbers([self.vocabulary.eos])[0]

    @cached_property
    def never(self) -> Sequence[int]:
        """Ids of pieces that must not be produced: those of the vocabulary, but for what a frame asks for."""
        asked = {piece for sentence in self.sentences for piece in sentence.frame.pieces}
        never = self.vocabulary.never
        return [piece for piece in never if piece not in asked] if asked else never

    def numbers(self, ids: Iterable[int]) -> list[int]:
        """Search's numbers of pieces, all of which can be produced: special ones, those of a prefix."""
        return list(ids) if self.listed is None else self.listed.places(list(ids))

    def among(self, ids: Iterable[int]) -> list[int]:
        """Search's numbers of those pieces that can be produced."""
        return list(ids) if self.listed is None else self.listed.among(list(ids))

    def numbers_of(self, ids: Iterable[int]) -> dict[int, int]:
        """By id, search's numbers of those pieces that can be produced."""
        if self.listed is None:
            return {piece: piece for piece in ids}
        places = self.among(ids)
        return dict(zip(self.listed.pieces[places].tolist(), places, strict=True))

    @cached_property
    def names(self) -> list[str]:
        """The pieces by search's numbers, as the tokenizer writes them: "▁Haus", "," or "<0x2C>"."""
        names = self.vocabulary.names
        return list(names) if self.listed is None else [names[piece] for piece in self.listed.pieces]

    @cached_property
    def edges(self) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """By search's numbers, whether a piece ends the word before it, and what it leaves for the next one: see
        `mtkit.search.phrases`."""
        begin, leave = self.vocabulary.edges
        return (begin, leave) if self.listed is None else (begin[self.listed.pieces], leave[self.listed.pieces])

    @cached_property
    def limits(self) -> list[int]:
        """The most pieces of each sentence's translation, its end not counted."""
        ratio, least = self.decode.max_ratio, self.decode.min_length
        return [
            max(int(len(s.sources[0]) * ratio + 10), least, len(s.prefix), len(s.frame.pieces)) for s in self.sentences
        ]


class Rule(ABC):
    """Rules pieces out at every step. It is never changed: what follows from a step is another rule."""

    timeless: ClassVar[bool] = False
    """Whether it rules out the same at every step, whatever was said but for the last pieces: then a step can be
    recorded with it."""
    looks_back: ClassVar[int] = 0
    """How many of the last pieces a timeless rule asks for. Where fewer were said the first one is there more often."""

    @abstractmethod
    def apply(self, logits_BKV: Tensor, pieces_BKL: Tensor) -> None:
        """Put minus infinity in place of the logits of what must not come next.

        Args:
            pieces_BKL: search's numbers of what each hypothesis says so far. Some have ended or are given up: what is
                said of those does not matter.
        """

    def reorder(self, parents_BK: Tensor, pieces_BK: Tensor) -> "Rule":
        """After a step: hypothesis k of a sentence is now its hypothesis parents[k], and pieces[k] after that.

        A rule with a state for every hypothesis takes it along (`mtkit.search.pick`); one without is what it was.
        """
        return self

    def keep(self, sentences: Tensor) -> "Rule":
        """The rule for some of the sentences.

        Args:
            sentences: places, on the device.
        """
        return self

    def __str__(self) -> str:
        """What it is in messages, where nothing is left to say: "min_length = 5"; "": it is not to blame."""
        return type(self).__name__
