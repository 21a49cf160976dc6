"""Additive attention (Bahdanau et al. 2015): score = v . tanh(W query + U memory + b)."""

import torch
from torch import Tensor, nn

from mtkit.model.attention.base import Attention
from mtkit.model.attention.scores import ScoreSteps
from mtkit.ops import attention as ops
from mtkit.ops.products import linear


class Additive(Attention):
    """A small network compares query and memory; its tanh is the largest element-wise work of a model.

    Of several heads each has its share of the network's width, with its part of v.
    """

    together = False  # the network's layer, (queries, keys, width), is large

    def __init__(self, hidden_dim: int, heads: int = 1, coverage: bool = False) -> None:
        super().__init__(hidden_dim, heads, coverage)
        self.key = nn.Linear(hidden_dim, hidden_dim)
        self.query = nn.Linear(hidden_dim, hidden_dim, bias=False)
        self.energy_A = nn.Parameter(torch.empty(hidden_dim))
        nn.init.xavier_uniform_(self.energy_A.detach().view(1, -1))

    def keys(self, memory_BSH: Tensor) -> Tensor:
        return linear(memory_BSH, self.key.weight, self.key.bias)

    def scores(self, query_BKA: Tensor, keys_BSA: Tensor, bias_BS: Tensor) -> Tensor:
        return ops.additive_scores(query_BKA, keys_BSA, bias_BS, self.energy_A, self.heads)

    def score_parameters(self) -> tuple[Tensor, ...]:
        return (self.energy_A,)

    def score_steps(self, keys_BSA: Tensor, bias_BS: Tensor, steps: int, parameters: tuple[Tensor, ...]) -> ScoreSteps:
        return AdditiveSteps(keys_BSA, bias_BS, parameters[0], self.heads)


class AdditiveSteps(ScoreSteps):
    """The scores step by step; `mtkit.ops.reference.attention` has their derivative."""

    def __init__(self, keys_BSA: Tensor, bias_BS: Tensor, energy_A: Tensor, heads: int) -> None:
        self.keys_BSA, self.energy_A = keys_BSA, energy_A
        self.scores = ops.additive_steps(keys_BSA, bias_BS, energy_A, heads)
        self.queries: list[Tensor] = []
        self.grad_keys_BSA: Tensor | None = None  # v is a factor of all of it: applied at the end

    def forward(self, t: int, query_nA: Tensor, out_rS: Tensor) -> None:
        self.queries.append(query_nA)
        self.scores.forward(query_nA, out_rS)

    def backward(self, t: int, grad_scores_rS: Tensor) -> Tensor:
        if self.grad_keys_BSA is None:
            self.grad_keys_BSA = torch.zeros_like(self.keys_BSA)
        return self.scores.backward(self.queries.pop(), grad_scores_rS, self.grad_keys_BSA)

    def finish(self) -> tuple[Tensor, tuple[Tensor, ...]]:
        assert self.grad_keys_BSA is not None
        return self.grad_keys_BSA.mul_(self.energy_A), (self.scores.grad_energy_A(),)
