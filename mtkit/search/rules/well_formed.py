"""What comes out is text: pieces that are single bytes make whole characters. Must not know models.

Within a character nothing comes but what goes on with it, and outside nothing that only does so. Nearly always no
hypothesis is within one, and then this is `Never`. The state of a hypothesis follows from its last pieces alone.

Dimensions: B sentences, K hypotheses of each, N = B * K, V vocabulary, L pieces so far, Z states of the spelling, R
hypotheses within a character, M pieces that may go on with one, some of them named more than once.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import inf

import numpy as np
import torch
from torch import Tensor

from mtkit.ops.logits import rule_out
from mtkit.search.rules import never
from mtkit.search.rules.never import Never
from mtkit.search.rules.rule import Context, Rule
from mtkit.search.sentence import Vocabulary

BEGUN = 3  # pieces that a character has before its last one, at most
KEPT = 32  # vocabularies, and frames of each


def looks(device: torch.device) -> bool:
    """Whether it sees what was said; elsewhere than on a processor the device would have to be waited for."""
    return device.type == "cpu"


class WellFormed(Rule):
    """A character that is begun is completed.

    Args:
        never: search's numbers of pieces that do not come at all.
        spelling: of each state the pieces that may come next and the state after each, by search's numbers; in state 0
            no character is begun.
    """

    timeless = True
    looks_back = BEGUN

    def __init__(self, never: Sequence[int], spelling: Sequence[Mapping[int, int]]) -> None:
        self._spelling = spelling
        parts = {piece for state in spelling for piece in state}
        self._out = sorted({*never} | (parts - spelling[0].keys()))
        self._never = Never(self._out)
        self._going_on = {piece for state in spelling for piece, after in state.items() if after}
        longest = max(map(len, spelling[1:]), default=0)
        self._moves_ZM = np.stack([np.resize(np.fromiter(state or (0,), np.int64), longest) for state in spelling])
        self._tables: dict[tuple[int, torch.device], tuple[Tensor, Tensor]] = {}

    def apply(self, logits_BKV: Tensor, pieces_BKL: Tensor) -> None:
        """See Rule."""
        if not looks(logits_BKV.device):
            states_BK, out_ZV = self._states(logits_BKV, pieces_BKL)
            rule_out(logits_BKV, states_BK, out_ZV, self._out[-1] + 1)
            return
        last: list[int] = pieces_BKL[:, :, -1:].flatten().tolist()  # none at the beginning
        if self._going_on.isdisjoint(last):
            self._never.apply(logits_BKV, pieces_BKL)
            return
        rows = [row for row, piece in enumerate(last) if piece in self._going_on]
        tails = pieces_BKL.flatten(0, 1)[rows, -BEGUN:].tolist()
        within = [(row, state) for row, tail in zip(rows, tails, strict=True) if (state := self._state(tail))]
        if not within:
            self._never.apply(logits_BKV, pieces_BKL)
            return
        # What may come within a character is little, and kept while all else of these hypotheses is ruled out.
        logits_NV = logits_BKV.flatten(0, 1).numpy()  # the same memory; to reach into few rows it is quicker
        rows_R1, moves_RM = np.array([[row] for row, _ in within]), self._moves_ZM[[state for _, state in within]]
        kept_RM = logits_NV[rows_R1, moves_RM]
        self._never.apply(logits_BKV, pieces_BKL)
        logits_NV[rows_R1[:, 0]] = -inf
        logits_NV[rows_R1, moves_RM] = kept_RM

    def _state(self, pieces: Sequence[int]) -> int:
        """The state after some pieces."""
        state = 0
        for piece in pieces:
            state = self._spelling[state].get(piece, self._spelling[0].get(piece, 0))
        return state

    def _states(self, logits_BKV: Tensor, pieces_BKL: Tensor) -> tuple[Tensor, Tensor]:
        """The state of each hypothesis, BK, and what is ruled out in each, ZV."""
        key = logits_BKV.shape[2], logits_BKV.device
        if key not in self._tables:
            self._tables[key] = self._made(*key)
        after_ZV, out_ZV = self._tables[key]
        states_BK = pieces_BKL.new_zeros(pieces_BKL.shape[:2])
        for pieces_BK in pieces_BKL[:, :, -BEGUN:].unbind(2):
            states_BK = after_ZV[states_BK, pieces_BK]
        return states_BK, out_ZV

    def _made(self, size: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Tables ZV: the state after a piece, which begins anew where it does not go on, and what is ruled out."""
        shape = len(self._spelling), size
        after_ZV, out_ZV = torch.zeros(shape, dtype=torch.long), torch.ones(shape, dtype=torch.bool)
        out_ZV[0] = False
        out_ZV[0, self._out] = True
        for state, moves in enumerate(self._spelling):
            after_ZV[state] = after_ZV[0]
            after_ZV[state, list(moves)] = torch.tensor(list(moves.values()), dtype=torch.long)
            if state:
                out_ZV[state, list(moves)] = False
        return after_ZV.to(device), out_ZV.to(device)

    def __str__(self) -> str:
        return ""  # what goes on with a character is always left


def make(context: Context) -> WellFormed | Never | None:
    """By the vocabulary; with no piece that is a byte, `Never`."""
    vocabulary = context.vocabulary
    if not vocabulary.spelling:
        return never.make(context)
    if context.listed is None:
        return _of_all(vocabulary, tuple(context.never) if context.never is not vocabulary.never else None)
    numbers = context.numbers_of(piece for state in vocabulary.spelling for piece in state)
    spelling = [
        {numbers[piece]: after for piece, after in state.items() if piece in numbers} for state in vocabulary.spelling
    ]
    return WellFormed(context.among(context.never), spelling)


@lru_cache(KEPT)
def _of_all(vocabulary: Vocabulary, never: tuple[int, ...] | None) -> WellFormed:
    """The same for every batch in which every piece may be said; `never`: of one with frames."""
    return WellFormed(vocabulary.never if never is None else never, vocabulary.spelling)
