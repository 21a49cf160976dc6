"""What a loss and a search make of rows of logits.

Dimensions: N rows, V the vocabulary, B sentences, K hypotheses of each, M the best of those of a sentence.
"""

import torch
from torch import Tensor


def softmax_loss(
    logits_NV: Tensor, bias_V: Tensor, pieces_N: Tensor, smoothing: float, grad_bias_V: Tensor | None
) -> Tensor:
    """The summed loss of pieces.

    Args:
        logits_NV: without the bias; in their place stands, afterwards, the gradient (or, without grad_bias_V, nothing
            of use).
        grad_bias_V: its sum over N is added to this.
    """
    V, pieces_N1 = logits_NV.shape[1], pieces_N.unsqueeze(1)
    log_p = torch.log_softmax(logits_NV.add_(bias_V), -1, out=logits_NV)
    loss = -(1 - smoothing) * log_p.gather(1, pieces_N1).sum()
    if smoothing:
        loss -= smoothing / V * log_p.sum()
    if grad_bias_V is not None:
        grad = log_p.exp_()  # softmax minus the smoothed target
        if smoothing:
            grad -= smoothing / V
        grad.scatter_add_(1, pieces_N1, grad.new_full((1, 1), smoothing - 1).expand_as(pieces_N1))
        grad_bias_V += grad.sum(0)
    return loss


def twice_loss(
    logits_NV: Tensor,
    bias_V: Tensor,
    pieces_N: Tensor,
    smoothing: float,
    weights: tuple[float, float, float, float],
    grad_bias_V: Tensor | None,
) -> Tensor:
    """The summed loss of pieces that two passes p and q predict, in rows 2i and 2i + 1; else as `softmax_loss`.

    With log p - log q = r, the gradient of KL(p || q) is p (r - KL(p || q)) to the logits of p and q - p to those of q.

    Args:
        weights: of the loss of p, that of q, KL(p || q) and KL(q || p).
    """
    loss_p, loss_q, weight_pq, weight_qp = weights
    V, pieces_n1 = logits_NV.shape[1], pieces_N[::2].unsqueeze(1)
    log_p_NV = torch.log_softmax(logits_NV.add_(bias_V), -1)
    log_p, log_q = log_p_NV[::2], log_p_NV[1::2]
    p, q, r = log_p.exp(), log_q.exp(), log_p - log_q
    kl_pq, kl_qp = (p * r).sum(-1, keepdim=True), -(q * r).sum(-1, keepdim=True)
    loss = weight_pq * kl_pq.sum() + weight_qp * kl_qp.sum()
    for weight, log in ((loss_p, log_p), (loss_q, log_q)):
        loss -= weight * ((1 - smoothing) * log.gather(1, pieces_n1).sum() + smoothing / V * log.sum())
    if grad_bias_V is not None:
        to_p = weight_pq * p * (r - kl_pq) + weight_qp * (p - q)
        to_q = weight_qp * q * (-r - kl_qp) + weight_pq * (q - p)
        for place, to, weight, share in ((0, to_p, loss_p, p), (1, to_q, loss_q, q)):
            grad = to + weight * (share - smoothing / V)
            grad.scatter_add_(1, pieces_n1, grad.new_full((1, 1), weight * (smoothing - 1)).expand_as(pieces_n1))
            logits_NV[place::2] = grad
        grad_bias_V += logits_NV.sum(0)
    return loss


def log_sums(logits_BKV: Tensor) -> Tensor:
    """The logarithm of the sum of exponentials over the vocabulary, BK."""
    return logits_BKV.logsumexp(-1)


def best_pieces(logits_BKV: Tensor, added_BK: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The best `count` of logits + added over all hypotheses of a sentence, best first; and places k * V + piece."""
    best_BM, places_BM = (logits_BKV + added_BK.unsqueeze(2)).flatten(1).topk(count, 1)
    return best_BM, places_BM
