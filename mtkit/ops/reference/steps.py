"""What lies between the products of a Transformer decoder's step in search.

Dimensions: n hypotheses of all sentences, B sentences, K hypotheses of each (n = B * K), L pieces so far, R rows of a
table, S source positions, C tiles of a memory, A heads, D the width of one, H = A * D.
"""

from math import inf

import torch
from torch import Tensor

TILE = 16  # positions of a memory whose keys lie side by side: a vector of the processor, or some


def add_norm(x_nH: Tensor, added_H: Tensor | None, gain_H: Tensor, shift_H: Tensor, epsilon: float) -> Tensor:
    """Add to each row, in its place; and the layer norm of what that gives."""
    if added_H is not None:
        x_nH += added_H
    return torch.nn.functional.layer_norm(x_nH, gain_H.shape, gain_H, shift_H, epsilon)


def attend_rows(made_n3H: Tensor, table_R2H: Tensor, first: int, rows_nL: Tensor, heads: int) -> Tensor:
    """Self-attention of one piece of every hypothesis: context_nH.

    Args:
        made_n3H: queries, keys and values.
        table_R2H: keys and values of all pieces of all hypotheses; those of row r of `made` are put at `first` + r.
        rows_nL: where in the table those of each hypothesis's pieces are; its last piece is the one that is put there.
    """
    n, H = len(made_n3H), table_R2H.shape[1] // 2
    table_R2H[first : first + n] = made_n3H[:, H:]
    keys_nLAD, values_nLAD = table_R2H[rows_nL].view(n, -1, 2, heads, H // heads).unbind(2)
    scores_nAL = torch.einsum("nad,nlad->nal", made_n3H[:, :H].view(n, heads, -1), keys_nLAD)
    weights_nAL = (scores_nAL * (H // heads) ** -0.5).softmax(-1)
    return torch.einsum("nal,nlad->nad", weights_nAL, values_nLAD).flatten(1)


def tiled(keys_BASD: Tensor, bias_BS: Tensor) -> tuple[Tensor, Tensor]:
    """Keys and bias of a memory as `attend_memory` takes them: keys_BACDT, the T positions of a tile innermost, and
    bias_BX of all X = C * T of them; beyond S there is nothing to see."""
    B, A, S, D = keys_BASD.shape
    more = -S % TILE
    padded_BAXD = torch.nn.functional.pad(keys_BASD, (0, 0, 0, more))
    keys_BACDT = padded_BAXD.view(B, A, -1, TILE, D).transpose(3, 4).contiguous()
    return keys_BACDT, torch.nn.functional.pad(bias_BS, (0, more), value=-inf)


def attend_memory(
    queries_nH: Tensor, keys_BACDT: Tensor, values_BSH: Tensor, bias_BX: Tensor, weigh: bool
) -> tuple[Tensor, Tensor | None]:
    """Attention of every hypothesis to the memory of its sentence: context_nH, and the mean weights of the heads, nS.

    Args:
        keys_BACDT, bias_BX: see `tiled`.
        weigh: whether the weights are wanted.
    """
    (B, A, _, D, _), S = keys_BACDT.shape, values_BSH.shape[1]
    queries_BAKD = queries_nH.view(B, -1, A, D).transpose(1, 2)
    keys_BADX = keys_BACDT.transpose(2, 3).flatten(3)
    scores_BAKX = queries_BAKD @ keys_BADX * D**-0.5 + bias_BX[:, None, None]
    weights_BAKS = scores_BAKX.softmax(-1)[..., :S]
    context_BAKD = weights_BAKS @ values_BSH.view(B, S, A, D).transpose(1, 2)
    context_nH = context_BAKD.transpose(1, 2).reshape(queries_nH.shape)
    return context_nH, weights_BAKS.mean(1).flatten(0, 1) if weigh else None
