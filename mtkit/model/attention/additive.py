"""Additive attention (Bahdanau et al. 2015): score = v . tanh(W query + U memory + b)."""

import torch
from torch import Tensor, nn

from mtkit.model.attention.base import Attention
from mtkit.model.attention.scores import ScoreSteps
from mtkit.ops import native
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
        if not torch.is_grad_enabled() and native.fits(query_BKA, keys_BSA):
            (B, K, A), S = query_BKA.shape, keys_BSA.shape[1]
            scores_BKhS = keys_BSA.new_zeros(B, K, self.heads, S)
            rows = query_BKA.reshape(-1, A), self.energy_A, bias_BS, scores_BKhS.flatten(0, 2)
            native.elementwise.additive_forward(keys_BSA, *rows)
            return scores_BKhS.transpose(1, 2)
        layer_BKSA = (keys_BSA[:, None] + query_BKA[:, :, None]).tanh()
        return (layer_BKSA @ by_heads(self.energy_A, self.heads)).permute(0, 3, 1, 2)

    def score_parameters(self) -> tuple[Tensor, ...]:
        return (self.energy_A,)

    def score_steps(self, keys_BSA: Tensor, bias_BS: Tensor, steps: int, parameters: tuple[Tensor, ...]) -> ScoreSteps:
        return AdditiveSteps(keys_BSA, bias_BS, parameters[0], self.heads)


def by_heads(energy_A: Tensor, heads: int) -> Tensor:
    """v as a matrix (A, heads) that has each head's part of it in a column of its own."""
    return torch.block_diag(*energy_A.view(heads, -1)).T  # type: ignore[no-any-return]


class AdditiveSteps(ScoreSteps):
    """With e = tanh(key + query): d key = d score * v * (1 - e²), d query its sum over S, d v = sum d score * e.

    e is made in one place again and again, and once more in the backward pass: storing that of every step would
    move more memory than it takes to compute.
    """

    def __init__(self, keys_BSA: Tensor, bias_BS: Tensor, energy_A: Tensor, heads: int) -> None:
        self.bias_BS, self.keys_BSA, self.energy_A, self.heads = bias_BS, keys_BSA, energy_A, heads
        self.layer_BSA = keys_BSA.new_empty(0)
        self.queries: list[Tensor] = []
        self.grad_keys_BSA: Tensor | None = None  # v is a factor of all of it: applied at the end
        self.native = native.fits(keys_BSA, energy_A)
        if self.native:
            self.grad_energy_PA = energy_A.new_zeros(torch.get_num_threads(), len(energy_A))  # a row a thread
        else:
            self.energy_Ah = by_heads(energy_A, heads).contiguous()
            self.grad_energy_Ah = torch.zeros_like(self.energy_Ah)

    def _layer(self, query_nA: Tensor) -> Tensor:
        n = len(query_nA)
        if not len(self.layer_BSA):
            self.layer_BSA = torch.empty_like(self.keys_BSA)
        return torch.add(self.keys_BSA[:n], query_nA.unsqueeze(1), out=self.layer_BSA[:n]).tanh_()

    def forward(self, t: int, query_nA: Tensor, out_rS: Tensor) -> None:
        self.queries.append(query_nA)
        if self.native:
            n = len(query_nA)
            native.elementwise.additive_forward(self.keys_BSA[:n], query_nA, self.energy_A, self.bias_BS[:n], out_rS)
            return
        layer_nSA = self._layer(query_nA)
        n, S, A = layer_nSA.shape
        scores_nSh = (layer_nSA.view(n * S, A) @ self.energy_Ah).view(n, S, self.heads)
        out_rS.copy_(scores_nSh.transpose(1, 2).flatten(0, 1))

    def backward(self, t: int, grad_scores_rS: Tensor) -> Tensor:
        query_nA = self.queries.pop()
        if self.grad_keys_BSA is None:
            self.grad_keys_BSA = torch.zeros_like(self.keys_BSA)
        if self.native:
            keys_nSA = self.keys_BSA[: len(query_nA)]
            return native.elementwise.additive_backward(
                keys_nSA, query_nA, self.energy_A, grad_scores_rS, self.grad_keys_BSA, self.grad_energy_PA
            )
        layer_nSA = self._layer(query_nA)
        n, S, A = layer_nSA.shape
        grad_nSh = grad_scores_rS.view(n, self.heads, S).transpose(1, 2)
        self.grad_energy_Ah.addmm_(layer_nSA.view(n * S, A).T, grad_nSh.reshape(n * S, self.heads))
        slope_nSA = torch.empty_like(layer_nSA)  # d score * (1 - e²), in one pass
        spread = (n, S, self.heads, A // self.heads)
        torch.ops.aten.tanh_backward.grad_input(
            grad_nSh.unsqueeze(3).expand(spread), layer_nSA.view(spread), grad_input=slope_nSA.view(spread)
        )
        self.grad_keys_BSA[:n] += slope_nSA
        return slope_nSA.sum(1) * self.energy_A

    def finish(self) -> tuple[Tensor, tuple[Tensor, ...]]:
        assert self.grad_keys_BSA is not None
        A = len(self.energy_A)
        if self.native:
            grad_energy_A = self.grad_energy_PA.sum(0)
        else:
            own = self.grad_energy_Ah.view(self.heads, A // self.heads, self.heads).diagonal(0, 0, 2)
            grad_energy_A = own.T.reshape(-1)
        return self.grad_keys_BSA.mul_(self.energy_A), (grad_energy_A,)
