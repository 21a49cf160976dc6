"""What was said in like places: a search that is steered by translations of like sentences, with no training.

A decoder was run over each example, a pair that somebody has made: its state before each piece is a key, and the piece
that came its value. At each step of a search the keys that are near the state speak, too: their distribution over
pieces is mixed with the model's, with a weight that falls with the distance of the nearest one (SK-MT, Dai et al. 2023;
after Khandelwal et al. 2021). A state is what the output layer compares its pieces with. Distances are relative to the
lengths of both states, so that they mean the same for every model. Must not know models or text.

Dimensions: B sentences, R of them that are steered, K hypotheses of each, M keys of a sentence, U pieces among their
values, L pieces of an example, E width of a state, V vocabulary.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mtkit.ops.logits import mix_told

# Chosen by the likelihood and the BLEU of unseen translations, by a GRU and a Transformer, memories of 200 to 20,000.
TEMPERATURE = 0.04  # of the distribution over keys, in units of distance
REACH = 0.2  # the distance at which the nearest key has no weight any more, ...
POWER = 3  # ... how fast it falls on the way there, ...
MOST = 0.5  # ... and from what, where the nearest key is the state itself
FAR = 1e6  # the distance of a key that is none


@dataclass(frozen=True)
class Example:
    """A translation as decoders have gone through it.

    Attributes:
        keys: of each model, a row LE before each piece.
        values: the pieces that came, the end too.
        about: of each the source pieces, as the first model reads them, that it looked at most; (): at none, or at the
            end.
    """

    keys: tuple[Tensor, ...]
    values: list[int]
    about: list[tuple[int, ...]]

    def within(self, source: frozenset[int]) -> "Example":
        """What it says of pieces of a source: of the others its sentence is another one."""
        rows = [row for row, pieces in enumerate(self.about) if not pieces or not source.isdisjoint(pieces)]
        if len(rows) == len(self.values):
            return self
        keys = tuple(key_LE[rows] for key_LE in self.keys)
        return Example(keys, [self.values[row] for row in rows], [self.about[row] for row in rows])


@dataclass(frozen=True)
class Nearest:
    """The keys of those of some sentences that are steered, of one model.

    Attributes:
        steered_B: true of those sentences; places_R: which they are.
        pieces_RU: search's numbers of the values; where there are fewer, any piece that can be said.
        spread_RMU: one where the value of a key is that piece, else zero.
    """

    steered_B: Tensor
    places_R: Tensor
    keys_RME: Tensor
    squares_RM: Tensor
    far_RM: Tensor
    pieces_RU: Tensor
    spread_RMU: Tensor

    @classmethod
    def of(
        cls, model: int, given: Sequence[Sequence[Example]], numbers: Callable[[list[int]], list[int]], other: int
    ) -> "Nearest":
        """Those of a batch.

        Args:
            model: which one of each example's keys.
            given: examples of each sentence, of one at least.
            numbers: search's numbers of pieces.
            other: search's number of a piece that can always be said.
        """
        places = [b for b, some in enumerate(given) if some]
        values = [[value for one in given[b] for value in one.values] for b in places]
        among = [sorted(set(mine)) for mine in values]
        M, U = max(map(len, values)), max(map(len, among))
        keys = [torch.cat([one.keys[model] for one in given[b]]) for b in places]
        device = keys[0].device
        far_RM = keys[0].new_full((len(places), M), FAR)
        spread_RMU = keys[0].new_zeros(len(places), M, U)
        for r, (mine, few) in enumerate(zip(values, among, strict=True)):
            far_RM[r, : len(mine)] = 0
            spread_RMU[r, range(len(mine)), [few.index(value) for value in mine]] = 1
        keys_RME = torch.nn.utils.rnn.pad_sequence(keys, batch_first=True)
        pieces_RU = torch.tensor([[*numbers(few), *[other] * (U - len(few))] for few in among], device=device)
        steered_B = torch.tensor(list(map(bool, given)), device=device)
        places_R = torch.tensor(places, device=device)
        return cls(steered_B, places_R, keys_RME, keys_RME.square().sum(2), far_RM, pieces_RU, spread_RMU)

    def keep(self, sentences: Tensor) -> "Nearest | None":
        """Those of some of the sentences; None: there are none."""
        steered_B = self.steered_B.index_select(0, sentences)
        places_R = steered_B.nonzero().squeeze(1)
        if not len(places_R):
            return None
        rows_R = (self.steered_B.cumsum(0) - 1).index_select(0, sentences.index_select(0, places_R))
        tables = (self.keys_RME, self.squares_RM, self.far_RM, self.pieces_RU, self.spread_RMU)
        return Nearest(steered_B, places_R, *(table.index_select(0, rows_R) for table in tables))

    def mix(self, logits_BKV: Tensor, states_BKE: Tensor) -> None:
        """Make of the logits of a model those of the mixture, but for a number that is the same for all pieces."""
        tables = (self.keys_RME, self.squares_RM, self.far_RM, self.pieces_RU, self.spread_RMU)
        mix_told(logits_BKV, states_BKE, self.places_R, *tables, TEMPERATURE, REACH, MOST, POWER)


def mixed(logits_V: Tensor, state_E: Tensor, given: Sequence[Example], model: int = 0) -> Tensor:
    """The reference of `Nearest.mix`: log-probabilities of all pieces, of one hypothesis, by search's numbers."""
    told_V, nearest, total = torch.zeros_like(logits_V), FAR, 0.0
    for one in given:
        for key_E, value in zip(one.keys[model], one.values, strict=True):
            far = float((state_E - key_E).square().sum() / (state_E.square().sum() + key_E.square().sum()))
            share = float(torch.tensor(-far / TEMPERATURE, dtype=torch.float64).exp())
            told_V[value] += share
            nearest, total = min(nearest, far), total + share
    weight = MOST * max(0.0, 1 - nearest / REACH) ** POWER
    return ((1 - weight) * logits_V.softmax(0) + weight * told_V / (total or 1)).log()
