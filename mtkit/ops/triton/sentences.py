"""Attention of short sentences as a whole, a kernel forward and one backward; see `mtkit.ops.reference.sentences`."""

import torch
from torch import Tensor

from mtkit.ops.triton.launch import launch, power


def attend(
    queries_BAQD: Tensor, keys_BASD: Tensor, values_BASD: Tensor, mask_BS: Tensor | None, causal: bool
) -> Tensor:
    """See the reference."""
    out = torch.empty_like(queries_BAQD)
    tensors = queries_BAQD, keys_BASD, values_BASD
    launch(
        "sentences:attend",
        (queries_BAQD.shape[0] * queries_BAQD.shape[1],),
        *(*tensors, mask_BS, out),
        *_sizes(queries_BAQD, keys_BASD, mask_BS),
        *_strides(*tensors, out),
        **_constants(queries_BAQD, keys_BASD, mask_BS, causal),
    )
    return out


def attend_backward(
    grad_BAQD: Tensor,
    queries_BAQD: Tensor,
    keys_BASD: Tensor,
    values_BASD: Tensor,
    mask_BS: Tensor | None,
    causal: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """See the reference."""
    tensors = queries_BAQD, keys_BASD, values_BASD
    made = torch.empty_like(queries_BAQD), torch.empty_like(keys_BASD), torch.empty_like(values_BASD)
    launch(
        "sentences:attend_backward",
        (queries_BAQD.shape[0] * queries_BAQD.shape[1],),
        *(grad_BAQD, *tensors, mask_BS, *made),
        *_sizes(queries_BAQD, keys_BASD, mask_BS),
        *_strides(grad_BAQD, *tensors, *made),
        **_constants(queries_BAQD, keys_BASD, mask_BS, causal),
    )
    return made


def _sizes(queries_BAQD: Tensor, keys_BASD: Tensor, mask_BS: Tensor | None) -> tuple[int | float, ...]:
    _, heads, Q, D = queries_BAQD.shape
    return Q, keys_BASD.shape[2], heads, D**-0.5, 0 if mask_BS is None else mask_BS.stride(0)


def _strides(*tables_BALD: Tensor) -> list[int]:
    return [stride for table in tables_BALD for stride in table.stride()[:3]]


def _constants(
    queries_BAQD: Tensor, keys_BASD: Tensor, mask_BS: Tensor | None, causal: bool
) -> dict[str, int | bool | str]:
    tf32 = torch.backends.cuda.matmul.allow_tf32
    return {
        "CAUSAL": causal,
        "MASK": 0 if mask_BS is None else 1 if mask_BS.dtype is torch.bool else 2,
        "PRECISION": "tf32" if tf32 else "ieee",
        "QUERIES": max(16, power(queries_BAQD.shape[2])),  # products of blocks have 16 rows at least
        "POSITIONS": max(16, power(keys_BASD.shape[2])),
        "D": queries_BAQD.shape[3],
    }
