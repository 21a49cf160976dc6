"""The Transformer encoder: a sentence in, one vector a position out. Must not know decoders.

Dimensions: N packed real positions, B sentences, S source positions, E embed_dim, H hidden_dim.
"""

from torch import Tensor, nn

from mtkit.model.encoder import Encoder, Memory
from mtkit.model.transformer.blocks import Drop, FeedForward, Input, SelfAttention, drop_of, no_drop
from mtkit.model.transformer.positions import Positions, Turn
from mtkit.ops.packing import Packing


class Block(nn.Module):
    """Self-attention and a feed-forward network, each added to what it reads."""

    def __init__(self, *, heads: int, ffn_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(hidden_dim)
        self.attention = SelfAttention(hidden_dim=hidden_dim, heads=heads)
        self.ffn_norm = nn.LayerNorm(hidden_dim)
        self.ffn = FeedForward(hidden_dim=hidden_dim, ffn_dim=ffn_dim)

    def forward(self, x_NH: Tensor, packing: Packing, turn: Turn, drop: Drop) -> Tensor:
        """x_NH -> NH."""
        x_NH = x_NH + drop(self.attention(self.attention_norm(x_NH), packing, turn))
        return x_NH + drop(self.ffn(self.ffn_norm(x_NH), drop))


class TransformerEncoder(Encoder):
    """Blocks of self-attention (Vaswani et al. 2017), norm before each sublayer and at the end (Xiong et al. 2020).

    Args:
        ffn_dim: 0: four times hidden_dim.
        positions: how blocks know the order.
        variational: one dropout mask a sequence.
    """

    rounds = True

    def __init__(
        self,
        *,
        layers: int,
        heads: int,
        ffn_dim: int,
        positions: type[Positions],
        embed_dim: int,
        hidden_dim: int,
        dropout: float,
        variational: bool,
    ) -> None:
        super().__init__()
        self.dropout, self.variational = dropout, variational
        self.input = Input(positions=positions, heads=heads, embed_dim=embed_dim, hidden_dim=hidden_dim)
        self.blocks = nn.ModuleList(Block(heads=heads, ffn_dim=ffn_dim, hidden_dim=hidden_dim) for _ in range(layers))
        self.norm = nn.LayerNorm(hidden_dim)

    def forward(self, x_NE: Tensor, packing: Packing, plain: bool = False) -> Memory:
        """See Encoder.forward; there is one path only."""
        drop = drop_of(packing, self.dropout, self.variational) if self.training else no_drop
        x_NH, turn = self.input(x_NE, packing.time_N)
        for block in self.blocks:
            x_NH = block(x_NH, packing, turn, drop)
        y_NH = self.norm(x_NH)
        return Memory(packing.unpack(y_NH), packing.last(y_NH), packing)
