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
    """See `mtkit.ops.reference.logits`."""
    B, K, V = logits_BKV.shape
    R, M, U = spread_RMU.shape
    away_RKM, told_RKU = logits_BKV.new_empty(R, K, M), logits_BKV.new_empty(R, K, U)
    sizes = (B, K, V, R, M, U, states_BKE.shape[2], power, temperature, reach, most)
    tables = (keys_RME, squares_RM, far_RM, pieces_RU, spread_RMU, away_RKM, told_RKU)
    call("mix_told", sizes, (logits_BKV.view(-1, V), states_BKE.contiguous(), places_R, *tables))
