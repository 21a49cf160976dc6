"""What a Transformer decoder knows between steps, in the plain form: keys and values, a tensor a block.

Must not know how they are made, nor search.

Dimensions: B sentences, K hypotheses of each, L pieces so far, S source positions, A heads, D the width of one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from mtkit.model.decoder import DecoderState

KeysValues = tuple[Tensor, Tensor]
"""The memory as a block's attention sees it: keys_BASD and values_BASD."""


@dataclass(frozen=True)
class TransformerState(DecoderState):
    """What a Transformer decoder knows between steps."""

    grows: ClassVar[bool] = True
    memories: tuple[KeysValues, ...]
    """Of each block."""
    bias_BS: Tensor
    cache: tuple[Tensor, ...]
    """Of each block, self-attention's keys and values of the pieces so far, BKL2AD."""
    time_1: Tensor | None = None
    """Where in a cache that has room the next piece comes, which makes it one more; None: caches have no room."""

    def each(
        self, of_sentence: Callable[[Tensor], Tensor], of_hypothesis: Callable[[Tensor], Tensor]
    ) -> "TransformerState":
        """See DecoderState.each."""
        return TransformerState(
            tuple((of_sentence(keys), of_sentence(values)) for keys, values in self.memories),
            of_sentence(self.bias_BS),
            tuple(of_hypothesis(cache) for cache in self.cache),
            self.time_1,
        )

    def with_room(self, steps: int) -> "TransformerState":
        """See DecoderState.with_room; what is in the room before a step has written there is seen by nobody."""
        cache = tuple(nn.functional.pad(one, (0, 0, 0, 0, 0, 0, 0, steps)) for one in self.cache)
        said = self.cache[0].shape[2]
        time_1 = torch.full((1,), said, device=self.bias_BS.device) if self.time_1 is None else self.time_1
        return replace(self, cache=cache, time_1=time_1)
