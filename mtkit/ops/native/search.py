"""What search does with every row of logits (search.c)."""

import torch
from torch import Tensor

from mtkit.ops.native.call import call


def log_sums(logits_BKV: Tensor) -> Tensor:
    """See `mtkit.ops.reference.logits`."""
    *lead, V = logits_BKV.shape
    sums_BK = logits_BKV.new_empty(lead)
    call("log_sums", (sums_BK.numel(), V), (logits_BKV.view(-1, V), sums_BK))
    return sums_BK


def best_pieces(logits_BKV: Tensor, added_BK: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """See `mtkit.ops.reference.logits`; of equals the first."""
    B, K, V = logits_BKV.shape
    best_BM = logits_BKV.new_empty(B, count)
    places_BM = torch.empty(B, count, dtype=torch.long)
    call("best_pieces", (B, K, V, count), (logits_BKV.view(-1, V), added_BK.contiguous(), best_BM, places_BM))
    return best_BM, places_BM
