"""Dropout (Srivastava et al. 2014), with masks that cost little on a CPU."""

import numpy as np
import torch
from torch import Tensor

from mtkit.corpus.packing import Packing

STEPS = 1 << 16  # a share is kept to one part in so many


def mask_like(x: Tensor, share: float) -> Tensor:
    """A mask of x's shape: 0 for the share that is dropped, 1 / (1 - share) for what is kept.

    Drawn from torch's global generator. On a CPU that only seeds a quicker one: torch's own draws cost more there
    than the product that they mask.
    """
    dropped = round(share * STEPS)
    kept = STEPS / (STEPS - dropped)
    if x.device.type != "cpu":
        return (torch.rand_like(x) >= dropped / STEPS).to(x.dtype) * kept
    rng = np.random.Generator(np.random.SFC64(int(torch.randint(1 << 62, ()))))
    draws = rng.integers(-STEPS // 2, STEPS // 2, x.numel(), dtype=np.int16)
    return torch.from_numpy(draws).ge_(dropped - STEPS // 2).to(x.dtype).mul_(kept).view(x.shape)


def dropout(x_NX: Tensor, share: float, packing: Packing, variational: bool) -> Tensor:
    """Packed rows with a share of their numbers dropped, the rest scaled up to the same mean."""
    return x_NX * packed_mask(x_NX, x_NX.shape[1], share, packing, variational) if share else x_NX


def packed_mask(like: Tensor, width: int, share: float, packing: Packing, variational: bool) -> Tensor:
    """A mask (N, width) of packed rows; `variational`: one a sequence (Gal and Ghahramani 2016)."""
    if not variational:
        return mask_like(like.new_empty(packing.positions, width), share)
    mask_BX = mask_like(like.new_empty(packing.sentences, width), share)
    return mask_BX.index_select(0, packing.sentence_N)
