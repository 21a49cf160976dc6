"""What a loss and a search make of rows of logits.

Dimensions: N rows, V the vocabulary, B sentences, K hypotheses of each, M the best of those of a sentence. Where some
are steered: R sentences that are, M keys of each, U pieces that they tell, E width of a state.
"""

from math import inf

import torch
from torch import Tensor


def softmax_loss(
    logits_NV: Tensor,
    bias_V: Tensor,
    pieces_N: Tensor,
    smoothing: float,
    grad_bias_V: Tensor | None,
    weights_N: Tensor | None = None,
) -> Tensor:
    """The summed loss of pieces.

    Args:
        logits_NV: without the bias; in their place stands, afterwards, the gradient (or, without grad_bias_V, nothing
            of use). In bf16, too, sums are those of the bias's type.
        grad_bias_V: its sum over N is added to this.
        weights_N: what a row counts, in loss and gradient, 0 or 1; None: 1. What stands in a row of 0, NaN too,
            reaches nothing else.
    """
    if logits_NV.dtype is not bias_V.dtype:
        wide_NV = logits_NV.to(bias_V.dtype)
        loss = softmax_loss(wide_NV, bias_V, pieces_N, smoothing, grad_bias_V, weights_N)
        logits_NV.copy_(wide_NV)
        return loss
    V, pieces_N1 = logits_NV.shape[1], pieces_N.unsqueeze(1)
    log_p = torch.log_softmax(logits_NV.add_(bias_V), -1, out=logits_NV)
    loss = -(1 - smoothing) * _total(log_p.gather(1, pieces_N1), weights_N)
    if smoothing:
        loss -= smoothing / V * _total(log_p, weights_N)
    if grad_bias_V is not None:
        grad = log_p.exp_()  # softmax minus the smoothed target
        if smoothing:
            grad -= smoothing / V
        grad.scatter_add_(1, pieces_N1, grad.new_full((1, 1), smoothing - 1).expand_as(pieces_N1))
        _weigh(grad, weights_N)
        grad_bias_V += grad.sum(0)
    return loss


def twice_loss(
    logits_NV: Tensor,
    bias_V: Tensor,
    pieces_N: Tensor,
    smoothing: float,
    weights: tuple[float, float, float, float],
    grad_bias_V: Tensor | None,
    weights_N: Tensor | None = None,
) -> Tensor:
    """The summed loss of pieces that two passes p and q predict, in rows 2i and 2i + 1; else as `softmax_loss`.

    With log p - log q = r, the gradient of KL(p || q) is p (r - KL(p || q)) to the logits of p and q - p to those of q.

    Args:
        weights: of the loss of p, that of q, KL(p || q) and KL(q || p).
        weights_N: what a row counts, the same in both rows of a pair.
    """
    if logits_NV.dtype is not bias_V.dtype:
        wide_NV = logits_NV.to(bias_V.dtype)
        loss = twice_loss(wide_NV, bias_V, pieces_N, smoothing, weights, grad_bias_V, weights_N)
        logits_NV.copy_(wide_NV)
        return loss
    loss_p, loss_q, weight_pq, weight_qp = weights
    V, pieces_n1 = logits_NV.shape[1], pieces_N[::2].unsqueeze(1)
    counts_n = None if weights_N is None else weights_N[::2]
    log_p_NV = torch.log_softmax(logits_NV.add_(bias_V), -1)
    log_p, log_q = log_p_NV[::2], log_p_NV[1::2]
    p, q, r = log_p.exp(), log_q.exp(), log_p - log_q
    kl_pq, kl_qp = (p * r).sum(-1, keepdim=True), -(q * r).sum(-1, keepdim=True)
    loss = weight_pq * _total(kl_pq, counts_n) + weight_qp * _total(kl_qp, counts_n)
    for weight, log in ((loss_p, log_p), (loss_q, log_q)):
        of_piece = _total(log.gather(1, pieces_n1), counts_n)
        loss -= weight * ((1 - smoothing) * of_piece + smoothing / V * _total(log, counts_n))
    if grad_bias_V is not None:
        to_p = weight_pq * p * (r - kl_pq) + weight_qp * (p - q)
        to_q = weight_qp * q * (-r - kl_qp) + weight_pq * (q - p)
        for place, to, weight, share in ((0, to_p, loss_p, p), (1, to_q, loss_q, q)):
            grad = to + weight * (share - smoothing / V)
            grad.scatter_add_(1, pieces_n1, grad.new_full((1, 1), weight * (smoothing - 1)).expand_as(pieces_n1))
            logits_NV[place::2] = grad
        _weigh(logits_NV, weights_N)
        grad_bias_V += logits_NV.sum(0)
    return loss


