"""What encoders make and decoders read."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from mtkit.ops.packing import Packing


@dataclass(frozen=True)
class Memory:
    """What an encoder hands to a decoder."""

    states_BSH: Tensor
    """One vector a source position, zero on padding."""
    last_BH: Tensor
    """A summary: of a recurrent encoder what each direction says last, else the last position's vector."""
    packing: Packing
    """Where its real positions are; not those of the source where convolutions have shortened it."""

    @property
    def bias_BS(self) -> Tensor:
        """0 at real source positions, minus infinity at padding: to be added to scores."""
        mask_BS = self.packing.mask_BL
        return torch.zeros_like(mask_BS, dtype=self.states_BSH.dtype).masked_fill_(~mask_BS, float("-inf"))


class Encoder(nn.Module):
    """What an encoder is: real positions in, a memory out."""

    rounds: ClassVar[bool] = False
    """Whether its activations may be bf16 in training, as those of a Transformer may; states of a recurrence add up."""

    def forward(self, x_NE: Tensor, packing: Packing, plain: bool = False) -> Memory:
        """Encode.

        Args:
            x_NE: embedded source positions.
            packing: where they are.
            plain: take the reference path, if there is another one.
        """
        raise TypeError(f"{type(self).__name__} is no encoder")
