"""Parts of a decoder's step in search (steps.c); see `mtkit.ops.reference.steps`."""

import torch
from torch import Tensor

from mtkit.ops.native.call import call
from mtkit.ops.reference.steps import TILE


def add_norm(x_nH: Tensor, added_H: Tensor | None, gain_H: Tensor, shift_H: Tensor, epsilon: float) -> Tensor:
    """See the reference."""
    y_nH = torch.empty_like(x_nH)
    call("add_norm", (*x_nH.shape, epsilon), (x_nH, added_H, gain_H, shift_H, y_nH))
    return y_nH


def attend_rows(made_n3H: Tensor, table_R2H: Tensor, first: int, rows_nL: Tensor, heads: int) -> Tensor:
    """See the reference; of a hypothesis with a row that the table has not the context is not a number."""
    (n, L), (R, width), threads = rows_nL.shape, table_R2H.shape, torch.get_num_threads()
    H = width // 2
    D = H // heads
    context_nH, weights = made_n3H.new_empty(n, H), made_n3H.new_empty(threads, heads * (L + TILE))
    sizes = (n, L, heads, D, first, R, D**-0.5)
    call("attend_rows", sizes, (made_n3H, table_R2H, rows_nL, weights, context_nH), threads)
    return context_nH


def attend_memory(
    queries_nH: Tensor, keys_BACDT: Tensor, values_BSH: Tensor, bias_BX: Tensor, weigh: bool
) -> tuple[Tensor, Tensor | None]:
    """See the reference."""
    (B, A, _, D, _), (_, S, _), X = keys_BACDT.shape, values_BSH.shape, bias_BX.shape[1]
    n, threads = len(queries_nH), torch.get_num_threads()
    context_nH, weights = torch.empty_like(queries_nH), queries_nH.new_empty(threads, X)
    told_nX = queries_nH.new_empty(n, X) if weigh else None
    sizes = (n, n // B, S, X, A, D, D**-0.5)
    given = queries_nH, keys_BACDT, values_BSH, bias_BX, weights, context_nH, told_nX
    call("attend_memory", sizes, given, threads)
    return context_nH, None if told_nX is None else told_nX[:, :S]


def attend_dots(
    query_BKA: Tensor, keys_BSA: Tensor, values_BSH: Tensor, bias_BS: Tensor, heads: int
) -> tuple[Tensor, Tensor]:
    """See `mtkit.ops.reference.attention`."""
    (B, K, A), (_, S, H), threads = query_BKA.shape, values_BSH.shape, torch.get_num_threads()
    n = B * K
    context_BKH, told_BKS = query_BKA.new_empty(B, K, H), query_BKA.new_empty(B, K, S)
    weights = query_BKA.new_empty(threads, S + TILE)
    given = query_BKA.view(n, A), keys_BSA, values_BSH, bias_BS, weights, context_BKH, told_BKS
    call("attend_dots", (n, K, S, A, H, heads), given, threads)
    return context_BKH, told_BKS
