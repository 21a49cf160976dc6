"""Scores of additive attention, softmax and contexts (elementwise.c); see `mtkit.ops.reference.attention`."""

import torch
from torch import Tensor

from mtkit.ops.native.call import call


def additive_scores(query_BKA: Tensor, keys_BSA: Tensor, bias_BS: Tensor, energy_A: Tensor, heads: int) -> Tensor:
    """See the reference; padding is passed over, and has the score zero."""
    (B, K, A), S = query_BKA.shape, keys_BSA.shape[1]
    scores_BKhS = keys_BSA.new_zeros(B, K, heads, S)
    _additive(keys_BSA, query_BKA.reshape(-1, A), energy_A, bias_BS, scores_BKhS.flatten(0, 2))
    return scores_BKhS.transpose(1, 2)


def _additive(keys_nSA: Tensor, query_qA: Tensor, energy_A: Tensor, bias_nS: Tensor, out_rS: Tensor) -> None:
    """Scores of q queries, those of a sentence one after another; a row a query and head."""
    n, S, A = keys_nSA.shape
    q = len(query_qA)
    call(
        "additive_forward",
        (q, S, A, len(out_rS) // q, q // n),
        (keys_nSA.view(-1, A), query_qA, energy_A, bias_nS, out_rS),
    )


class AdditiveScores:
    """See the reference."""

    def __init__(self, keys_BSA: Tensor, bias_BS: Tensor, energy_A: Tensor, heads: int) -> None:
        self.keys_BSA, self.bias_BS, self.energy_A, self.heads = keys_BSA, bias_BS, energy_A, heads
        self.grad_energy_PA = energy_A.new_zeros(torch.get_num_threads(), len(energy_A))  # a row a thread

    def forward(self, query_nA: Tensor, out_rS: Tensor) -> None:
        """Put the scores of a step into `out_rS`; padding is passed over."""
        n = len(query_nA)
        _additive(self.keys_BSA[:n], query_nA, self.energy_A, self.bias_BS[:n], out_rS)

    def backward(self, query_nA: Tensor, grad_scores_rS: Tensor, grad_keys_BSA: Tensor) -> Tensor:
        """The gradient of the query; that of the keys, but for the factor v, is added to `grad_keys_BSA`."""
        grad_query_nA = torch.empty_like(query_nA)
        n, A = query_nA.shape
        keys_nSA = self.keys_BSA[:n]
        call(
            "additive_backward",
            (n, keys_nSA.shape[1], A, self.heads),
            (
                keys_nSA.view(-1, A),
                query_nA,
                self.energy_A,
                grad_scores_rS,
                grad_keys_BSA[:n],
                grad_query_nA,
                self.grad_energy_PA,
            ),
            len(self.grad_energy_PA),  # as many threads as there are rows for what they add up
        )
        return grad_query_nA

    def grad_energy_A(self) -> Tensor:
        """After every step's backward: the gradient of v."""
        return self.grad_energy_PA.sum(0)


def attend(scores_BhKS: Tensor, bias_BS: Tensor, values_BhSd: Tensor) -> tuple[Tensor, Tensor]:
    """See the reference."""
    weights_BKhS = scores_BhKS.transpose(1, 2).contiguous()
    B, K, h, _ = weights_BKhS.shape
    context_BKH = values_BhSd.new_empty(B, K, h * values_BhSd.shape[3])
    _attend(weights_BKhS.flatten(0, 2), bias_BS, values_BhSd, context_BKH.flatten(0, 1))
    return context_BKH, weights_BKhS.squeeze(2) if h == 1 else weights_BKhS.mean(2)


def attend_step(scores_rS: Tensor, bias_nS: Tensor, values_rSd: Tensor, out_nH: Tensor) -> Tensor:
    """See the reference."""
    n, (r, S, d) = len(out_nH), values_rSd.shape
    _attend(scores_rS, bias_nS, values_rSd.view(n, r // n, S, d), out_nH)
    return out_nH


def _attend(scores_rS: Tensor, bias_nS: Tensor, values_nhSd: Tensor, out_qH: Tensor) -> None:
    """`values_nhSd`: laid in any order, but the numbers of a position side by side."""
    n, heads, S, d = values_nhSd.shape
    sizes = (len(scores_rS), S, d, heads, len(out_qH) // n, *values_nhSd.stride()[:2])
    call("attend_forward", sizes, (scores_rS, bias_nS, values_nhSd, out_qH))


def attend_step_backward(grad_rd: Tensor, values_rSd: Tensor, weights_rS: Tensor) -> Tensor:
    """See the reference."""
    grad_scores_rS = torch.empty_like(weights_rS)
    r, S, d = values_rSd.shape
    call("attend_backward", (r, S, d), (grad_rd, values_rSd.view(-1, d), weights_rS, grad_scores_rS))
    return grad_scores_rS
