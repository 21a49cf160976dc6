"""How a Transformer knows the order of pieces. Must not know attention, masks or how sentences lie in memory.

To a block by itself a sentence is a set of pieces. Their positions are either added to what the first block
reads, or turn the queries and keys of self-attention.

Dimensions: X any rows (the packed positions of sentences, or one step of all hypotheses), H hidden_dim, A heads,
D = H / A the width of a head.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

LONGEST = 1024  # positions that are learned one by one

Turn = Callable[[Tensor], Tensor]
"""Queries or keys XAD -> the same, turned by their positions."""


class Positions(nn.Module):
    """What all of them are: nothing is added and nothing turned, unless a subclass does it.

    Nothing is kept between calls, so that a model has no tensors beside its parameters.
    """

    def __init__(self, *, hidden_dim: int, heads: int) -> None:
        super().__init__()
        self.hidden_dim, self.heads = hidden_dim, heads

    def forward(self, x_XH: Tensor, time_X: Tensor) -> tuple[Tensor, Turn]:
        """Give rows their positions.

        Args:
            x_XH: what the first block would read.
            time_X: the position of each row in its sentence, from 0; of whole sentences or of any part of them.
                It is broadcast: in a step one number is enough for all hypotheses.

        Returns:
            What the first block reads, and what the queries and keys of self-attention go through in every block.
        """
        return x_XH, lambda y_XAD: y_XAD


class Sinusoidal(Positions):
    """Sines and cosines of falling frequency are added (Vaswani et al. 2017)."""

    def forward(self, x_XH: Tensor, time_X: Tensor) -> tuple[Tensor, Turn]:
        """See Positions.forward."""
        angles = _angles(time_X, self.hidden_dim, x_XH.dtype)
        waves_XH = torch.stack([angles.sin(), angles.cos()], -1).flatten(-2)[..., : self.hidden_dim]
        return super().forward(x_XH + waves_XH.to(x_XH.dtype), time_X)


class Learned(Positions):
    """A learned vector for each of 1024 positions is added (Gehring et al. 2017); all later ones share the last."""

    def __init__(self, *, hidden_dim: int, heads: int) -> None:
        super().__init__(hidden_dim=hidden_dim, heads=heads)
        self.table_LH = nn.Parameter(torch.empty(LONGEST, hidden_dim))
        nn.init.normal_(self.table_LH, std=0.02)

    def forward(self, x_XH: Tensor, time_X: Tensor) -> tuple[Tensor, Turn]:
        """See Positions.forward."""
        vectors_XH = nn.functional.embedding(time_X.clamp(max=LONGEST - 1), self.table_LH)
        return super().forward(x_XH + vectors_XH, time_X)


class Rotary(Positions):
    """Each pair of numbers of a query or key is turned by an angle that grows with the position (Su et al. 2021).

    Their products then depend on the distance of two pieces only. A head's width must be even.
    """

    def forward(self, x_XH: Tensor, time_X: Tensor) -> tuple[Tensor, Turn]:
        """See Positions.forward."""
        angles = _angles(time_X, self.hidden_dim // self.heads, x_XH.dtype).unsqueeze(-2)  # the same for all heads
        cos, sin = angles.cos().to(x_XH.dtype), angles.sin().to(x_XH.dtype)

        def turn(y_XAD: Tensor) -> Tensor:
            even, odd = y_XAD.view(*y_XAD.shape[:-1], -1, 2).unbind(-1)
            return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2)

        return x_XH, turn


def _angles(time_X: Tensor, width: int, dtype: torch.dtype) -> Tensor:
    """Position / 10000^(2i / width) for each of the width / 2 pairs i; where the rest is bf16, this is fp32."""
    dtype = torch.promote_types(dtype, torch.float32)
    exponents = torch.arange(0, width, 2, device=time_X.device, dtype=dtype) / width
    return time_X.unsqueeze(-1) / torch.pow(10000, exponents)
