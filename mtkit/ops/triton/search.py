"""What a search makes of rows of logits, in one kernel or two; see `mtkit.ops.reference.logits`."""

import torch
from torch import Tensor

from mtkit.ops.triton.launch import launch, power

SHAPE = 4096, 8  # columns at a time, and the warps that share them


def log_sums(logits_BKV: Tensor) -> Tensor:
    """See the reference."""
    (*lead, V), (block, warps) = logits_BKV.shape, SHAPE
    sums = logits_BKV.new_empty(lead)
    launch("search:log_sums", (sums.numel(),), logits_BKV, sums, V, BLOCK=block, num_warps=warps)
    return sums


def rule_out(logits_BKV: Tensor, states_BK: Tensor, out_ZV: Tensor, end: int) -> None:
    """See the reference; a row in state 0 is read no further than it must be."""
    (B, K, V), (block, warps) = logits_BKV.shape, SHAPE
    launch("search:rule_out", (B * K,), logits_BKV, states_BK, out_ZV, V, end, BLOCK=block, num_warps=warps)


def best_pieces(logits_BKV: Tensor, added_BK: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """See the reference; of equals the first is the better one."""
    (B, K, V), (block, warps) = logits_BKV.shape, SHAPE
    each = min(count, V)
    row_best, row_places = _room(logits_BKV, added_BK, B, K * each)
    rows = (logits_BKV, added_BK.contiguous(), row_best, row_places, V, K, each)
    launch("search:best_of_row", (B * K,), *rows, BLOCK=block, num_warps=warps)
    if K == 1:
        return row_best, row_places
    best_BM, places_BM = _room(logits_BKV, added_BK, B, count)
    merged = (row_best, row_places, best_BM, places_BM, K * each, count)
    launch("search:best_of_sentence", (B,), *merged, BLOCK=power(K * each), num_warps=1)
    return best_BM, places_BM


def _room(logits: Tensor, added: Tensor, *shape: int) -> tuple[Tensor, Tensor]:
    dtype = torch.promote_types(logits.dtype, added.dtype)
    return logits.new_empty(shape, dtype=dtype), logits.new_empty(shape, dtype=torch.int64)
