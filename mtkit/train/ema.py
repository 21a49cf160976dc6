"""The running mean of a model's values over its updates: a second model, better and steadier than the last state."""

import copy

import torch
from torch import Tensor

from mtkit.model import tensors
from mtkit.model.seq2seq import Seq2Seq


class Ema:
    """An exponential moving average of a model (Polyak and Juditsky 1992), starting at its present values.

    Attributes:
        model: the mean. Buffers such as running statistics are averaged like parameters; counts are those of the last
            update.
    """

    def __init__(self, model: Seq2Seq, decay: float) -> None:
        self.decay = decay
        self.model = copy.deepcopy(model).requires_grad_(False)
        pairs = list(zip(tensors.named(self.model).values(), tensors.named(model).values(), strict=True))
        self._means = [pair for pair in pairs if pair[0].is_floating_point()]
        self._counts = [pair for pair in pairs if not pair[0].is_floating_point()]

    def weight(self, updates: int) -> float:
        """What the model counts after so many updates, beside the mean so far.

        The decay grows from 2/11 to what was asked for, so that random initial values are soon forgotten.
        """
        return 1 - min(self.decay, (1 + updates) / (10 + updates))

    @torch.no_grad()
    def follow(self, weight: float | Tensor) -> None:
        """Take in the model after an update; a weight on a device is not waited for."""
        means, values = [mean for mean, _ in self._means], [value for _, value in self._means]
        if isinstance(weight, Tensor):
            moves = torch._foreach_sub(values, means)
            torch._foreach_mul_(moves, weight)
            torch._foreach_add_(means, moves)
        else:
            torch._foreach_lerp_(means, values, weight)
        for count, value in self._counts:
            count.copy_(value)
