"""A lexical shortlist: the output layer over those pieces only that may translate the pieces of a batch.

A sentence's candidates depend on that sentence alone, not on those it is batched with: what is a candidate of another
one only is ruled out for it. Must not know models.

Dimensions: V source vocabulary, N likely translations of each piece, B sentences, C candidates of a batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Listed:
    """The pieces that a batch may produce; search sees their places in the list.

    Attributes:
        pieces: ids, ascending.
        pieces_C: the same as a tensor on the model's device.
        ruled_out_BC: 0, or minus infinity for pieces that are no candidates of the sentence.
    """

    pieces: NDArray[np.int64]
    pieces_C: Tensor
    ruled_out_BC: Tensor

    def places(self, ids: Sequence[int]) -> list[int]:
        """Where ids stand, all of which are candidates."""
        return [int(np.searchsorted(self.pieces, piece)) for piece in ids]

    def among(self, ids: Sequence[int]) -> list[int]:
        """Where those of some ids stand that are candidates."""
        return [int(place) for place in np.flatnonzero(np.isin(self.pieces, np.asarray(ids, np.int64)))]


@dataclass(frozen=True)
class Shortlist:
    """What translates what.

    Attributes:
        likely_VN: likely translations of each source piece; -1: none.
        always: candidates of every sentence.
        copies: whether a source piece may be its own translation (both sides have one vocabulary).
    """

    likely_VN: NDArray[np.integer[Any]]
    always: NDArray[np.integer[Any]]
    copies: bool

    def listed(
        self,
        sources: Sequence[Sequence[int]],
        others: Sequence[Sequence[int]],
        device: torch.device,
        spelling: Sequence[Mapping[int, int]] = (),
    ) -> Listed:
        """The candidates of a batch.

        Args:
            sources: ids of each sentence.
            others: pieces that each sentence needs besides: special ones, those of a prefix.
            spelling: see Vocabulary; what begins a character is a candidate with all that may go on with it.
        """
        each = []
        begin = np.array(sorted(piece for piece, after in spelling[0].items() if after) if spelling else [], np.int64)
        go_on = np.array(sorted({piece for state in spelling[1:] for piece in state}), np.int64)
        always = self.always
        if np.isin(begin, always).any():  # in most lists a byte is among the commonest pieces
            always, begin = np.concatenate([always, go_on]), begin[:0]
        for source, other in zip(sources, others, strict=True):
            ids = np.asarray(source, np.int64)
            parts = [self.likely_VN[ids].ravel(), always, np.asarray(other, np.int64)]
            own = np.unique(np.concatenate([*parts, ids] if self.copies else parts))
            each.append(np.union1d(own, go_on) if len(begin) and np.isin(begin, own).any() else own)
        each = [own[own >= 0] for own in each]
        pieces = np.unique(np.concatenate(each))
        ruled_out = np.full((len(each), len(pieces)), -inf, np.float32)
        for row, own in zip(ruled_out, each, strict=True):
            row[np.searchsorted(pieces, own)] = 0
        return Listed(pieces, torch.from_numpy(pieces).to(device), torch.from_numpy(ruled_out).to(device))
