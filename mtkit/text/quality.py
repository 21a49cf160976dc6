"""What a data report says of parallel text: lengths, ratios, spelling in bytes. Holds counts only."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from mtkit.text.readers.reader import Pair

LONGEST = 4096  # longer sentences share the last bar of a histogram


class Lengths:
    """Statistics of a split, one pair at a time."""

    def __init__(self) -> None:
        self._bars: tuple[Counter[int], Counter[int]] = Counter(), Counter()
        self._words, self._pieces, self._bytes = [0, 0], [0, 0], [0, 0]
        self._pairs = 0

    @classmethod
    def merged(cls, parts: Sequence["Lengths"]) -> "Lengths":
        """The statistics of some parts as those of one text."""
        whole = cls()
        for part in parts:
            whole.merge(part)
        return whole

    def merge(self, other: "Lengths") -> None:
        """Count what another has counted, too."""
        self._pairs += other._pairs
        for side in range(2):
            self._bars[side].update(other._bars[side])
            self._words[side] += other._words[side]
            self._pieces[side] += other._pieces[side]
            self._bytes[side] += other._bytes[side]

    def add(self, pair: Pair, pieces: tuple[int, int], byte_pieces: tuple[int, int]) -> None:
        """Count a pair: its words, its pieces, and those of them that are single bytes."""
        self._pairs += 1
        for side in range(2):
            self._bars[side][min(pieces[side], LONGEST)] += 1
            self._words[side] += len(pair[side].split())
            self._pieces[side] += pieces[side]
            self._bytes[side] += byte_pieces[side]

    def summary(self) -> dict[str, Any]:
        """Numbers of both sides."""
        sides = {}
        for side, name in enumerate(("source", "target")):
            bars = np.zeros(LONGEST + 1, np.int64)
            bars[list(self._bars[side])] = list(self._bars[side].values())
            total = np.cumsum(bars)
            sides[name] = {
                "words": self._words[side],
                "pieces": self._pieces[side],
                "mean_pieces": self._pieces[side] / max(1, self._pairs),
                "median_pieces": int(np.searchsorted(total, self._pairs * 0.5)),
                "p95_pieces": int(np.searchsorted(total, self._pairs * 0.95)),
                "max_pieces": int(max(self._bars[side])) if self._pairs else 0,
                "pieces_per_word": self._pieces[side] / max(1, self._words[side]),
                "share_of_byte_pieces": self._bytes[side] / max(1, self._pieces[side]),
            }
        return {"pairs": self._pairs, "target_to_source_pieces": self._pieces[1] / max(1, self._pieces[0]), **sides}
