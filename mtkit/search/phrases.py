"""What must be said, as an automaton: where a hypothesis is within the phrases that are asked of its sentence, and
which of them it has said. Must not know how hypotheses are chosen, nor text beyond where pieces begin and end words.

Dimensions: B sentences, N states of an automaton, A pieces that occur in the phrases of a sentence, Y = A + 3 symbols
(these pieces, and all others by what they end with), G groups of phrases.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mtkit.search.sentence import APART, OPENING, WITHIN, Group

_Places = frozenset[tuple[int, int, int]]  # (group, phrase, pieces of it that were said last)
NOWHERE: _Places = frozenset()


class Automaton:
    """Of the phrases that are asked of a sentence.

    A state is all places within phrases that the last pieces may be, and what these are for a piece that follows.

    Args:
        groups: of each a phrase has to be said, so often.
        leaves: of each piece, by its number.

    Attributes:
        alphabet: the pieces of all phrases.
        next: the state (N, Y) after a piece of the alphabet, or another one by what it leaves.
        gains: pieces (N, G) that are said already of what is still to be said of a group.
        pending: whether (N, G) a phrase of a group is said, if a word ends here.
        now: whether (N, G) one has been said with the last piece.
        sizes: pieces of each group's longest phrase; so many are to be said for it.
    """

    def __init__(self, groups: Sequence[Group], leaves: NDArray[np.int64]) -> None:
        self._groups = groups
        self.alphabet = sorted({piece for group in groups for phrase in group.phrases for piece in phrase.pieces})
        self.sizes = [max(len(phrase.pieces) for phrase in group.phrases) for group in groups]
        kinds = [int(leaves[piece]) for piece in self.alphabet]
        begun = [self._begun(before) for before in (WITHIN, APART, OPENING)]
        start: tuple[_Places, int] = NOWHERE, OPENING
        numbers, following, rows = {start: 0}, [start], list[list[int]]()
        for places, before in following:  # it grows
            on = {piece: set(some) for piece, some in begun[before].items()}
            for g, p, said in places:
                pieces = groups[g].phrases[p].pieces
                if said < len(pieces):
                    on.setdefault(pieces[said], set()).add((g, p, said + 1))
            row = [
                (frozenset(on[piece]) if piece in on else NOWHERE, kind)
                for piece, kind in zip(self.alphabet, kinds, strict=True)
            ]
            row += [(NOWHERE, kind) for kind in (WITHIN, APART, OPENING)]
            for state in row:
                if state not in numbers:
                    numbers[state] = len(numbers)
                    following.append(state)
            rows.append([numbers[state] for state in row])
        self.next = np.array(rows, np.int64)
        shape = len(rows), len(groups)
        self.gains, self.pending, self.now = (np.zeros(shape, np.int64) for _ in range(3))
        for (places, _), number in numbers.items():
            for g, p, said in places:
                phrase = groups[g].phrases[p]
                gain = self.sizes[g] - len(phrase.pieces) + said
                whole = said == len(phrase.pieces)
                if whole and phrase.open_ended:
                    self.now[number, g] = 1
                else:
                    self.gains[number, g] = max(self.gains[number, g], gain)
                    self.pending[number, g] |= whole

    def _begun(self, before: int) -> dict[int, set[tuple[int, int, int]]]:
        """Where a piece may be that comes after nothing of a phrase."""
        begun: dict[int, set[tuple[int, int, int]]] = {}
        for g, group in enumerate(self._groups):
            for p, phrase in enumerate(group.phrases):
                if before >= phrase.before:
                    begun.setdefault(phrase.pieces[0], set()).add((g, p, 1))
        return begun


@dataclass(frozen=True)
class Automata:
    """Those of a batch, filled up to one size.

    Attributes:
        alphabet_BA: -1: there is no such piece.
    """

    alphabet_BA: Tensor
    next_BNY: Tensor
    gains_BNG: Tensor
    pending_BNG: Tensor
    now_BNG: Tensor
    sizes_BG: Tensor

    @classmethod
    def of(cls, automata: Sequence[Automaton], device: torch.device) -> "Automata":
        """Of each sentence."""
        A = max(len(one.alphabet) for one in automata)
        N = max(len(one.next) for one in automata)
        G = max(len(one.sizes) for one in automata)
        B = len(automata)
        alphabet, following = np.full((B, A), -1), np.zeros((B, N, A + 3), np.int64)
        tables = np.zeros((3, B, N, G), np.int64)
        sizes = np.zeros((B, G), np.int64)
        for b, one in enumerate(automata):
            own, states = len(one.alphabet), len(one.next)
            alphabet[b, :own] = one.alphabet
            following[b, :states, :own], following[b, :states, A:] = one.next[:, :own], one.next[:, own:]
            for table, values in zip(tables, (one.gains, one.pending, one.now), strict=True):
                table[b, :states, : values.shape[1]] = values
            sizes[b, : len(one.sizes)] = one.sizes
        return cls(*(torch.from_numpy(x).to(device) for x in (alphabet, following, *tables, sizes)))

    def keep(self, sentences: Tensor) -> "Automata":
        """Of some of the sentences."""
        return Automata(*(table[sentences] for table in vars(self).values()))

    def symbols(self, pieces_BX: Tensor, leaves_V: Tensor) -> Tensor:
        """What pieces are for the automata, BX."""
        A = self.alphabet_BA.shape[1]
        same_BXA = pieces_BX.unsqueeze(2) == self.alphabet_BA.unsqueeze(1)
        found_BX, places_BX = same_BXA.to(torch.uint8).max(2)
        return torch.where(found_BX > 0, places_BX, A + leaves_V[pieces_BX])

    def after(self, states_BX: Tensor, symbols_BX: Tensor) -> Tensor:
        """The states after symbols, BX."""
        Y = self.next_BNY.shape[2]
        return self.next_BNY.flatten(1).gather(1, states_BX * Y + symbols_BX)

    @property
    def values_BNG(self) -> Tensor:
        """Pieces of each group that have been said, a phrase that is complete among them."""
        return torch.maximum(self.gains_BNG, self.now_BNG * self.sizes_BG.unsqueeze(1))

    @staticmethod
    def of_states(table_BNG: Tensor, states_BX: Tensor) -> Tensor:
        """A row a state, BXG."""
        return table_BNG.gather(1, states_BX.unsqueeze(2).expand(-1, -1, table_BNG.shape[2]))
