"""Scores of additive attention, softmax over real positions, and the mean of values weighted by it.

Dimensions: B sentences, n the first of them, K queries a sentence, h heads, S source positions, d = H / h or A / h the
share of a head; r = n * h rows, those of a sentence side by side.
"""

import torch
from torch import Tensor

from mtkit.ops.derivatives import softmax_grad, tanh_grad


def additive_scores(query_BKA: Tensor, keys_BSA: Tensor, bias_BS: Tensor, energy_A: Tensor, heads: int) -> Tensor:
    """energy . tanh(key + query), scores_BhKS; what stands at padding (a bias of minus infinity) may be anything."""
    layer_BKSA = (keys_BSA[:, None] + query_BKA[:, :, None]).tanh()
    return (layer_BKSA @ by_heads(energy_A, heads)).permute(0, 3, 1, 2)


def by_heads(energy_A: Tensor, heads: int) -> Tensor:
    """A vector as a matrix (A, heads) that has each head's part of it in a column of its own."""
    return torch.block_diag(*energy_A.view(heads, -1)).T  # type: ignore[no-any-return]


class AdditiveScores:
    """Additive scores of a training pass, a query a sentence and step, and their derivative.

    With e = tanh(key + query): d key = d score * v * (1 - e²), d query its sum over S, d v = sum d score * e.

    e is made in one place again and again, and once more in the backward pass: storing that of every step would
    move more memory than it takes to compute.
    """

    def __init__(self, keys_BSA: Tensor, bias_BS: Tensor, energy_A: Tensor, heads: int) -> None:
        self.keys_BSA, self.energy_A, self.heads = keys_BSA, energy_A, heads
        self.layer_BSA = keys_BSA.new_empty(0)
        self.energy_Ah = by_heads(energy_A, heads).contiguous()
        self.grad_energy_Ah = torch.zeros_like(self.energy_Ah)

    def _layer(self, query_nA: Tensor) -> Tensor:
        n = len(query_nA)
        if not len(self.layer_BSA):
            self.layer_BSA = torch.empty_like(self.keys_BSA)
        return torch.add(self.keys_BSA[:n], query_nA.unsqueeze(1), out=self.layer_BSA[:n]).tanh_()

    def forward(self, query_nA: Tensor, out_rS: Tensor) -> None:
        """Put the scores of a step into `out_rS`."""
        layer_nSA = self._layer(query_nA)
        n, S, A = layer_nSA.shape
        scores_nSh = (layer_nSA.view(n * S, A) @ self.energy_Ah).view(n, S, self.heads)
        out_rS.copy_(scores_nSh.transpose(1, 2).flatten(0, 1))

    def backward(self, query_nA: Tensor, grad_scores_rS: Tensor, grad_keys_BSA: Tensor) -> Tensor:
        """The gradient of the query; that of the keys, but for the factor v, is added to `grad_keys_BSA`."""
        layer_nSA = self._layer(query_nA)
        n, S, A = layer_nSA.shape
        grad_nSh = grad_scores_rS.view(n, self.heads, S).transpose(1, 2)
        self.grad_energy_Ah.addmm_(layer_nSA.view(n * S, A).T, grad_nSh.reshape(n * S, self.heads))
        slope_nSA = torch.empty_like(layer_nSA)  # d score * (1 - e²), in one pass
        spread = (n, S, self.heads, A // self.heads)
        tanh_grad(grad_nSh.unsqueeze(3).expand(spread), layer_nSA.view(spread), out=slope_nSA.view(spread))
        grad_keys_BSA[:n] += slope_nSA
        return slope_nSA.sum(1) * self.energy_A

    def grad_energy_A(self) -> Tensor:
        """After every step's backward: the gradient of v."""
        own = self.grad_energy_Ah.view(self.heads, len(self.energy_A) // self.heads, self.heads).diagonal(0, 0, 2)
        return own.T.reshape(-1)


def attend(scores_BhKS: Tensor, bias_BS: Tensor, values_BhSd: Tensor) -> tuple[Tensor, Tensor]:
    """Scores -> contexts_BKH, the heads side by side, and the mean weights_BKS of the heads."""
    weights_BhKS = (scores_BhKS + bias_BS[:, None, None]).softmax(-1)
    return (weights_BhKS @ values_BhSd).transpose(1, 2).flatten(-2), weights_BhKS.mean(1)


def attend_dots(
    query_BKA: Tensor, keys_BSA: Tensor, values_BSH: Tensor, bias_BS: Tensor, heads: int
) -> tuple[Tensor, Tensor]:
    """`attend` where scores are products of queries and keys."""
    query_BKhd, keys_BShd, values_BShD = (x.unflatten(2, (heads, -1)) for x in (query_BKA, keys_BSA, values_BSH))
    scores_BhKS = query_BKhd.transpose(1, 2) @ keys_BShd.permute(0, 2, 3, 1)
    return attend(scores_BhKS, bias_BS, values_BShD.transpose(1, 2))


def attend_step(scores_rS: Tensor, bias_nS: Tensor, values_rSd: Tensor, out_nH: Tensor) -> Tensor:
    """One query a sentence: scores -> their softmax, in their place, and the contexts, in `out_nH`."""
    n, S = bias_nS.shape
    scores_rS.view(n, -1, S).add_(bias_nS.unsqueeze(1))
    torch.softmax(scores_rS, -1, out=scores_rS)
    return out_nH.copy_(torch.bmm(scores_rS.unsqueeze(1), values_rSd).view_as(out_nH))


def attend_step_backward(grad_rd: Tensor, values_rSd: Tensor, weights_rS: Tensor) -> Tensor:
    """The gradient of contexts -> of the scores, rS."""
    # Values times gradient, the other way round, is several times slower on a CPU.
    grad_weights_rS = torch.bmm(grad_rd.unsqueeze(1), values_rSd.transpose(1, 2)).squeeze(1)
    return softmax_grad(grad_weights_rS, weights_rS)