def _total(log_nX: Tensor, weights_n: Tensor | None) -> Tensor:
    """The sum of rows that count."""
    if weights_n is None:
        return log_nX.sum()
    sums_n = log_nX.sum(1)
    return sums_n.where(weights_n != 0, 0).mul(weights_n).sum()


def _weigh(grad_NV: Tensor, weights_N: Tensor | None) -> None:
    """A gradient in its place: a row that does not count is zero, whatever stands in it."""
    if weights_N is not None:
        weights_N1 = weights_N.unsqueeze(1)
        grad_NV.mul_(weights_N1).masked_fill_(weights_N1 == 0, 0)


def log_sums(logits_BKV: Tensor) -> Tensor:
    """The logarithm of the sum of exponentials over the vocabulary, BK."""
    return logits_BKV.logsumexp(-1)


def rule_out(logits_BKV: Tensor, states_BK: Tensor, out_ZV: Tensor, end: int) -> None:
    """Minus infinity for what is ruled out in the state of a hypothesis; in state 0 that is nothing from `end` on."""
    logits_BKV.masked_fill_(out_ZV[states_BK], -inf)


def best_pieces(logits_BKV: Tensor, added_BK: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The best `count` of logits + added over all hypotheses of a sentence, best first; and places k * V + piece."""
    best_BM, places_BM = (logits_BKV + added_BK.unsqueeze(2)).flatten(1).topk(count, 1)
    return best_BM, places_BM


def mix_told(
    logits_BKV: Tensor,
    states_BKE: Tensor,
    places_R: Tensor,
    keys_RME: Tensor,
    squares_RM: Tensor,
    far_RM: Tensor,
    pieces_RU: Tensor,
    spread_RMU: Tensor,
    temperature: float,
    reach: float,
    most: float,
    power: int,
) -> None:
    """Make of logits those of a mixture with what the keys near a state tell, but for a number that all pieces share.

    A distance is that of squares over the sum of both squares, at least 0. The keys tell with shares that are a softmax
    of distances over the temperature; all of them together with a weight of most x (1 - distance / reach)^power, by the
    nearest key. Where weights are w, of a piece that a key tells the probability p becomes (1 - w) p + w q, of every
    other one (1 - w) p. So, all divided by 1 - w, only few logits change: by log(1 + w q / ((1 - w) p)).

    Args:
        logits_BKV: changed in their place.
        places_R: which sentences.
        squares_RM: of the keys; far_RM is added to distances: 0, or much where there is no key.
        pieces_RU: numbers among V, each once; where a sentence has fewer, any.
        spread_RMU: one where a key tells that piece, else zero.
    """
    states_RKE, logits_RKV = (x.index_select(0, places_R) for x in (states_BKE, logits_BKV))
    both_RKM = states_RKE.square().sum(2, keepdim=True) + squares_RM.unsqueeze(1)
    away_RKM = (1 - 2 * (states_RKE @ keys_RME.mT) / both_RKM).clamp_(min=0) + far_RM.unsqueeze(1)
    weights_RK1 = most * (1 - away_RKM.amin(2, keepdim=True) / reach).clamp_(min=0) ** power
    told_RKU = (away_RKM / -temperature).softmax(2) @ spread_RMU
    pieces_RKU = pieces_RU.unsqueeze(1).expand(-1, logits_RKV.shape[1], -1)
    logprobs_RKU = logits_RKV.gather(2, pieces_RKU) - log_sums(logits_RKV).unsqueeze(2)
    gains_RKU = (told_RKU * (weights_RK1 / (1 - weights_RK1))).log() - logprobs_RKU
    added_RKU = torch.logaddexp(gains_RKU, torch.zeros_like(gains_RKU))
    _, K, V = logits_BKV.shape
    rows_RK1 = places_R[:, None, None] * K + torch.arange(K, device=logits_BKV.device).unsqueeze(1)
    logits_BKV.view(-1).index_add_(0, (rows_RK1 * V + pieces_RKU).flatten(), added_RKU.flatten())
