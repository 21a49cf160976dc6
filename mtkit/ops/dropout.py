"""Dropout (Srivastava et al. 2014), with masks that cost little on a CPU."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mtkit.ops import native
from mtkit.ops.packing import Packing

STEPS = 1 << 16  # a share is kept to one part in so many


def mask_like(x: Tensor, share: float) -> Tensor:
    """A mask of x's shape: 0 for the share that is dropped, 1 / (1 - share) for what is kept.

    Torch's global generator gives the keys. On a CPU a hash of them and of a number's place says whether it is kept,
    since torch's own draws cost more there than the product that they mask.
    """
    dropped = round(share * STEPS)
    kept = STEPS / (STEPS - dropped)
    if x.device.type != "cpu":
        return (torch.rand_like(x) >= dropped / STEPS).to(x.dtype) * kept
    mask = torch.empty_like(x, memory_format=torch.contiguous_format, requires_grad=False)
    low, high = torch.randint(1 << 32, (2,)).tolist()
    if native.fits(mask):
        native.elementwise.fill_mask(mask, low, high, dropped, kept)
    else:
        hashed = hashes(mask.numel(), low, high) >= np.uint32(dropped << 16)
        mask.copy_(torch.from_numpy(hashed).view(mask.shape)).mul_(kept)
    return mask


def hashes(count: int, low: int, high: int) -> NDArray[np.uint32]:
    """Evenly spread numbers, each made of its place and both keys by the finaliser of MurmurHash3 (Appleby 2011)."""
    h = np.arange(count, dtype=np.uint32)
    h *= np.uint32(0x9E3779B1)
    h += np.uint32(low)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x85EBCA6B)
    h ^= np.uint32(high)
    h ^= h >> np.uint32(13)
    h *= np.uint32(0xC2B2AE35)
    h ^= h >> np.uint32(16)
    return h


def dropout(x_NX: Tensor, share: float, packing: Packing, variational: bool) -> Tensor:
    """Packed rows with a share of their numbers dropped, the rest scaled up to the same mean."""
    return x_NX * packed_mask(x_NX, x_NX.shape[1], share, packing, variational) if share else x_NX


def packed_mask(like: Tensor, width: int, share: float, packing: Packing, variational: bool) -> Tensor:
    """A mask (N, width) of packed rows; `variational`: one a sequence (Gal and Ghahramani 2016)."""
    if not variational:
        return mask_like(like.new_empty(packing.positions, width), share)
    mask_BX = mask_like(like.new_empty(packing.sentences, width), share)
    return mask_BX.index_select(0, packing.sentence_N)
