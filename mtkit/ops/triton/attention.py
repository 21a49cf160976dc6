"""Attention's scores, softmax and contexts, a kernel each; see `mtkit.ops.reference.attention`."""

import torch
from torch import Tensor

from mtkit.ops.triton.launch import blocks, launch, power

# What a program has in hand at once, positions times numbers of a head, and the warps that share it:
SCORES = 2048, 4  # of scores, up to 512 numbers of each position
SLOPES = 1024, 4  # going back, up to 64 of each
WIDE = 8192, 8  # where it has all positions of a row


def additive_scores(query_BKA: Tensor, keys_BSA: Tensor, bias_BS: Tensor, energy_A: Tensor, heads: int) -> Tensor:
    """See the reference."""
    (B, K, A), S = query_BKA.shape, keys_BSA.shape[1]
    scores_BKhS = keys_BSA.new_empty(B, K, heads, S)
    _additive(query_BKA.view(-1, A), keys_BSA, energy_A, heads, K, scores_BKhS)
    return scores_BKhS.transpose(1, 2)


def _additive(query_qA: Tensor, keys_nSA: Tensor, energy_A: Tensor, heads: int, K: int, out: Tensor) -> None:
    """Scores of q queries, K of them a sentence; a row a query and head."""
    _, S, A = keys_nSA.shape
    d, q, (tile, warps) = A // heads, len(query_qA), SCORES
    block = min(512, power(d))
    positions = tile // block
    launch(
        "attention:additive_scores",
        (q * heads, blocks(S, positions)),
        *(keys_nSA, query_qA, energy_A, out, S, d, heads, K, query_qA.stride(0)),
        POSITIONS=positions,
        BLOCK=block,
        num_warps=warps,
    )


class AdditiveScores:
    """See the reference."""

    def __init__(self, keys_BSA: Tensor, bias_BS: Tensor, energy_A: Tensor, heads: int) -> None:
        self.keys_BSA, self.energy_A, self.heads = keys_BSA, energy_A, heads
        self.grad_energy_BA: Tensor | None = None  # a row a sentence: sums are made in the order of steps

    def forward(self, query_nA: Tensor, out_rS: Tensor) -> None:
        """Put the scores of a step into `out_rS`."""
        _additive(query_nA, self.keys_BSA[: len(query_nA)], self.energy_A, self.heads, 1, out_rS)

    def backward(self, query_nA: Tensor, grad_scores_rS: Tensor, grad_keys_BSA: Tensor) -> Tensor:
        """The gradient of the query; that of the keys, but for the factor v, is added to `grad_keys_BSA`."""
        B, S, A = self.keys_BSA.shape
        if self.grad_energy_BA is None:
            self.grad_energy_BA = self.keys_BSA.new_zeros(B, A, dtype=torch.float32)
        d, (tile, warps) = A // self.heads, SLOPES
        block = min(64, power(d))
        grad_query_nA = torch.empty_like(query_nA, memory_format=torch.contiguous_format)
        places = (grad_scores_rS, grad_keys_BSA, grad_query_nA, self.grad_energy_BA)
        launch(
            "attention:additive_backward",
            (len(query_nA) * self.heads, blocks(d, block)),
            *(self.keys_BSA, query_nA, self.energy_A, *places, S, d, self.heads, query_nA.stride(0)),
            POSITIONS=tile // 64,
            BLOCK=block,
            num_warps=warps,
        )
        return grad_query_nA

    def grad_energy_A(self) -> Tensor:
        """After every step's backward: the gradient of v."""
        assert self.grad_energy_BA is not None
        return self.grad_energy_BA.sum(0).to(self.energy_A.dtype)


def attend(scores_BhKS: Tensor, bias_BS: Tensor, values_BhSd: Tensor) -> tuple[Tensor, Tensor]:
    """See the reference."""
    weights_BKhS = scores_BhKS.transpose(1, 2).contiguous()
    B, K, h, _ = weights_BKhS.shape
    context_BKH = values_BhSd.new_empty(B, K, h * values_BhSd.shape[3])
    _attend(weights_BKhS, bias_BS, values_BhSd, context_BKH.flatten(0, 1))
    return context_BKH, weights_BKhS.squeeze(2) if h == 1 else weights_BKhS.mean(2)


def attend_step(scores_rS: Tensor, bias_nS: Tensor, values_rSd: Tensor, out_nH: Tensor) -> Tensor:
    """See the reference."""
    n, (r, S, d) = len(out_nH), values_rSd.shape
    _attend(scores_rS, bias_nS, values_rSd.view(n, r // n, S, d), out_nH)
    return out_nH


def _attend(scores: Tensor, bias_nS: Tensor, values_nhSd: Tensor, out_qH: Tensor) -> None:
    """Of as many queries a sentence as there are rows of `out_qH`; values may be laid in any order of rows."""
    n, heads, S, d = values_nhSd.shape
    q = len(out_qH)
    launch(
        "attention:attend",
        (q * heads,),
        *(scores, bias_nS, values_nhSd, out_qH, S, d, heads, q // n, bias_nS.stride(0)),
        *(*values_nhSd.stride()[:3], out_qH.stride(0)),
        **_wide(S, d),
    )


def attend_step_backward(grad_rd: Tensor, values_rSd: Tensor, weights_rS: Tensor) -> Tensor:
    """See the reference."""
    r, S, d = values_rSd.shape
    grad_scores_rS = torch.empty_like(weights_rS)
    launch(
        "attention:attend_backward",
        (r,),
        *(grad_rd, values_rSd, weights_rS, grad_scores_rS, S, d, grad_rd.stride(0)),
        **_wide(S, d),
    )
    return grad_scores_rS


def _wide(S: int, d: int) -> dict[str, int]:
    """All positions at once, and as many numbers of each as there is room for."""
    positions, (tile, warps) = power(S), WIDE
    return {"POSITIONS": positions, "BLOCK": min(power(d), max(1, tile // positions)), "num_warps": warps}
