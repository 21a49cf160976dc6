"""Attentions whose scores are dot products: of the state and the memory, or of linear maps of them."""

import math

import torch
from torch import Tensor, nn

from mtkit.model.attention.base import Attention
from mtkit.model.attention.scores import ScoreSteps, merge_heads, split_heads
from mtkit.ops.products import linear


class Dot(Attention):
    """score = state . memory (Luong et al. 2015)."""

    def scores(self, query_BKA: Tensor, keys_BSA: Tensor, bias_BS: Tensor) -> Tensor:
        return self.split(query_BKA) @ self.split(keys_BSA).transpose(2, 3)

    def by_dots(self) -> bool:
        """See Attention.by_dots; not where a subclass has them otherwise."""
        own = type(self)
        others = (getattr(own, name) is getattr(Attention, name) for name in ("prior", "shift", "split"))
        return own.scores is Dot.scores and all(others)

    def score_steps(self, keys_BSA: Tensor, bias_BS: Tensor, steps: int, parameters: tuple[Tensor, ...]) -> ScoreSteps:
        return DotSteps(keys_BSA, steps, self.heads)


class General(Dot):
    """score = state . W memory (Luong et al. 2015, "general")."""

    def __init__(self, hidden_dim: int, heads: int = 1, coverage: bool = False) -> None:
        super().__init__(hidden_dim, heads, coverage)
        self.key = nn.Linear(hidden_dim, hidden_dim, bias=False)

    def keys(self, memory_BSH: Tensor) -> Tensor:
        return linear(memory_BSH, self.key.weight)


class ScaledDot(General):
    """score = W state . U memory over the root of a head's width (Vaswani et al. 2017)."""

    def __init__(self, hidden_dim: int, heads: int = 1, coverage: bool = False) -> None:
        super().__init__(hidden_dim, heads, coverage)
        self.query = nn.Linear(hidden_dim, hidden_dim, bias=False)
        self.scale = 1 / math.sqrt(hidden_dim // heads)

    def keys(self, memory_BSH: Tensor) -> Tensor:
        return super().keys(memory_BSH) * self.scale  # once here instead of at every step


class MultiHead(ScaledDot):
    """`ScaledDot` with projected values (Vaswani et al. 2017).

    The projection after the heads is left to the linear map that reads the context, which every wiring has.
    """

    def __init__(self, hidden_dim: int, heads: int = 4, coverage: bool = False) -> None:
        super().__init__(hidden_dim, heads, coverage)
        self.value = nn.Linear(hidden_dim, hidden_dim)

    def values(self, memory_BSH: Tensor) -> Tensor:
        return linear(memory_BSH, self.value.weight, self.value.bias)


class DotSteps(ScoreSteps):
    """Scores that are products of keys and queries; the gradient of the keys waits for the end."""

    def __init__(self, keys_BSA: Tensor, steps: int, heads: int) -> None:
        self.heads = heads
        self.keys_RSd = split_heads(keys_BSA, heads)
        R, S, d = self.keys_RSd.shape
        self.queries_TRd = keys_BSA.new_zeros(steps, R, d)
        self.grad_scores_TRS = keys_BSA.new_zeros(steps, R, S)

    def forward(self, t: int, query_nA: Tensor, out_rS: Tensor) -> None:
        r = len(query_nA) * self.heads
        query_rd = self.queries_TRd[t, :r]
        query_rd.copy_(query_nA.reshape(query_rd.shape))
        # Keys times query, the other way round, is several times slower on a CPU.
        torch.bmm(query_rd.unsqueeze(1), self.keys_RSd[:r].transpose(1, 2), out=out_rS.unsqueeze(1))

    def backward(self, t: int, grad_scores_rS: Tensor) -> Tensor:
        r = len(grad_scores_rS)
        self.grad_scores_TRS[t, :r] = grad_scores_rS
        return torch.bmm(grad_scores_rS.unsqueeze(1), self.keys_RSd[:r]).view(r // self.heads, -1)

    def finish(self) -> tuple[Tensor, tuple[Tensor, ...]]:
        grad_keys_RSd = torch.bmm(self.grad_scores_TRS.permute(1, 2, 0), self.queries_TRd.transpose(0, 1))
        return merge_heads(grad_keys_RSd, self.heads), ()
