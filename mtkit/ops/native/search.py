"""What search does with every row of logits (search.c)."""

import torch
from torch import Tensor

from mtkit.ops.native.compiler import call


def log_sums(logits_NV: Tensor) -> Tensor:
    """The logarithm of the sum of exponentials of each row, N."""
    sums_N = logits_NV.new_empty(len(logits_NV))
    call("log_sums", logits_NV.shape, ((logits_NV, False), (sums_N, False)))
    return sums_N


def best_words(logits_BKV: Tensor, added_BK: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The best `count` of logits + added of each sentence, best first, and their places k * V + word."""
    (B, K, V), device = logits_BKV.shape, logits_BKV.device
    best_BM = logits_BKV.new_empty(B, count)
    places_BM = torch.empty(B, count, dtype=torch.long, device=device)
    given = ((logits_BKV.view(-1, V), False), (added_BK.contiguous(), False), (best_BM, False), (places_BM, False))
    call("best_words", (B, K, V, count), given)
    return best_BM, places_BM
