"""Attention of whole sentences at once (Vaswani et al. 2017), written out.

Dimensions: B sentences, A heads, Q positions that ask, S positions that are looked at, D the width of a head.
"""

import torch
from torch import Tensor

from mtkit.ops.derivatives import softmax_grad


def attend(
    queries_BAQD: Tensor, keys_BASD: Tensor, values_BASD: Tensor, mask_BS: Tensor | None, causal: bool
) -> Tensor:
    """Softmax of queries times keys over the root of D, times values: context_BAQD.

    Args:
        mask_BS: True at real positions, or 0 there and minus infinity at padding; None: all are real.
        causal: whether query q sees positions up to q only.
    """
    return _weights(queries_BAQD, keys_BASD, mask_BS, causal) @ values_BASD


def attend_backward(
    grad_BAQD: Tensor,
    queries_BAQD: Tensor,
    keys_BASD: Tensor,
    values_BASD: Tensor,
    mask_BS: Tensor | None,
    causal: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradient of the contexts -> of queries, keys and values; the weights are made once more."""
    weights_BAQS = _weights(queries_BAQD, keys_BASD, mask_BS, causal)
    grad_scores_BAQS = softmax_grad(grad_BAQD @ values_BASD.mT, weights_BAQS) * queries_BAQD.shape[-1] ** -0.5
    return grad_scores_BAQS @ keys_BASD, grad_scores_BAQS.mT @ queries_BAQD, weights_BAQS.mT @ grad_BAQD


def _weights(queries_BAQD: Tensor, keys_BASD: Tensor, mask_BS: Tensor | None, causal: bool) -> Tensor:
    scores_BAQS = queries_BAQD @ keys_BASD.mT * queries_BAQD.shape[-1] ** -0.5
    if mask_BS is not None:
        mask_B11S = mask_BS[:, None, None]
        added = mask_B11S.dtype is not torch.bool
        scores_BAQS = scores_BAQS + mask_B11S if added else scores_BAQS.masked_fill(~mask_B11S, float("-inf"))
    if causal:
        ahead_QS = torch.ones(scores_BAQS.shape[-2:], dtype=torch.bool, device=scores_BAQS.device).triu(1)
        scores_BAQS = scores_BAQS.masked_fill(ahead_QS, float("-inf"))
    weights_BAQS: Tensor = scores_BAQS.softmax(-1)
    return weights_BAQS
