"""What Transformer encoders and decoders are made of. Must not know sides, states or search.

Blocks normalise what they read, not what they say (Xiong et al. 2020), so that training needs no long warm-up.
All that has no look at other positions works on packed rows; only attention sees padded tables.

Dimensions: X any rows, N packed real positions, B sentences, L positions of a table, Q positions or
hypotheses that ask, S positions that are looked at, E embed_dim, H hidden_dim, A heads, D = H / A.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from mtkit.model.transformer.positions import Positions, Turn
from mtkit.ops.compute import current
from mtkit.ops.dropout import dropout
from mtkit.ops.operand import Operand
from mtkit.ops.packing import Packing
from mtkit.ops.products import joined, linear
from mtkit.ops.sentences import attend

Drop = Callable[[Tensor], Tensor]
"""Rows -> the same under dropout."""


def no_drop(x: Tensor) -> Tensor:
    """The `Drop` of steps and evaluation."""
    return x


def drop_of(packing: Packing, share: float, variational: bool) -> Drop:
    """The dropout of a training pass over packed rows NX.

    Args:
        variational: one mask a sequence instead of one a position (Gal and Ghahramani 2016).
    """

    def drop(x_NX: Tensor) -> Tensor:
        return dropout(x_NX, share, packing, variational)

    return drop if share else no_drop


def through(layer: nn.Linear, x: Tensor) -> Tensor:
    """A linear layer in the entered precision: x (..., I) -> (..., O)."""
    return linear(x, layer.weight, layer.bias)


class Input(nn.Module):
    """From embedded pieces to what the first block reads."""

    def __init__(self, *, positions: type[Positions], heads: int, embed_dim: int, hidden_dim: int) -> None:
        super().__init__()
        # Embeddings begin with variance 1 / E; beside positions (and residuals) pieces need variance 1.
        self.scale = embed_dim**0.5
        self.project = nn.Linear(embed_dim, hidden_dim) if embed_dim != hidden_dim else None
        self.positions = positions(hidden_dim=hidden_dim, heads=heads)

    def forward(self, x_XE: Tensor, time_X: Tensor) -> tuple[Tensor, Turn]:
        """Rows and their positions -> x_XH, and what turns the queries and keys of self-attention."""
        x_XE = x_XE * self.scale
        x_XH = x_XE if self.project is None else through(self.project, x_XE)
        placed: tuple[Tensor, Turn] = self.positions(x_XH, time_X)
        return placed


class MultiHead(nn.Module):
    """The linear maps of multi-head attention (Vaswani et al. 2017).

    Keys have no bias: it would add the same to all scores of a query, which softmax takes away again.
    """

    def __init__(self, *, hidden_dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(hidden_dim, hidden_dim)
        self.key = nn.Linear(hidden_dim, hidden_dim, bias=False)
        self.value = nn.Linear(hidden_dim, hidden_dim)
        self.output = nn.Linear(hidden_dim, hidden_dim)

    def queries(self, x_XH: Tensor) -> Tensor:
        """queries_XAD."""
        return self._split(through(self.query, x_XH))

    def keys(self, x_XH: Tensor) -> Tensor:
        """keys_XAD."""
        return self._split(through(self.key, x_XH))

    def values(self, x_XH: Tensor) -> Tensor:
        """values_XAD."""
        return self._split(through(self.value, x_XH))

    def all_at_once(self, x_XH: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values XAD of the same rows, by one product."""
        if current().kept is None:
            made = linear(x_XH, torch.cat([layer.weight for layer in self._asking]), self._bias())
        else:
            weights, bias = self.joined()
            made = weights.times(x_XH, bias)
        queries, keys, values = made.chunk(3, -1)
        return self._split(queries), self._split(keys), self._split(values)

    def joined(self) -> tuple[Operand, Tensor]:
        """What makes queries, keys and values side by side."""
        return joined([layer.weight for layer in self._asking]), self._bias()

    @property
    def _asking(self) -> tuple[nn.Linear, ...]:
        return self.query, self.key, self.value

    def _bias(self) -> Tensor:
        nothing = torch.zeros_like(self.query.bias)
        return torch.cat([nothing if layer.bias is None else layer.bias for layer in self._asking])

    def merge(self, context_XAD: Tensor) -> Tensor:
        """What all heads have found -> XH."""
        return through(self.output, context_XAD.flatten(-2))

    def _split(self, x_XH: Tensor) -> Tensor:
        return x_XH.reshape(*x_XH.shape[:-1], self.heads, -1)


class SelfAttention(MultiHead):
    """Attention of whole sentences to themselves."""

    def forward(self, x_NH: Tensor, packing: Packing, turn: Turn, causal: bool = False) -> Tensor:
        """x_NH -> NH.

        Args:
            turn: what queries and keys go through.
            causal: whether a position sees only itself and those before it.
        """
        queries_NAD, keys_NAD, values_NAD = self.all_at_once(x_NH)
        context_BALD = attend(
            heads_first(turn(queries_NAD), packing),
            heads_first(turn(keys_NAD), packing),
            heads_first(values_NAD, packing),
            # Padding comes last, so that no real position sees it where none sees what is to come.
            mask_BS=None if causal else packing.mask_BL,
            causal=causal,
        )
        return self.merge(packing.pack(context_BALD.transpose(1, 2)))


class FeedForward(nn.Module):
    """Two linear layers, a ReLU between them, at every position alike."""

    def __init__(self, *, hidden_dim: int, ffn_dim: int) -> None:
        super().__init__()
        ffn_dim = ffn_dim or 4 * hidden_dim
        self.inner = nn.Linear(hidden_dim, ffn_dim)
        self.outer = nn.Linear(ffn_dim, hidden_dim)

    def forward(self, x_XH: Tensor, drop: Drop) -> Tensor:
        """x_XH -> XH."""
        return through(self.outer, drop(through(self.inner, x_XH).relu()))


def heads_first(x_NAD: Tensor, packing: Packing) -> Tensor:
    """Packed rows -> the padded table that attention takes, BALD."""
    return packing.unpack_masked(x_NAD).transpose(1, 2)


def attend_weighing(
    queries_BAQD: Tensor, keys_BASD: Tensor, values_BASD: Tensor, bias_BS: Tensor
) -> tuple[Tensor, Tensor]:
    """`attend` written out, since the fused form keeps its weights to itself.

    Returns:
        context_BAQD and weights_BQS, the mean over heads.
    """
    scores_BAQS = queries_BAQD * queries_BAQD.shape[-1] ** -0.5 @ keys_BASD.transpose(2, 3)
    weights_BAQS = (scores_BAQS + bias_BS[:, None, None]).softmax(-1)
    return weights_BAQS @ values_BASD, weights_BAQS.mean(1)
