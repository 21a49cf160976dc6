"""The hash that says what dropout keeps."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def fill_mask(mask: Tensor, low_key: int, high_key: int, dropped: int, kept: float) -> None:
    """Number i of a contiguous mask: 0 for a share of `dropped` in 2^16, `kept` for the rest, by `hashes`."""
    hashed = hashes(mask.numel(), low_key, high_key) >= np.uint32(dropped << 16)
    mask.copy_(torch.from_numpy(hashed).view(mask.shape)).mul_(kept)


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
