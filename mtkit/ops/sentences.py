"""Attention of whole sentences at once, as in a Transformer. What it does stands in `mtkit.ops.reference.sentences`.

torch has kernels for it that are made for long sentences, and waste most of their work on short ones: where another
form takes them on CUDA, that is differentiated by hand.
"""

import torch
from torch import Tensor, nn

from mtkit.ops.reference import sentences as reference
from mtkit.ops.table import operation
from mtkit.ops.triton import takes

_attend = operation("attend_sentences", reference.attend)
_attend_backward = operation("attend_sentences_backward", reference.attend_backward)


def attend(
    queries_BAQD: Tensor, keys_BASD: Tensor, values_BASD: Tensor, mask_BS: Tensor | None = None, causal: bool = False
) -> Tensor:
    """See the reference."""
    if queries_BAQD.is_cuda and takes.short((queries_BAQD, keys_BASD, values_BASD, mask_BS)):
        return _Attend.apply(queries_BAQD, keys_BASD, values_BASD, mask_BS, causal)  # type: ignore[no-any-return, no-untyped-call]
    return nn.functional.scaled_dot_product_attention(
        queries_BAQD,
        keys_BASD,
        values_BASD,
        attn_mask=None if mask_BS is None else mask_BS[:, None, None],
        is_causal=causal,
    )


class _Attend(torch.autograd.Function):
    @staticmethod
    def forward(ctx, queries_BAQD, keys_BASD, values_BASD, mask_BS, causal):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(queries_BAQD, keys_BASD, values_BASD, mask_BS)
        ctx.causal = causal
        return _attend(queries_BAQD, keys_BASD, values_BASD, mask_BS, causal)

    @staticmethod
    def backward(ctx, grad_BAQD):  # type: ignore[no-untyped-def]
        if grad_BAQD.stride(-1) != 1:
            grad_BAQD = grad_BAQD.contiguous()
        queries_BAQD, keys_BASD, values_BASD, mask_BS = ctx.saved_tensors
        grads = _attend_backward(grad_BAQD, queries_BAQD, keys_BASD, values_BASD, mask_BS, ctx.causal)
        return *grads, None, None
