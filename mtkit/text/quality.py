"""What a data report says of parallel text: lengths, ratios, spelling in bytes. Holds counts only."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mtkit.text.readers.reader import Pair
from mtkit.text.tokenizer import Tokenizer

LONGEST = 4096  # longer sentences share the last bar of a histogram


class Lengths:
    """Statistics of a split, one pair at a time."""

    def __init__(self, *tokenizers: Tokenizer) -> None:
        self._tokenizers = (tokenizers[0], tokenizers[-1])
        self._bars = [np.zeros(LONGEST + 1, np.int64) for _ in range(2)]
        self._words, self._pieces, self._bytes = [0, 0], [0, 0], [0, 0]
        self._pairs = 0

    @classmethod
    def merged(cls, parts: Sequence["Lengths"]) -> "Lengths":
        """The statistics of some parts (at least one) as those of one text."""
        whole = cls(*parts[0]._tokenizers)
        for part in parts:
            whole._pairs += part._pairs
            for side in range(2):
                whole._bars[side] += part._bars[side]
                whole._words[side] += part._words[side]
                whole._pieces[side] += part._pieces[side]
                whole._bytes[side] += part._bytes[side]
        return whole

    def add(self, pair: Pair, source: list[int], target: list[int]) -> None:
        """Count a pair and its ids."""
        self._pairs += 1
        for side, (text, ids) in enumerate(((pair[0], source), (pair[1], target))):
            self._bars[side][min(len(ids), LONGEST)] += 1
            self._words[side] += len(text.split())
            self._pieces[side] += len(ids)
            self._bytes[side] += self._tokenizers[side].byte_pieces(ids)

    def summary(self) -> dict[str, Any]:
        """Numbers of both sides."""
        sides = {}
        for side, name in enumerate(("source", "target")):
            total = np.cumsum(self._bars[side])
            sides[name] = {
                "words": self._words[side],
                "pieces": self._pieces[side],
                "mean_pieces": self._pieces[side] / max(1, self._pairs),
                "median_pieces": int(np.searchsorted(total, self._pairs * 0.5)),
                "p95_pieces": int(np.searchsorted(total, self._pairs * 0.95)),
                "max_pieces": int(np.flatnonzero(self._bars[side])[-1]) if self._pairs else 0,
                "pieces_per_word": self._pieces[side] / max(1, self._words[side]),
                "share_of_byte_pieces": self._bytes[side] / max(1, self._pieces[side]),
            }
        return {"pairs": self._pairs, "target_to_source_pieces": self._pieces[1] / max(1, self._pieces[0]), **sides}
