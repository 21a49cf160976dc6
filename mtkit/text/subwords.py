"""Other segmentations of a text than a tokenizer's own, drawn at random, so that a model learns what is in a piece.

Of a unigram model they are drawn as likely as it finds them, flattened (subword regularization, Kudo 2018); of a BPE
model merges are left out now and then (BPE-dropout, Provilkov et al. 2020). Both word by word, since no piece reaches
over a space: a word's best segmentations are found once. Must not know batches or models.
"""

import bisect
import math
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtkit.errors import ConfigError
from mtkit.text.tokenizer import Tokenizer

Ids = list[int] | NDArray[Any]

SPACE = "\u2581"  # how SentencePiece writes the space before a word
BEST = 32  # segmentations of a word to draw from (l of Kudo 2018)
FLAT = 0.2  # probabilities are raised to this power (alpha of Kudo 2018)
DROPPED = 0.1  # share of merges left out (p of Provilkov et al. 2020)
KEPT_WORDS = 100_000  # whose segmentations are remembered


class Subwords:
    """Draws segmentations of what a tokenizer has segmented.

    Args:
        kind: of the tokenizer, "unigram" or "bpe".

    Raises:
        ConfigError: the tokenizer is of another kind.
    """

    def __init__(self, tokenizer: Tokenizer, kind: str) -> None:
        self.tokenizer, self.kind = tokenizer, kind
        self._known: dict[tuple[int, ...], tuple[list[list[int]], list[float]]] = {}
        if kind == "unigram" and not tokenizer.has_nbest:
            raise ConfigError(
                'tokenizer.sample draws from a unigram model, but tokenizer.model is of another kind: set kind = "bpe" '
                "if it is one, or sample = 0"
            )

    def draw(self, ids: Ids, rng: np.random.Generator) -> list[int]:
        """Other ids that spell the same text."""
        words = self._words(ids)
        if self.kind == "bpe":
            return [i for word in words for i in self._merged(word, rng)]
        drawn: list[int] = []
        for word, number in zip(words, rng.random(len(words)).tolist(), strict=True):
            choices, bounds = self._segmentations(word)
            drawn += choices[bisect.bisect(bounds, number * bounds[-1], hi=len(bounds) - 1)]
        return drawn

    def _words(self, ids: Ids) -> list[tuple[int, ...]]:
        """The ids of each word, where one begins at every space."""
        ids = [int(i) for i in ids]
        names = self.tokenizer.pieces(ids)
        starts = [0, *(i for i, name in enumerate(names) if i and name.startswith(SPACE)), len(ids)]
        return [tuple(ids[a:b]) for a, b in pairwise(starts)]

    def _segmentations(self, word: tuple[int, ...]) -> tuple[list[list[int]], list[float]]:
        """Segmentations of a word, and the sums of their weights up to each."""
        if (known := self._known.get(word)) is not None:
            return known
        name = "".join(self.tokenizer.pieces(list(word)))
        found = [] if self._fixed(word) else self.tokenizer.nbest(name.removeprefix(SPACE), BEST)
        # A word that is not its text put back together (normalised, or without its space) stays as it is.
        found = [ids for ids in found if "".join(self.tokenizer.pieces(ids)) == name] or [list(word)]
        likely = [math.fsum(self.tokenizer.score(i) for i in ids) for ids in found]
        weights = [math.exp(FLAT * (one - max(likely))) for one in likely]
        known = found, list(accumulate(weights))
        if len(self._known) < KEPT_WORDS:
            self._known[word] = known
        return known

    def _merged(self, word: tuple[int, ...], rng: np.random.Generator) -> list[int]:
        """A word put together anew, its best merge first; each may be left out, whenever it could be made."""
        parts = list("".join(self.tokenizer.pieces(list(word))))
        ids = [self.tokenizer.id(part) for part in parts]
        if self._fixed(word) or None in ids:
            return list(word)
        while len(parts) > 1:
            merges = [
                (self.tokenizer.score(merged), -place)
                for place, pair in enumerate(pairwise(parts))
                if (merged := self.tokenizer.id("".join(pair))) is not None and rng.random() >= DROPPED
            ]
            if not merges:
                break
            place = -max(merges)[1]
            parts[place : place + 2] = ["".join(parts[place : place + 2])]
        return [i for part in parts if (i := self.tokenizer.id(part)) is not None]

    def _fixed(self, word: tuple[int, ...]) -> bool:
        """Whether there is something in it that has no other spelling: bytes, special and reserved pieces."""
        return not self.tokenizer.ordinary.issuperset(word)
