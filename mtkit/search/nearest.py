"""What was said in like places: a search that is steered by translations of like sentences, with no training.

A decoder was run over each example, a pair that somebody has made: its state before each piece is a key, and the piece
that came its value. At each step of a search the keys that are near the state speak, too: their distribution over
pieces is mixed with the model's, with a weight that falls with the distance of the nearest one (SK-MT, Dai et al. 2023;
after Khandelwal et al. 2021). A state is what the output layer compares its pieces with. Distances are relative to the
lengths of both states, so that they mean the same for every model. Must not know models or text.

Dimensions: B sentences, K hypotheses of each, M keys of a sentence, U pieces among their values, L pieces of an
example, E width of a state, V vocabulary.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar

import torch
from torch import Tensor

from mtkit.ops.logits import log_sums

# Chosen by the likelihood of unseen translations, by a GRU and a Transformer, with memories of 200 to 20,000 pairs.
TEMPERATURE = 0.04  # of the distribution over keys, in units of distance
REACH = 0.4  # the distance at which the nearest key has no weight any more, ...
POWER = 3  # ... how fast it falls on the way there, ...
MOST = 0.6  # ... and from what, where the nearest key is the state itself
FAR = 1e6  # the distance of a key that is none


@dataclass(frozen=True)
class Example:
    """A translation as decoders have gone through it.

    Attributes:
        keys: of each model, a row LE before each piece.
        values: the pieces that came, the end too.
    """

    keys: tuple[Tensor, ...]
    values: list[int]


@dataclass(frozen=True)
class Nearest:
    """The keys of some sentences, of one model.

    Attributes:
        pieces_BU: search's numbers of the values; where there are fewer, any piece that can be said.
        spread_BMU: one where the value of a key is that piece, else zero.
    """

    keys_BME: Tensor
    squares_BM: Tensor
    far_BM: Tensor
    pieces_BU: Tensor
    spread_BMU: Tensor

    temperature: ClassVar[float] = TEMPERATURE
    reach: ClassVar[float] = REACH
    power: ClassVar[float] = POWER
    most: ClassVar[float] = MOST

    @classmethod
    def of(
        cls, model: int, given: Sequence[Sequence[Example]], numbers: Callable[[list[int]], list[int]], other: int
    ) -> "Nearest":
        """Those of a batch.

        Args:
            model: which one of each example's keys.
            given: examples of each sentence; none is as good as some.
            numbers: search's numbers of pieces.
            other: search's number of a piece that can always be said.
        """
        values = [[value for one in some for value in one.values] for some in given]
        among = [sorted(set(some)) for some in values]
        M, U = max(map(len, values)), max(map(len, among))
        key = next(one.keys[model] for some in given for one in some)
        keys_BME = key.new_zeros(len(given), M, key.shape[1])
        far_BM = key.new_full((len(given), M), FAR)
        spread_BMU = key.new_zeros(len(given), M, U)
        pieces = [[*numbers(some), *[other] * (U - len(some))] for some in among]
        for b, (some, mine) in enumerate(zip(given, values, strict=True)):
            if some:
                torch.cat([one.keys[model] for one in some], out=keys_BME[b, : len(mine)])
                far_BM[b, : len(mine)] = 0
                places = {piece: place for place, piece in enumerate(among[b])}
                spread_BMU[b, list(range(len(mine))), [places[value] for value in mine]] = 1
        pieces_BU = torch.tensor(pieces, device=key.device)
        return cls(keys_BME, keys_BME.square().sum(2), far_BM, pieces_BU, spread_BMU)

    def keep(self, sentences: Tensor) -> "Nearest":
        """Those of some of the sentences."""
        return Nearest(*(getattr(self, field.name).index_select(0, sentences) for field in fields(self)))

    def mix(self, logits_BKV: Tensor, states_BKE: Tensor) -> None:
        """Make of the logits of a model those of the mixture, but for a number that is the same for all pieces.

        Where weights are w, of a piece that a key tells the probability p becomes (1 - w) p + w q, of every other one
        (1 - w) p. So, all divided by 1 - w, only few logits change: by log(1 + w q / ((1 - w) p)).
        """
        squares_BKM = states_BKE.square().sum(2, keepdim=True) + self.squares_BM.unsqueeze(1)
        products_BKM = states_BKE @ self.keys_BME.mT
        far_BKM = (1 - 2 * products_BKM / squares_BKM).clamp_(min=0) + self.far_BM.unsqueeze(1)
        weights_BK1 = self.most * (1 - far_BKM.amin(2, keepdim=True) / self.reach).clamp_(min=0) ** self.power
        told_BKU = (far_BKM / -self.temperature).softmax(2) @ self.spread_BMU
        pieces_BKU = self.pieces_BU.unsqueeze(1).expand(-1, logits_BKV.shape[1], -1)
        logprobs_BKU = logits_BKV.gather(2, pieces_BKU) - log_sums(logits_BKV).unsqueeze(2)
        gains_BKU = (told_BKU * (weights_BK1 / (1 - weights_BK1))).log() - logprobs_BKU
        logits_BKV.scatter_add_(2, pieces_BKU, torch.logaddexp(gains_BKU, torch.zeros_like(gains_BKU)))


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
