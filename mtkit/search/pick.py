"""Rows of hypotheses taken along when a beam is reordered. Must not know what is in them."""

import torch
from torch import Tensor


def pick(x: Tensor, parents_BK: Tensor) -> Tensor:
    """x (B, K', ...) -> rows parents of each sentence (B, K, ...)."""
    B, K = x.shape[:2]
    if K == 1:
        return x.expand(-1, parents_BK.shape[1], *x.shape[2:])
    rows = parents_BK + torch.arange(B, device=x.device).unsqueeze(1) * K
    return x.flatten(0, 1).index_select(0, rows.flatten()).view(*parents_BK.shape, *x.shape[2:])
