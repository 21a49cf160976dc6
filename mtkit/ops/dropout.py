"""Dropout (Srivastava et al. 2014), with masks that cost little on a CPU."""

import torch
from torch import Tensor, nn

from mtkit.ops import compute
from mtkit.ops.packing import Packing
from mtkit.ops.reference import dropout as reference
from mtkit.ops.table import operation

STEPS = 1 << 16  # a share is kept to one part in so many

_fill_mask = operation("fill_mask", reference.fill_mask)


def mask_like(x: Tensor, share: float) -> Tensor:
    """A mask of x's shape: 0 for the share that is dropped, 1 / (1 - share) for what is kept.

    The generator that is entered (`mtkit.ops.compute`), or torch's global one, gives the keys. On a CPU a hash of them
    and of a number's place says whether it is kept, since torch's own draws cost more than the product that they mask.
    """
    dropped = round(share * STEPS)
    kept = STEPS / (STEPS - dropped)
    mask = torch.empty_like(x, memory_format=torch.contiguous_format, requires_grad=False)
    if x.device.type != "cpu":  # two kernels; the device's default generator is the one that CUDA graphs know
        return mask.bernoulli_(1 / kept).mul_(kept)
    low, high = torch.randint(1 << 32, (2,), generator=compute.current().generator).tolist()
    _fill_mask(mask, low, high, dropped, kept)
    return mask


def dropout(x_NX: Tensor, share: float, packing: Packing, variational: bool) -> Tensor:
    """Packed rows with a share of their numbers dropped, the rest scaled up to the same mean."""
    if not share:
        return x_NX
    if x_NX.is_cuda and not variational:  # one kernel, and one going back
        return nn.functional.dropout(x_NX, share)
    return x_NX * packed_mask(x_NX, x_NX.shape[1], share, packing, variational)


def packed_mask(like: Tensor, width: int, share: float, packing: Packing, variational: bool) -> Tensor:
    """A mask (N, width) of packed rows; `variational`: one a sequence (Gal and Ghahramani 2016)."""
    if not variational:
        return mask_like(like.new_empty(packing.positions, width), share)
    mask_BX = mask_like(like.new_empty(packing.sentences, width), share)
    return mask_BX.index_select(0, packing.sentence_N)
